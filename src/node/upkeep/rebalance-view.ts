import type { PeerView } from '../../placement/peer-view.ts'
import type { RebalanceView } from '../store/upkeep.ts'
import type { RebalanceShare } from './upkeep-messages.ts'

/** What all leaders together move, and how full peers are then. */
export function joinedView(
  views: readonly PeerView[],
  shares: readonly RebalanceShare[],
): RebalanceView {
  const usedBytes = new Map(
    views.map(({ seat, capacityBytes, freeBytes }) => [seat, capacityBytes - freeBytes]),
  )
  const before = spreadOf(views, usedBytes)
  for (const { from, to, bytes } of shares.flatMap(({ shifts }) => shifts)) {
    usedBytes.set(from, (usedBytes.get(from) ?? 0) - bytes)
    usedBytes.set(to, (usedBytes.get(to) ?? 0) + bytes)
  }
  return {
    moves: shares.reduce((sum, { moves }) => sum + moves, 0),
    bytes: shares.reduce((sum, { bytes }) => sum + bytes, 0),
    before,
    after: spreadOf(views, usedBytes),
  }
}

/** Of the peers that live. */
function spreadOf(
  views: readonly PeerView[],
  usedBytes: ReadonlyMap<number, number>,
): RebalanceView['before'] {
  const levels = views
    .filter(({ state, capacityBytes }) => state === 'alive' && capacityBytes > 0)
    .map(({ seat, capacityBytes }) => (usedBytes.get(seat) ?? 0) / capacityBytes)
  return { fullest: Math.max(0, ...levels), emptiest: Math.min(1, ...levels) }
}
