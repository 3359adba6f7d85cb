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

const MIB = 1_048_576
/** Up to here a file is one request: to begin anew costs little. */
const WHOLE_BYTES_MAX: number = 16 * MIB
/** A segment of the store. */
const PART_BYTES: number = 16 * MIB
const PARTS_MAX = 10_000

function partBytesFor(sizeBytes: number): number {
  const least = Math.ceil(sizeBytes / PARTS_MAX / MIB) * MIB
  return Math.max(PART_BYTES, least)
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
