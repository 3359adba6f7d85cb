import { codewordsOf } from './qr-bytes.ts'
import { alignmentCenters, formatFor, type QrFormat } from './qr-format.ts'
import { masks, penaltyOf } from './qr-mask.ts'

/**
 * A QR code (ISO/IEC 18004), byte mode, level L:
 *
 * 1. the patterns that a reader looks for are drawn, and their modules are taken;
 * 2. the codewords fill what is left, two columns at a time, up and down, from the right;
 * 3. of eight masks the one is taken whose picture looks least like a pattern.
 */
export interface QrCode {
  /** Modules on each side, without the quiet zone of four. */
  readonly size: number
  isDark(row: number, column: number): boolean
}

const LEVEL_L = 1

/** @returns undefined if the text is too long for any: above 2,953 bytes */
export function qrCode(text: string): QrCode | undefined {
  const bytes = new TextEncoder().encode(text)
  const format = formatFor(bytes.length)
  if (format === undefined) return undefined
  const plain = new Modules(format)
  plain.fill(codewordsOf(bytes, format))
  const masked = masks.map(mask => plain.masked(mask))
  const [best] = masked
    .map(modules => ({ modules, penalty: penaltyOf(modules) }))
    .toSorted((one, other) => one.penalty - other.penalty)
  return best?.modules
}

/** The square of modules: which are dark, and which are no longer free for data. */
class Modules implements QrCode {
  readonly size: number
  readonly #format: QrFormat
  readonly #dark: Uint8Array
  readonly #taken: Uint8Array

  constructor(format: QrFormat) {
    this.#format = format
    this.size = format.size
    this.#dark = new Uint8Array(format.size ** 2)
    this.#taken = new Uint8Array(format.size ** 2)
    this.#drawPatterns()
  }

  isDark(row: number, column: number): boolean {
    return this.#dark[row * this.size + column] === 1
  }

  /** Codewords into what is free, from the lower right corner. */
  fill(codewords: Uint8Array): void {
    let bit = 0
    for (let right = this.size - 1; right >= 1; right -= 2) {
      // The column of the timing pattern is no column.
      if (right === 6) right = 5
      const isUpward = ((right + 1) & 2) === 0
      for (let step = 0; step < this.size; step++) {
        const row = isUpward ? this.size - 1 - step : step
        for (const column of [right, right - 1]) {
          if (this.#taken[row * this.size + column] === 1 || bit >= codewords.length * 8) continue
          const byte = codewords[bit >> 3] as number
          this.#dark[row * this.size + column] = (byte >> (7 - (bit & 7))) & 1
          bit++
        }
      }
    }
  }

  /** A copy under a mask, which it names. */
  masked(mask: (typeof masks)[number]): Modules {
    const copy = new Modules(this.#format)
    for (let row = 0; row < this.size; row++)
      for (let column = 0; column < this.size; column++) {
        const at = row * this.size + column
        if (this.#taken[at] === 1) continue
        copy.#dark[at] = (this.#dark[at] as number) ^ (mask.inverts(row, column) ? 1 : 0)
      }
    copy.#drawFormat(mask.number)
    return copy
  }

  #drawPatterns(): void {
    for (let at = 0; at < this.size; at++) {
      this.#set(6, at, at % 2 === 0)
      this.#set(at, 6, at % 2 === 0)
    }
    const last = this.size - 4
    for (const [row, column] of [
      [3, 3],
      [3, last],
      [last, 3],
    ] as const)
      this.#drawFinder(row, column)
    this.#drawAlignment()
    this.#drawFormat(0)
    this.#drawVersion()
  }

  /** Three squares in each other, and the light frame around them. */
  #drawFinder(row: number, column: number): void {
    for (let down = -4; down <= 4; down++)
      for (let along = -4; along <= 4; along++) {
        const ring = Math.max(Math.abs(down), Math.abs(along))
        this.#set(row + down, column + along, ring !== 2 && ring !== 4)
      }
  }

  #drawAlignment(): void {
    const centers = alignmentCenters(this.#format.version)
    const last = centers.length - 1
    for (const [i, row] of centers.entries())
      for (const [j, column] of centers.entries()) {
        const isFinder = (i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0)
        if (isFinder) continue
        for (let down = -2; down <= 2; down++)
          for (let along = -2; along <= 2; along++)
            this.#set(row + down, column + along, Math.max(Math.abs(down), Math.abs(along)) !== 1)
      }
  }

  /** Level and mask, with ten bits of BCH code, twice. */
  #drawFormat(mask: number): void {
    const data = (LEVEL_L << 3) | mask
    const bits = ((data << 10) | remainder(data, 10, 0x537)) ^ 0x5412
    const bit = (at: number): boolean => ((bits >> at) & 1) === 1
    const end = this.size - 1
    for (let at = 0; at <= 5; at++) this.#set(at, 8, bit(at))
    this.#set(7, 8, bit(6))
    this.#set(8, 8, bit(7))
    this.#set(8, 7, bit(8))
    for (let at = 9; at < 15; at++) this.#set(8, 14 - at, bit(at))
    for (let at = 0; at < 8; at++) this.#set(8, end - at, bit(at))
    for (let at = 8; at < 15; at++) this.#set(end - 14 + at, 8, bit(at))
    this.#set(end - 7, 8, true)
  }

  /** From version 7 on the version, with twelve bits of Golay code, twice. */
  #drawVersion(): void {
    const { version } = this.#format
    if (version < 7) return
    const bits = (version << 12) | remainder(version, 12, 0x1f25)
    for (let at = 0; at < 18; at++) {
      const isDark = ((bits >> at) & 1) === 1
      const [far, near] = [this.size - 11 + (at % 3), Math.floor(at / 3)]
      this.#set(near, far, isDark)
      this.#set(far, near, isDark)
    }
  }

  #set(row: number, column: number, isDark: boolean): void {
    if (row < 0 || column < 0 || row >= this.size || column >= this.size) return
    this.#dark[row * this.size + column] = isDark ? 1 : 0
    this.#taken[row * this.size + column] = 1
  }
}

/** Of a polynomial over bits, times x to the degree. */
function remainder(data: number, degree: number, generator: number): number {
  let rest = data
  for (let step = 0; step < degree; step++)
    rest = (rest << 1) ^ ((rest >> (degree - 1)) * generator)
  return rest
}
