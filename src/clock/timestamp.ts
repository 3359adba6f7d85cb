import { HoldfastError } from '../base/errors.ts'

/**
 * A hybrid timestamp: milliseconds of UTC in 48 bits, a counter in 16. Encoded big-endian, so that
 * bytes sort as timestamps do. Two peers may give out the same one; the peer's name breaks the tie.
 */
export interface Timestamp {
  readonly ms: number
  readonly count: number
}

const TIMESTAMP_BYTES = 8
/** The largest counter; the next event borrows a millisecond from the future. */
export const COUNT_MAX = 0xffff
/** 48 bits last until the year 10889. */
export const MS_MAX: number = 2 ** 48 - 1

/** Negative, zero or positive, as for `sort`. */
export const compareTimestamps = (a: Timestamp, b: Timestamp): number =>
  a.ms - b.ms || a.count - b.count

export function encodeTimestamp({ ms, count }: Timestamp): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(TIMESTAMP_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, Math.floor(ms / 0x1_0000))
  view.setUint16(4, ms % 0x1_0000)
  view.setUint16(6, count)
  return bytes
}

/** @throws {HoldfastError} `MALFORMED` unless there are exactly eight bytes. */
export function decodeTimestamp(bytes: Uint8Array): Timestamp {
  if (bytes.length !== TIMESTAMP_BYTES) throw malformed(bytes.length)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return { ms: view.getUint32(0) * 0x1_0000 + view.getUint16(4), count: view.getUint16(6) }
}

const malformed = (offset: number): HoldfastError =>
  new HoldfastError(`Cannot decode timestamp: ${offset} bytes, need ${TIMESTAMP_BYTES}`, {
    code: 'MALFORMED',
    what: 'timestamp',
    offset,
  })
