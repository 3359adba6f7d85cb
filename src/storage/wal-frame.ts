import { crc32 } from 'node:zlib'

import type { Random } from '../base/environment.ts'

/**
 * A frame: one write and one sync of the log, with all records that were waiting.
 *
 *      0       4           12      16      20       24       28            44       48
 *      | magic | sequence  | body  | body  | groups | groups | displaced   | header | body … padding
 *      |       |           | bytes | crc   |        | before | words 0 … 3 | crc    |
 *
 * Little-endian. A frame starts on a sector and fills whole sectors, so that a torn write touches no
 * sector of an earlier frame. `groups` has bit (group mod 32) set for each group with a record in
 * the frame; `groups before` repeats that of the frame before, so that a frame which cannot be read
 * any more still tells whose records it held.
 *
 * Every sector ends in a stamp: the salt of its segment. The words that stood there are kept in the
 * header, four of them; the others in extra sectors behind the body, 126 in each. The stamp tells
 * whether a sector was written since the segment began, whatever stood there before (zeros, or the
 * frames of the segment whose file this was). So if the last frame is bad and a sector lacks its
 * stamp, it was not written whole: the write was torn, and nobody was told it succeeded. A bad frame
 * with all its stamps was whole once: that is rot.
 *
 * Checksums start from the salt and cover what is on disk: header, body with stamps, extra sectors.
 */
export const SECTOR_BYTES = 512
export const FRAME_HEADER_BYTES = 48

const MAGIC = 0x31574648
const SECTOR_WORDS = SECTOR_BYTES / 4
const STAMP_WORD = SECTOR_WORDS - 1
const FIRST_DISPLACED_WORD = 28 / 4
const DISPLACED_IN_HEADER = 4
const DISPLACED_PER_SECTOR = SECTOR_WORDS - 2
/** A stamp may have rotted a little and still be one. */
const STAMP_FLIPS_MAX = 2
/** Set in every salt: keeps stamps far from zeros. */
const SALT_BITS = 0x11111111
const SALT_DISTANCE_MIN = 8
const SALT_TRIES_MAX = 100

export interface FrameHeader {
  /** One more than that of the frame before, across segments. */
  readonly sequence: number
  readonly bodyBytes: number
  readonly bodyCrc: number
  readonly groups: number
  readonly groupsBefore: number
}

/** A new salt, far from zero and from the one that stamped the file before. */
export function drawSalt(random: Random, before: number): number {
  for (let tries = 0; tries < SALT_TRIES_MAX; tries++) {
    const salt = (random.u32() | SALT_BITS) >>> 0
    if (countBits(salt ^ before) >= SALT_DISTANCE_MIN) return salt
  }
  return (before ^ ~SALT_BITS) >>> 0
}

/** The bit of a group in a mask of groups. */
export const groupBit = (group: number): number => (1 << (group % 32)) >>> 0

/** Sectors with header and body. */
const mainSectors = (bodyBytes: number): number =>
  Math.ceil((FRAME_HEADER_BYTES + bodyBytes) / SECTOR_BYTES)

const extraSectors = (main: number): number =>
  Math.max(0, Math.ceil((main - DISPLACED_IN_HEADER) / DISPLACED_PER_SECTOR))

/** Bytes on disk of a frame with a body of this size. */
export function frameBytes(bodyBytes: number): number {
  const main = mainSectors(bodyBytes)
  return (main + extraSectors(main)) * SECTOR_BYTES
}

/** Completes a frame in place; `frame` has room for the header, then the body, then anything. */
export function sealFrame(
  frame: Uint8Array,
  salt: number,
  { sequence, bodyBytes, groups, groupsBefore }: Omit<FrameHeader, 'bodyCrc'>,
): void {
  frame.fill(0, FRAME_HEADER_BYTES + bodyBytes)
  stamp(viewOf(frame), mainSectors(bodyBytes), salt)
  const view = new DataView(frame.buffer, frame.byteOffset, FRAME_HEADER_BYTES)
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, sequence % 2 ** 32, true)
  view.setUint32(8, Math.floor(sequence / 2 ** 32), true)
  view.setUint32(12, bodyBytes, true)
  view.setUint32(16, bodyCrc(frame, salt, bodyBytes), true)
  view.setUint32(20, groups, true)
  view.setUint32(24, groupsBefore, true)
  view.setUint32(FRAME_HEADER_BYTES - 4, headerCrc(frame, salt), true)
}

/** The header at the start of `bytes`; undefined unless all of it is as it was written. */
export function readHeader(bytes: Uint8Array, salt: number): FrameHeader | undefined {
  if (bytes.length < FRAME_HEADER_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_HEADER_BYTES)
  if (view.getUint32(0, true) !== MAGIC) return undefined
  if (view.getUint32(FRAME_HEADER_BYTES - 4, true) !== headerCrc(bytes, salt)) return undefined
  return {
    sequence: view.getUint32(4, true) + view.getUint32(8, true) * 2 ** 32,
    bodyBytes: view.getUint32(12, true),
    bodyCrc: view.getUint32(16, true),
    groups: view.getUint32(20, true),
    groupsBefore: view.getUint32(24, true),
  }
}

/**
 * The body of the frame that fills `frame`; undefined if it is cut off or not as written. A view:
 * the displaced words are put back in place, so a frame can be read only once from its bytes.
 */
export function readBody(
  frame: Uint8Array,
  salt: number,
  header: FrameHeader,
): Uint8Array | undefined {
  const { bodyBytes } = header
  if (frame.length < frameBytes(bodyBytes)) return undefined
  if (bodyCrc(frame, salt, bodyBytes) !== header.bodyCrc) return undefined
  unstamp(viewOf(frame), mainSectors(bodyBytes))
  return frame.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + bodyBytes)
}

/** Whether a sector of the frame that fills `frame` was never written. */
export function hasHole(frame: Uint8Array, salt: number): boolean {
  for (let start = 0; start < frame.length; start += SECTOR_BYTES) {
    if (isUnwritten(frame.subarray(start, start + SECTOR_BYTES), salt)) return true
  }
  return false
}

/** Whether nothing was written to this sector since the segment began. */
export function isUnwritten(sector: Uint8Array, salt: number): boolean {
  const view = new DataView(sector.buffer, sector.byteOffset, SECTOR_BYTES)
  return countBits(view.getUint32(SECTOR_BYTES - 4, true) ^ salt) > STAMP_FLIPS_MAX
}

/**
 * Whether the first sector of a frame, its header unreadable, never got there whole or was taken
 * back: it lacks its stamp, or a byte of the magic, which no flipped bit can do.
 */
export const isCutShort = (sector: Uint8Array, salt: number): boolean =>
  isUnwritten(sector, salt) || sector.subarray(0, 4).includes(0)

const viewOf = (frame: Uint8Array): DataView =>
  new DataView(frame.buffer, frame.byteOffset, frame.byteLength)

function stamp(view: DataView, main: number, salt: number): void {
  for (let sector = 0; sector < main; sector++) {
    const at = (sector * SECTOR_WORDS + STAMP_WORD) * 4
    view.setUint32(displacedAt(main, sector), view.getUint32(at, true), true)
    view.setUint32(at, salt, true)
  }
  for (let sector = main; sector < main + extraSectors(main); sector++) {
    view.setUint32((sector * SECTOR_WORDS + STAMP_WORD) * 4, salt, true)
  }
}

function unstamp(view: DataView, main: number): void {
  for (let sector = 0; sector < main; sector++) {
    const at = (sector * SECTOR_WORDS + STAMP_WORD) * 4
    view.setUint32(at, view.getUint32(displacedAt(main, sector), true), true)
  }
}

/** Where the word is kept that the stamp of `sector` displaced. */
function displacedAt(main: number, sector: number): number {
  if (sector < DISPLACED_IN_HEADER) return (FIRST_DISPLACED_WORD + sector) * 4
  const rest = sector - DISPLACED_IN_HEADER
  const extra = main + Math.floor(rest / DISPLACED_PER_SECTOR)
  return (extra * SECTOR_WORDS + (rest % DISPLACED_PER_SECTOR)) * 4
}

function bodyCrc(frame: Uint8Array, salt: number, bodyBytes: number): number {
  const main = mainSectors(bodyBytes)
  const crc = crc32(frame.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + bodyBytes), salt)
  const extra = frame.subarray(main * SECTOR_BYTES, frameBytes(bodyBytes))
  return extra.length === 0 ? crc : crc32(extra, crc)
}

const headerCrc = (bytes: Uint8Array, salt: number): number =>
  crc32(bytes.subarray(0, FRAME_HEADER_BYTES - 4), salt)

function countBits(word: number): number {
  let count = 0
  for (let rest = word; rest !== 0; rest &= rest - 1) count++
  return count
}
