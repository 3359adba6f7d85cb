/**
 * The tables of QR codes (ISO/IEC 18004) that no formula gives, for error correction level L: codes
 * are shown on a screen, where nothing gets scratched, and the lowest level keeps them coarse.
 */
const VERSION_MAX = 40

/** By version, from 1: bytes of error correction in each block, and how many blocks there are. */
// prettier-ignore
const eccPerBlock = [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28, 28, 28, 30, 30, 26, 28, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30, 30]
// prettier-ignore
const blockCounts = [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8, 8, 9, 9, 10, 12, 12, 12, 13, 14, 15, 16, 17, 18, 19, 19, 20, 21, 22, 24, 25]

export interface QrFormat {
  readonly version: number
  /** Modules on each side. */
  readonly size: number
  readonly blocks: number
  readonly eccBytes: number
  /** All codewords, error correction included. */
  readonly totalBytes: number
  readonly dataBytes: number
}

function formatOf(version: number): QrFormat {
  const size = version * 4 + 17
  const blocks = blockCounts[version - 1] as number
  const eccBytes = eccPerBlock[version - 1] as number
  const totalBytes = Math.floor(dataModules(version) / 8)
  return { version, size, blocks, eccBytes, totalBytes, dataBytes: totalBytes - blocks * eccBytes }
}

/** The smallest format for as many bytes; undefined if there is none. */
export function formatFor(bytes: number): QrFormat | undefined {
  for (let version = 1; version <= VERSION_MAX; version++) {
    const format = formatOf(version)
    if (bitsFor(version, bytes) <= format.dataBytes * 8) return format
  }
  return undefined
}

/** Mode, length and the bytes themselves. */
const bitsFor = (version: number, bytes: number): number => 4 + lengthBits(version) + 8 * bytes

export const lengthBits = (version: number): number => (version < 10 ? 8 : 16)

/** Modules that are no pattern and no format information. */
function dataModules(version: number): number {
  const size = version * 4 + 17
  const centers = alignmentCenters(version).length
  const finders = 3 * 64 + 31
  const timing = 2 * (size - 16)
  // Two of the alignment patterns in each row and column of them lie on the timing pattern.
  const alignment = centers === 0 ? 0 : 25 * (centers ** 2 - 3) - 10 * (centers - 2)
  return size ** 2 - finders - timing - alignment - (version < 7 ? 0 : 36)
}

/** Where alignment patterns have their centers, along each side. */
export function alignmentCenters(version: number): readonly number[] {
  if (version === 1) return []
  const count = Math.floor(version / 7) + 2
  const step = version === 32 ? 26 : Math.ceil((version * 4 + 4) / (count * 2 - 2)) * 2
  const last = version * 4 + 10
  return [6, ...Array.from({ length: count - 1 }, (_, at) => last - step * (count - 2 - at))]
}
