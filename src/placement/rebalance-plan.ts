import type { Random } from '../base/environment.ts'
import { canTake, type PeerView, roomOf, zoneOf } from './peer-view.ts'
import type { Peers, SegmentView } from './segment-view.ts'

/**
 * What to move so that peers are equally full. Fullness is the share of its capacity that a peer
 * uses. Those above the mean give to those below it where one of the two is off by more than a
 * tolerance: a new peer attracts data although nobody else is too full. A fragment moves only to a peer without one of the same segment, and never to a zone that would then hold more
 * of the segment than the one it leaves did.
 *
 * The plan is data: a dry run shows it and its totals, a real run hands the same moves to the repair
 * planner, a bounded number at a time, so that a new peer attracts data gradually.
 */
export interface Move {
  readonly segment: SegmentView
  readonly index: number
  readonly from: number
  readonly to: number
}

export interface RebalancePlan {
  readonly moves: readonly Move[]
  readonly bytes: number
  /** Fullness of the fullest and the emptiest peer, as it is and as it would be. */
  readonly before: Spread
  readonly after: Spread
}

interface Spread {
  readonly fullest: number
  readonly emptiest: number
}

export interface RebalanceOptions {
  /** Differences from the mean that are left alone. @default 0.05 */
  readonly tolerance?: number
  /** @default 256 */
  readonly movesMax?: number
  readonly random: Random
}

const MOVES_MAX = 256
const TOLERANCE = 0.05

/** @param segments what was listed of the peers that are too full; more of them, better moves */
export function planRebalance(
  peers: readonly PeerView[],
  segments: readonly SegmentView[],
  { tolerance = TOLERANCE, movesMax = MOVES_MAX, random }: RebalanceOptions,
): RebalancePlan {
  const levels = new Levels(peers)
  const before = levels.spread()
  const moves: Move[] = []
  for (const segment of random.shuffle(segments)) {
    if (moves.length >= movesMax) break
    const move = bestMove(segment, levels, tolerance)
    if (move === undefined) continue
    moves.push(move)
    levels.shift(move.from, move.to, segment.fragmentBytes)
  }
  const bytes = moves.reduce((sum, { segment }) => sum + segment.fragmentBytes, 0)
  return { moves, bytes, before, after: levels.spread() }
}

/** From the fullest holder above the mean to the emptiest peer that may have it, if it is worth it. */
function bestMove(segment: SegmentView, levels: Levels, tolerance: number): Move | undefined {
  const mean = levels.mean()
  const givers = [...segment.seats.entries()]
    .filter(([, seat]) => levels.fullness(seat) > mean)
    .toSorted(([, a], [, b]) => levels.fullness(b) - levels.fullness(a))
  for (const [index, from] of givers) {
    const to = levels
      .takers(segment.fragmentBytes)
      .filter(({ seat }) => !segment.seats.includes(seat) && levels.fullness(seat) < mean)
      .filter(({ seat }) => levels.isWorth(from, seat, tolerance))
      .filter(peer => keepsZones(segment, { from, to: peer, peers: levels.peers }))
      .toSorted((a, b) => levels.fullness(a.seat) - levels.fullness(b.seat) || a.seat - b.seat)[0]
    if (to !== undefined) return { segment, index, from, to: to.seat }
  }
  return undefined
}

/** The zone it goes to holds no more of the segment then than the one it leaves does now. */
function keepsZones(
  { seats }: SegmentView,
  { from, to, peers }: { from: number; to: PeerView; peers: Peers },
): boolean {
  const source = peers.get(from)
  const countIn = (zone: string): number =>
    seats.filter(seat => {
      const peer = peers.get(seat)
      return peer !== undefined && zoneOf(peer) === zone
    }).length
  if (source === undefined || zoneOf(source) === zoneOf(to)) return true
  return countIn(zoneOf(to)) + 1 <= countIn(zoneOf(source))
}

/** How full peers are, and would be. */
class Levels {
  readonly peers: Map<number, PeerView>

  constructor(peers: readonly PeerView[]) {
    const counted = peers.filter(({ capacityBytes }) => capacityBytes > 0)
    this.peers = new Map(counted.map(peer => [peer.seat, peer]))
  }

  fullness(seat: number): number {
    const peer = this.peers.get(seat)
    return peer === undefined ? 0 : 1 - peer.freeBytes / peer.capacityBytes
  }

  /** Of the peers that take part: those that live. */
  mean(): number {
    const live = [...this.peers.values()].filter(({ state }) => state === 'alive')
    const capacity = live.reduce((sum, { capacityBytes }) => sum + capacityBytes, 0)
    const free = live.reduce((sum, { freeBytes }) => sum + freeBytes, 0)
    return capacity === 0 ? 0 : 1 - free / capacity
  }

  /** One of the two is off the mean by more than the tolerance. */
  isWorth(from: number, to: number, tolerance: number): boolean {
    const mean = this.mean()
    return this.fullness(from) > mean + tolerance || this.fullness(to) < mean - tolerance
  }

  takers(fragmentBytes: number): PeerView[] {
    return [...this.peers.values()].filter(
      peer => canTake(peer, fragmentBytes) && roomOf(peer) > fragmentBytes,
    )
  }

  shift(from: number, to: number, bytes: number): void {
    for (const [seat, change] of [
      [from, bytes],
      [to, -bytes],
    ] as const) {
      const peer = this.peers.get(seat)
      if (peer !== undefined) this.peers.set(seat, { ...peer, freeBytes: peer.freeBytes + change })
    }
  }

  spread(): Spread {
    const live = [...this.peers.values()].filter(({ state }) => state === 'alive')
    const levels = live.map(({ seat }) => this.fullness(seat))
    return { fullest: Math.max(0, ...levels), emptiest: Math.min(1, ...levels) }
  }
}
