import type { ElectionPeer } from './election-input.ts'
import type { ElectionDecision, ElectionSeats } from './election-seats.ts'
import type { ElectionView } from './election-view.ts'
import { chooseSpread, zoneCap, zoneCounts } from './election-zones.ts'
import type { ReplicaId } from './entry.ts'

const SWAP_RATIO = 1.2
const SWAP_AFTER_MS = 600_000
const SWAP_SPACING_MS = 600_000

/** Watches for a peer that has been clearly steadier than the worst voter for long. */
export class ElectionSwap {
  #lastSwapMs = 0
  #pair: { readonly name: string; readonly sinceMs: number } | undefined

  /** Forgets what was seen, and waits. */
  begin(nowMs: number): void {
    this.#lastSwapMs = nowMs
    this.#pair = undefined
  }

  /** A swap was decided on. */
  swapped(nowMs: number): void {
    this.#lastSwapMs = nowMs
  }

  decide(seats: ElectionSeats): ElectionDecision | undefined {
    const { view } = seats
    const replica = view.worstFirst().find(voter => view.isHealthy(voter))
    const best = replica === undefined ? undefined : this.#betterThan(view, replica)
    if (replica === undefined || best === undefined) return this.#noPair()
    const name = pairOf(replica, best)
    if (this.#pair?.name !== name) this.#pair = { name, sinceMs: view.nowMs }
    if (view.nowMs - this.#pair.sinceMs < SWAP_AFTER_MS) return undefined
    if (!seats.isSpaced(this.#lastSwapMs, SWAP_SPACING_MS)) return undefined
    const score = view.scoreOf(replica)
    const byScore = best.score
    return seats.replace(replica, by => ({ code: 'SWAP', replica, by, score, byScore }), [best])
  }

  /** Clearly steadier than this voter, and no loss for the spread over zones. */
  #betterThan(view: ElectionView, replica: ReplicaId): ElectionPeer | undefined {
    const stay = view.peersOf(view.voters.filter(voter => voter !== replica))
    const zonesMin = zoneCounts(view.peersOf(view.voters)).size
    const scoreMin = SWAP_RATIO * view.scoreOf(replica)
    const better = view
      .candidates()
      .filter(peer => peer.score > 0 && peer.score >= scoreMin)
      .filter(peer => zoneCounts([...stay, peer]).size >= zonesMin)
    const cap = zoneCap(view.voters.length, view.zones)
    const isPreferred = (peer: ElectionPeer): boolean => this.#pair?.name === pairOf(replica, peer)
    return chooseSpread(stay, better, { seats: 1, cap, isPreferred })[0]
  }

  #noPair(): undefined {
    this.#pair = undefined
  }
}

const pairOf = (voter: ReplicaId, by: ElectionPeer): string => JSON.stringify([voter, by.replica])
