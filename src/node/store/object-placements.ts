import type { Segment } from '../../catalog/records.ts'
import { decodeFragmentId, formatFragmentId } from '../../erasure/fragment-id.ts'
import { SEGMENT_BYTES, segmentLayout } from '../../erasure/layout.ts'
import { UNIT_BYTES, UNIT_PLAIN_BYTES } from '../../erasure/sealing.ts'
import { hasItsFragments, type PeerView } from '../../placement/peer-view.ts'
import type { ObjectReads } from './object-reads.ts'
import type { Seats } from './seats.ts'
import { type SegmentStanding, type StandingOf, Standings } from './segment-standing.ts'
import type {
  FragmentPlacement,
  ObjectPlace,
  ObjectPlacement,
  ReadOptions,
  SegmentPlacement,
} from './store.ts'

const PAGE_MAX = 64
const SEGMENT_PLAIN_BYTES: number = (SEGMENT_BYTES / UNIT_BYTES) * UNIT_PLAIN_BYTES

export interface PlacementOptions extends ReadOptions {
  readonly version?: string | undefined
  readonly after?: number | undefined
  readonly limit?: number | undefined
}

export interface PlacementDrivers {
  readonly reads: ObjectReads
  readonly seats: Seats
  readonly standing: StandingOf | undefined
}

/** Which peer holds which fragment of an object, a page of its segments. */
export async function placementOf(
  { reads, seats, standing }: PlacementDrivers,
  place: ObjectPlace,
  { after = -1, limit = PAGE_MAX, ...options }: PlacementOptions,
): Promise<ObjectPlacement> {
  const found = await reads.find(place, options)
  const { sizeBytes, stamp } = found.version
  const name = reads.contentOf(place, found)
  const about = {
    bucket: place.bucket,
    key: place.key,
    version: found.id,
    sizeBytes,
    modified: new Date(stamp.ms),
    isInline: name === undefined,
  }
  const segments: SegmentPlacement[] = []
  if (name === undefined) return { ...about, segments, next: undefined, segmentsTotal: 0 }
  const views = new Map(seats.views().map(view => [view.seat, view]))
  const standings = new Standings(standing)
  const { signal } = options
  // How many segments come before an extent, and at which byte of the object it begins.
  let number = 0
  let startBytes = 0
  for await (const extent of reads.extents(name, { from: 0, to: sizeBytes }, signal)) {
    const first = Math.floor(extent.fromBytes / SEGMENT_PLAIN_BYTES)
    const end = Math.ceil((extent.fromBytes + extent.lengthBytes) / SEGMENT_PLAIN_BYTES)
    let at = first + Math.max(0, Math.min(end - first, after + 1 - number))
    while (at < end && segments.length < limit) {
      const count = Math.min(end - at, limit - segments.length, PAGE_MAX)
      const page = await reads.segments(extent, { first: at, count }, { isNewest: true, signal })
      for (const [offset, record] of page.entries()) {
        const where = {
          segment: number + at - first + offset,
          ...bytesOf(extent, at + offset, startBytes),
        }
        const of = await standings.of(extent, at + offset, signal)
        segments.push(segmentPlacement(where, record, { seats, views, of }))
      }
      at += count
    }
    number += end - first
    startBytes += extent.lengthBytes
  }
  const last = segments.at(-1)?.segment ?? number
  const next = last + 1 < number ? last : undefined
  return { ...about, segments, next, segmentsTotal: number }
}

/** Which of the object's bytes are in a segment of an extent. */
function bytesOf(
  { fromBytes, lengthBytes }: { readonly fromBytes: number; readonly lengthBytes: number },
  at: number,
  startBytes: number,
): { readonly from: number; readonly to: number } {
  const shift = startBytes - fromBytes
  return {
    from: shift + Math.max(fromBytes, at * SEGMENT_PLAIN_BYTES),
    to: shift + Math.min(fromBytes + lengthBytes, (at + 1) * SEGMENT_PLAIN_BYTES),
  }
}

function segmentPlacement(
  where: Pick<SegmentPlacement, 'segment' | 'from' | 'to'>,
  { k, sizeBytes, fragments: listed }: Segment,
  known: {
    readonly seats: Seats
    readonly views: ReadonlyMap<number, PeerView>
    readonly of: SegmentStanding
  },
): SegmentPlacement {
  const { fragmentBytes } = segmentLayout(k, sizeBytes)
  const survivors = listed.filter(({ seat }) => {
    const view = known.views.get(seat)
    return view !== undefined && hasItsFragments(view)
  })
  const fragments = listed.map(({ id, seat }, index): FragmentPlacement => ({
    index,
    kind: index < k ? 'data' : 'parity',
    id: formatFragmentId(decodeFragmentId(id)),
    sizeBytes: fragmentBytes,
    peer: seat === 0 ? undefined : known.seats.peerAt(seat),
    state: seat === 0 ? 'owed' : (known.views.get(seat)?.state ?? 'dead'),
    verified: known.of.verified(index, seat),
    isRepairing: known.of.isRepairing(index),
  }))
  const margin = survivors.length - k
  return { ...where, sizeBytes, k, m: listed.length - k, fragments, margin }
}
