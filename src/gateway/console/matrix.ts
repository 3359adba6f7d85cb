import type { ObjectPlacement, SegmentPlacement } from '../../node/store/store.ts'
import type { PeerView } from '../../node/views.ts'
import type { MatrixHolder, MatrixSegment, MatrixView } from './views/fragments.ts'

const CELL_BYTES = 65_536
/** Plain bytes of a full segment: 256 encryption units of a cell each, with 16 bytes of tag. */
const SEGMENT_BYTES: number = 256 * (CELL_BYTES - 16)

/** Who holds what of an object, in as few words as possible: holders once, cells by number. */
export function matrixOf(placement: ObjectPlacement, peers: readonly PeerView[]): MatrixView {
  const known = new Map(peers.map(view => [view.peer, view]))
  const places = new Map<string, number>()
  const holders: MatrixHolder[] = []
  const placeOf = (fragment: SegmentPlacement['fragments'][number]): number => {
    if (fragment.peer === undefined || fragment.state === 'owed') return -1
    const place = places.get(fragment.peer)
    if (place !== undefined) return place
    const view = known.get(fragment.peer)
    const { name = '', zone = '', seat = 0 } = view ?? {}
    places.set(fragment.peer, holders.length)
    return holders.push({ peer: fragment.peer, name, zone, seat, state: fragment.state }) - 1
  }
  const segments = placement.segments.map(segment => rowOf(segment, placeOf))
  const { bucket, key, version, sizeBytes, isInline, segmentsTotal, modified, next } = placement
  return {
    bucket,
    key,
    version,
    sizeBytes,
    isInline,
    segmentBytes: SEGMENT_BYTES,
    cellBytes: CELL_BYTES,
    segmentsTotal,
    writtenAt: modified.toISOString(),
    holders,
    segments,
    ...(next !== undefined && { next }),
  }
}

function rowOf(
  { segment, from, to, k, m, margin, fragments }: SegmentPlacement,
  placeOf: (fragment: SegmentPlacement['fragments'][number]) => number,
): MatrixSegment {
  const fragmentBytes = fragments[0]?.sizeBytes ?? 0
  return {
    segment,
    fromBytes: from,
    sizeBytes: to - from,
    k,
    m,
    stripes: Math.ceil(fragmentBytes / CELL_BYTES),
    fragmentBytes,
    margin,
    cells: fragments.map(placeOf),
    verified: fragments.map(({ verified }) => verified?.getTime() ?? 0),
    repairing: fragments.filter(({ isRepairing }) => isRepairing).map(({ index }) => index),
  }
}
