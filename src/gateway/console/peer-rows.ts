import type { PeerView } from '../../node/views.ts'
import { sharedBits } from './kad-place.ts'
import type { PeerRow } from './views/peers.ts'

/** Peers as the console has them, and the API: what the peer tells, and when rather than how long. */
export function peerRows(peers: readonly PeerView[], nowMs: number): PeerRow[] {
  const self = peers.find(({ isSelf }) => isSelf)?.peer
  return peers.map(view => peerRow(view, nowMs, self))
}

function peerRow(view: PeerView, nowMs: number, self: string | undefined): PeerRow {
  const { sinceMs, isSelf, peer } = view
  const since = sinceMs === undefined ? undefined : new Date(nowMs - sinceMs).toISOString()
  const bits = isSelf || self === undefined ? undefined : sharedBits(self, peer)
  return withoutUndefined({ ...view, since, sharedBits: bits })
}

/** What JSON would leave out is left out at once, so that rows can be compared. */
const withoutUndefined = (row: object): PeerRow =>
  Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) as PeerRow
