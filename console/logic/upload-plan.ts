import { SEGMENT_BYTES } from '../../src/erasure/layout.ts'
import { UNIT_BYTES, UNIT_PLAIN_BYTES } from '../../src/erasure/sealing.ts'

/**
 * How a file goes to the gateway: small ones whole, others in parts that may come in any order, several
 * at a time, and again. The parts are the same for the same file, so an upload that was interrupted
 * goes on with those that are missing.
 */
export interface Part {
  /** From 1. */
  readonly part: number
  readonly from: number
  readonly to: number
}

export interface PresentPart {
  readonly part: number
  readonly etag: string
  readonly sizeBytes: number
}

/**
 * What becomes exactly one segment of the store when it is encrypted. Parts are a multiple of it: any
 * other size would leave a small segment behind in every part.
 */
const PART_BYTES: number = (SEGMENT_BYTES / UNIT_BYTES) * UNIT_PLAIN_BYTES
/** Up to here a file is one request: to begin anew costs little. */
const WHOLE_BYTES_MAX: number = PART_BYTES
const PARTS_MAX = 10_000

function partBytesFor(sizeBytes: number): number {
  return Math.max(1, Math.ceil(sizeBytes / PARTS_MAX / PART_BYTES)) * PART_BYTES
}

export const isInParts = (sizeBytes: number): boolean => sizeBytes > WHOLE_BYTES_MAX

export function partsOf(sizeBytes: number): readonly Part[] {
  const partBytes = partBytesFor(sizeBytes)
  return Array.from({ length: Math.ceil(sizeBytes / partBytes) }, (_, at) => ({
    part: at + 1,
    from: at * partBytes,
    to: Math.min(sizeBytes, (at + 1) * partBytes),
  }))
}

/** Those that are not there, or not as long as they must be. */
export function missingParts(
  parts: readonly Part[],
  present: readonly PresentPart[],
): readonly Part[] {
  const sizes = new Map(present.map(({ part, sizeBytes }) => [part, sizeBytes]))
  return parts.filter(({ part, from, to }) => sizes.get(part) !== to - from)
}

/** The same for the same file on its way to the same place. */
export const uploadName = (
  {
    name,
    size,
    lastModified,
  }: { readonly name: string; readonly size: number; readonly lastModified: number },
  bucket: string,
  key: string,
): string => JSON.stringify([bucket, key, name, size, lastModified])
