import { CELL_BYTES, SEGMENT_BYTES } from './layout.ts'

/**
 * How an object's bytes map to the encrypted bytes that are stored. An object is encrypted in units
 * of 64 KiB, each 65,520 bytes of plaintext and a tag of 16; the last one is shorter. Units do not
 * depend on k: a peer without keys may lay a segment out anew. 256 of them make a segment, and in a
 * full stripe a unit is a cell.
 *
 * An object that is not encrypted is laid out alike with tags of 0 bytes: a unit is 65,536 bytes as
 * they are, so that its data fragments hold the object's own bytes.
 */
export const UNIT_BYTES: number = CELL_BYTES
export const TAG_BYTES = 16
/** Plaintext in a full unit. */
export const UNIT_PLAIN_BYTES: number = UNIT_BYTES - TAG_BYTES

/** What to read of one segment, in stored bytes. */
export interface SegmentRange {
  readonly segment: number
  readonly from: number
  readonly to: number
}

/** Number of units an object takes; an empty one takes none. */
export const unitCount = (plainBytes: number, tagBytes: number = TAG_BYTES): number =>
  Math.ceil(checkLength(plainBytes) / (UNIT_BYTES - tagBytes))

/** Stored size of an object, before erasure coding. */
export const sealedBytes = (plainBytes: number, tagBytes: number = TAG_BYTES): number =>
  plainBytes + unitCount(plainBytes, tagBytes) * tagBytes

/** Stored sizes of an object's segments: full ones, then the rest. */
export function segmentSizes(plainBytes: number, tagBytes: number = TAG_BYTES): number[] {
  const sealed = sealedBytes(plainBytes, tagBytes)
  return Array.from({ length: Math.ceil(sealed / SEGMENT_BYTES) }, (_, segment) =>
    Math.min(SEGMENT_BYTES, sealed - segment * SEGMENT_BYTES),
  )
}

/**
 * The whole units that cover bytes `from` … `to` - 1 of an object, by segment. The plaintext of the
 * first one starts at `from` - `from` % 65,520.
 */
export function sealedRanges(
  { plainBytes, tagBytes = TAG_BYTES }: { plainBytes: number; tagBytes?: number },
  from: number,
  to: number,
): SegmentRange[] {
  if (!(from >= 0 && from <= to && to <= checkLength(plainBytes)))
    throw new RangeError(`Bytes ${from} to ${to} of ${plainBytes}`)
  if (from === to) return []
  const start = Math.floor(from / (UNIT_BYTES - tagBytes)) * UNIT_BYTES
  const end = Math.min(unitCount(to, tagBytes) * UNIT_BYTES, sealedBytes(plainBytes, tagBytes))
  const first = Math.floor(start / SEGMENT_BYTES)
  const count = Math.ceil(end / SEGMENT_BYTES) - first
  return Array.from({ length: count }, (_, offset) => {
    const base = (first + offset) * SEGMENT_BYTES
    return {
      segment: first + offset,
      from: Math.max(0, start - base),
      to: Math.min(SEGMENT_BYTES, end - base),
    }
  })
}

function checkLength(plainBytes: number): number {
  if (Number.isSafeInteger(plainBytes) && plainBytes >= 0) return plainBytes
  throw new RangeError(`An object has a whole number of bytes, not ${plainBytes}`)
}
