import { crc32 } from 'node:zlib'

/**
 * A frame: one write and one sync of the log, with all records that were waiting.
 *
 *      0        4        8                16        20        24        28        32        36
 *      | magic  | flags  | sequence u64   | body    | body    | groups  | groups  | header  | body …
 *      |        |        |                | bytes   | crc     |         | before  | crc     |
 *
 * Little-endian. A frame starts on a sector and is padded with 0xFF to the end of its last one, so
 * that a torn write never touches a sector of an earlier frame. Both checksums start from the
 * segment's salt. `groups` has bit (group mod 32) set for each group with a record in the frame;
 * `groups before` repeats that of the frame before, so that a frame which cannot be read any more
 * still tells whose records it held.
 *
 * Segments start as zeros, no sector of a frame is ever blank (a body that would have one is
 * whitened), and its last byte is padding. So if the last frame is bad and has a blank sector, or
 * lacks its beginning or end, it was not written whole: the write was torn, and nobody was told it succeeded. A
 * bad frame without such a hole was whole once: that is rot.
 */
export const SECTOR_BYTES = 512
export const FRAME_HEADER_BYTES = 36

const MAGIC = 0x31574648
const FLAG_WHITENED = 1
/** A blank sector may have rotted a little; a written one has more than this many non-zero bytes. */
const BLANK_NONZERO_BYTES_MAX = 4

export interface FrameHeader {
  readonly isWhitened: boolean
  /** One more than that of the frame before, across segments. */
  readonly sequence: number
  readonly bodyBytes: number
  readonly bodyCrc: number
  readonly groups: number
  readonly groupsBefore: number
}

/** The bit of a group in a mask of groups. */
export const groupBit = (group: number): number => (1 << (group % 32)) >>> 0

/** Bytes on disk of a frame with a body of this size: whole sectors, with at least one of padding. */
export const frameBytes = (bodyBytes: number): number =>
  Math.ceil((FRAME_HEADER_BYTES + bodyBytes + 1) / SECTOR_BYTES) * SECTOR_BYTES

/** 0xFF for the rest of a sector. */
export const PADDING: Uint8Array = new Uint8Array(SECTOR_BYTES).fill(0xff)

/**
 * Completes a frame in place: `frame` has room for the header, then the body, then padding up to
 * whole sectors.
 */
export function sealFrame(
  frame: Uint8Array,
  salt: number,
  { sequence, bodyBytes, groups, groupsBefore }: Omit<FrameHeader, 'isWhitened' | 'bodyCrc'>,
): void {
  const body = frame.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + bodyBytes)
  const isWhitened = hasBlankPart(frame)
  if (isWhitened) whiten(body, salt ^ sequence)
  const view = new DataView(frame.buffer, frame.byteOffset, FRAME_HEADER_BYTES)
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, isWhitened ? FLAG_WHITENED : 0, true)
  view.setUint32(8, sequence % 2 ** 32, true)
  view.setUint32(12, Math.floor(sequence / 2 ** 32), true)
  view.setUint32(16, bodyBytes, true)
  view.setUint32(20, crc32(body, salt), true)
  view.setUint32(24, groups, true)
  view.setUint32(28, groupsBefore, true)
  view.setUint32(32, headerCrc(frame, salt), true)
}

/** The header at the start of `bytes`; undefined unless all of it is as it was written. */
export function readHeader(bytes: Uint8Array, salt: number): FrameHeader | undefined {
  if (bytes.length < FRAME_HEADER_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_HEADER_BYTES)
  if (view.getUint32(0, true) !== MAGIC) return undefined
  if (view.getUint32(32, true) !== headerCrc(bytes, salt)) return undefined
  return {
    isWhitened: (view.getUint32(4, true) & FLAG_WHITENED) !== 0,
    sequence: view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32,
    bodyBytes: view.getUint32(16, true),
    bodyCrc: view.getUint32(20, true),
    groups: view.getUint32(24, true),
    groupsBefore: view.getUint32(28, true),
  }
}

/**
 * The body of the frame at the start of `bytes`; undefined if it is cut off or not as written.
 * A view of `bytes`, or a copy if the body was whitened.
 */
export function readBody(
  bytes: Uint8Array,
  salt: number,
  header: FrameHeader,
): Uint8Array | undefined {
  const end = FRAME_HEADER_BYTES + header.bodyBytes
  if (end > bytes.length) return undefined
  const body = bytes.subarray(FRAME_HEADER_BYTES, end)
  if (crc32(body, salt) !== header.bodyCrc) return undefined
  if (!header.isWhitened) return body
  const plain = body.slice()
  whiten(plain, salt ^ header.sequence)
  return plain
}

/** Whether part of a frame was never written; `frame` is as long as its header says. */
export const hasHole = (frame: Uint8Array): boolean => frame.at(-1) === 0 || hasBlankPart(frame)

/**
 * Whether a first sector without a readable header is one that never got there whole, or was taken
 * back: it lacks a byte of the magic, which no flipped bit can do, or all that follows the header.
 */
export const isCutShort = (sector: Uint8Array): boolean =>
  sector.subarray(0, 4).includes(0) || isBlank(sector, FRAME_HEADER_BYTES)

/** Whether nothing was ever written to this sector. */
export const isBlankSector = (sector: Uint8Array): boolean => isBlank(sector, 0)

/** Whether a sector of the frame, or what follows the header in its first one, is blank. */
function hasBlankPart(frame: Uint8Array): boolean {
  if (isBlank(frame, FRAME_HEADER_BYTES)) return true
  for (let start = SECTOR_BYTES; start < frame.length; start += SECTOR_BYTES) {
    if (isBlank(frame, start)) return true
  }
  return false
}

/** Looks at the bytes from `start` to the end of the sector. */
function isBlank(bytes: Uint8Array, start: number): boolean {
  const end = Math.min(start - (start % SECTOR_BYTES) + SECTOR_BYTES, bytes.length)
  let nonzero = 0
  for (let offset = start; offset < end; offset++) {
    if (bytes[offset] !== 0 && ++nonzero > BLANK_NONZERO_BYTES_MAX) return false
  }
  return true
}

const headerCrc = (bytes: Uint8Array, salt: number): number =>
  crc32(bytes.subarray(0, FRAME_HEADER_BYTES - 4), salt)

/** XORs with xorshift32 output: its own inverse. */
function whiten(bytes: Uint8Array, seed: number): void {
  let state = seed | 1
  for (let offset = 0; offset < bytes.length; offset++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[offset] = (bytes[offset] as number) ^ (state >>> 11)
  }
}
