import type { ElectionPeer } from './election-input.ts'

/**
 * How many voters one zone may have: a minority, as soon as three zones could share them. With
 * fewer zones some majority stands in one anyway.
 */
export const zoneCap = (voters: number, zones: number): number =>
  zones >= 3 && voters >= 3 ? Math.floor((voters - 1) / 2) : voters

export function zoneCounts(peers: readonly ElectionPeer[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { zone } of peers) counts.set(zone, (counts.get(zone) ?? 0) + 1)
  return counts
}

/**
 * Up to `seats` of the candidates to stand beside those who stay: each time one of the zone with the
 * fewest, then whoever is `preferred`, then the steadiest, then by name. None that would put more
 * than `cap` into one zone.
 */
export function chooseSpread(
  stay: readonly ElectionPeer[],
  candidates: readonly ElectionPeer[],
  { seats, cap, isPreferred }: Choice,
): ElectionPeer[] {
  const counts = zoneCounts(stay)
  const chosen: ElectionPeer[] = []
  const rank = (peer: ElectionPeer): readonly number[] => [
    counts.get(peer.zone) ?? 0,
    isPreferred(peer) ? 0 : 1,
    -peer.score,
  ]
  while (chosen.length < seats) {
    const best = candidates
      .filter(peer => !chosen.includes(peer) && (counts.get(peer.zone) ?? 0) < cap)
      .toSorted((a, b) => compareRanks(rank(a), rank(b)) || (a.replica < b.replica ? -1 : 1))[0]
    if (best === undefined) return chosen
    chosen.push(best)
    counts.set(best.zone, (counts.get(best.zone) ?? 0) + 1)
  }
  return chosen
}

interface Choice {
  readonly seats: number
  readonly cap: number
  readonly isPreferred: (peer: ElectionPeer) => boolean
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < a.length; at++) {
    const difference = (a[at] as number) - (b[at] as number)
    if (difference !== 0) return difference
  }
  return 0
}
