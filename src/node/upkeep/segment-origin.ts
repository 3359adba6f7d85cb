import type { PeerId } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import type { SegmentName } from '../../catalog/commands.ts'
import type { PlacedSegment } from '../../catalog/query-upkeep.ts'
import { formatFragmentId, decodeFragmentId } from '../../erasure/fragment-id.ts'
import type { FragmentOrigin } from '../../storage/fragment-origin.ts'
import { isSameReference } from '../../storage/fragment-record.ts'
import type { FragmentPeers } from '../fragments/fragment-peers.ts'
import type { OriginSeal } from '../fragments/origin-seal.ts'
import { referenceOf } from './listed-segment.ts'

/**
 * What the header of a new fragment says, from the header of another one of its segment: only
 * index and scheme differ. A holder cannot make one up, and one of another segment is not taken.
 */
export interface OriginFinder {
  readonly peers: FragmentPeers
  readonly seal: OriginSeal
  readonly peerAt: (seat: number) => PeerId | undefined
  readonly networkId: Uint8Array
}

const STAT_MS = 2_000
/** Holders that are asked, one after the other. */
const ASKED_MAX = 4

export async function originOf(
  placed: PlacedSegment,
  { peers, seal, peerAt, networkId }: OriginFinder,
  signal: AbortSignal,
): Promise<FragmentOrigin> {
  const { record } = placed
  const holders = record.fragments.flatMap(({ id, seat }, index) => {
    const peer = seat === 0 ? undefined : peerAt(seat)
    return peer === undefined ? [] : [{ id, index, peer }]
  })
  const reference = referenceOf(placed, record.generation)
  for (const { id, index, peer } of holders.slice(0, ASKED_MAX)) {
    try {
      const name = formatFragmentId(decodeFragmentId(id))
      const info = await peers.stat(peer, name, { deadlineMs: STAT_MS, signal })
      const own = info?.references.find(it => isSameReference(it, { segment: reference, index }))
      const origin = own && seal.open(own.sealed)
      if (origin !== undefined && belongs(origin, placed)) return origin
    } catch (error) {
      if (codeOf(error) === undefined || signal.aborted) throw error
    }
  }
  return unknownOrigin(placed, networkId)
}

const belongs = (origin: FragmentOrigin, { bucket, key }: SegmentName): boolean =>
  origin.bucket === bucket && origin.key === key

/** Where no holder tells: enough to ask the catalog about it, not enough to rebuild one. */
const unknownOrigin = (placed: PlacedSegment, networkId: Uint8Array): FragmentOrigin => ({
  networkId,
  bucket: placed.bucket,
  key: placed.key,
  version: '',
  objectBytes: 0,
  objectSegments: 0,
  segment: placed.segment,
  segmentBytes: placed.record.sizeBytes,
  k: placed.record.k,
  m: placed.record.fragments.length - placed.record.k,
  index: 0,
  envelope: new Uint8Array(0),
})
