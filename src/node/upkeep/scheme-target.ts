import type { Clock } from '../../base/environment.ts'
import { pickScheme } from '../../erasure/pick-scheme.ts'
import type { PeerView } from '../../placement/peer-view.ts'
import type { Redundancy } from '../../placement/scheme-change.ts'

/**
 * Which scheme the network is to have in the long run: by the peers that are there, or were not long
 * ago. One that is to leave does not count, one that is away for a while does.
 */
export class SchemeTarget {
  readonly #clock: Clock
  readonly #shrinkAfterMs: number
  readonly #deadSinceMs = new Map<number, number>()

  constructor(clock: Clock, shrinkAfterMs: number) {
    this.#clock = clock
    this.#shrinkAfterMs = shrinkAfterMs
  }

  /** Whoever asks now and then keeps it in mind who is dead since when. */
  of(views: readonly PeerView[], uptime: number): Redundancy & { readonly peers: number } {
    const nowMs = this.#clock.monotonicMs()
    for (const { seat, state } of views) {
      if (state !== 'dead') this.#deadSinceMs.delete(seat)
      else if (!this.#deadSinceMs.has(seat)) this.#deadSinceMs.set(seat, nowMs)
    }
    const counts = ({ seat, state }: PeerView): boolean => {
      if (state === 'draining' || state === 'gone') return false
      const sinceMs = this.#deadSinceMs.get(seat)
      return sinceMs === undefined || nowMs - sinceMs < this.#shrinkAfterMs
    }
    const peers = Math.max(1, views.filter(counts).length)
    const { k, m } = pickScheme(peers, { uptime })
    return { k, m, peers }
  }
}
