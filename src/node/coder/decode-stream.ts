import type { FragmentId } from '../../erasure/fragment-id.ts'
import { CELL_BYTES, SEGMENT_BYTES } from '../../erasure/layout.ts'
import { sealedBytes, sealedRanges, UNIT_BYTES, unitCount } from '../../erasure/sealing.ts'
import { batchesOnTheWay, stripesPerBatch } from './batches.ts'
import type { Coder } from './coder.ts'
import type { FragmentFault, FragmentSource } from './fragment-source.ts'
import { mapInOrder } from './map-in-order.ts'
import { type SegmentPart, SegmentReader } from './segment-reader.ts'
import { tagBytesOf } from './stripe-coder.ts'
import type { UnitKey } from './unit-cipher.ts'

/** What must be known of an object to read it. */
export interface StoredObject {
  readonly plainBytes: number
  /** Undefined if it is not encrypted. */
  readonly key: UnitKey | undefined
  /** As many as its size makes, or those from `firstSegment` on that hold what is wanted. */
  readonly segments: readonly StoredSegment[]
  /** @default 0 */
  readonly firstSegment?: number | undefined
}

export interface StoredSegment {
  readonly k: number
  /** The names of its fragments, by column: k of data, then parity. */
  readonly fragments: readonly FragmentId[]
}

export interface DecodeStreamOptions {
  readonly coder: Coder
  readonly source: FragmentSource
  /** First byte wanted. @default 0 */
  readonly from?: number
  /** The byte after the last one wanted. @default the object's size */
  readonly to?: number
  /** Told of every fragment that could not be fetched or was not what its name says. */
  readonly onFault?: (fault: FragmentFault) => void
  readonly signal?: AbortSignal | undefined
}

/**
 * The bytes of an object, in order, each verified. Fetches the cells that hold the range; where one
 * cannot be had, any k of its stripe.
 * @throws {HoldfastError} `TOO_FEW_FRAGMENTS`; `CORRUPT` if a whole unit does not decrypt; what
 * coders throw; the signal's reason. What was yielded before is right all the same.
 */
export async function* decodeStream(
  object: StoredObject,
  { coder, source, onFault, signal, ...range }: DecodeStreamOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const tagBytes = tagBytesOf(object.key)
  const { from = 0, to = object.plainBytes } = range
  const parts = partsOf(object, { from, to, tagBytes }, (segment, lengthBytes) => {
    const { k, fragments } = segmentIn(object, segment)
    const { key } = object
    const lastUnit = unitCount(object.plainBytes, tagBytes) - 1
    const about = { segment, k, fragments, lengthBytes, key, lastUnit }
    return new SegmentReader(about, { coder, source, onFault })
  })
  const widest = Math.max(1, ...object.segments.map(({ k }) => k))
  const windowMax = batchesOnTheWay(coder, { k: widest, m: 0 })
  let at = from - (from % (UNIT_BYTES - tagBytes))
  for await (const plain of mapInOrder(parts, readPart, { windowMax, signal })) {
    yield plain.subarray(Math.max(0, from - at), to - at)
    at += plain.length
  }
}

function segmentIn({ segments, firstSegment = 0 }: StoredObject, segment: number): StoredSegment {
  const found = segments[segment - firstSegment]
  if (found !== undefined) return found
  throw new RangeError(`segment ${segment} of ${firstSegment} … + ${segments.length} is wanted`)
}

interface Part {
  readonly reader: SegmentReader
  readonly part: SegmentPart
}

const readPart = ({ reader, part }: Part, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> =>
  reader.read(part, signal)

/** The range in batches of stripes, each within one segment. */
function* partsOf(
  object: StoredObject,
  { from, to, tagBytes }: { from: number; to: number; tagBytes: number },
  open: (segment: number, lengthBytes: number) => SegmentReader,
): Generator<Part> {
  const { plainBytes } = object
  const storedBytes = sealedBytes(plainBytes, tagBytes)
  for (const range of sealedRanges({ plainBytes, tagBytes }, from, to)) {
    const lengthBytes = Math.min(SEGMENT_BYTES, storedBytes - range.segment * SEGMENT_BYTES)
    const reader = open(range.segment, lengthBytes)
    const { k } = segmentIn(object, range.segment)
    const stripeBytes = k * CELL_BYTES
    const count = stripesPerBatch(k)
    let firstStripe = Math.floor(range.from / stripeBytes)
    for (; firstStripe * stripeBytes < range.to; firstStripe += count) {
      const start = firstStripe * stripeBytes
      const end = Math.min(start + count * stripeBytes, lengthBytes)
      const part = {
        firstStripe,
        sealedBytes: end - start,
        from: Math.max(0, range.from - start),
        to: Math.min(end, range.to) - start,
      }
      yield { reader, part }
    }
  }
}
