import type { Clock } from '../../base/environment.ts'
import type { PeerView } from '../../placement/peer-view.ts'
import type { Redundancy } from '../../placement/scheme-change.ts'
import { targetScheme } from '../store/target-scheme.ts'

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
    const counted = views.filter(counts).map(view => ({ ...view, state: 'alive' as const }))
    if (counted.length === 0) return { k: 1, m: 0, peers: 1 }
    const { k, m } = targetScheme({ views: counted, uptime, fragmentBytes: 0 })
    return { k, m, peers: counted.length }
  }
}
