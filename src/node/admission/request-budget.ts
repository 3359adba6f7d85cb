import type { Clock, PeerId } from '../../base/environment.ts'
import { TokenBucket } from './token-bucket.ts'

/** Join requests of one peer: enough to join, and to try once or twice more. */
const OF_ONE = { capacity: 6, perSecond: 1 }
/**
 * Join requests of everybody together. The network lets in twenty strangers a second, so that all
 * of them together cannot use this up: who floods keeps no newcomer out.
 */
const OF_ALL = { capacity: 200, perSecond: 150 }
/** Peers whose requests are counted; the one that was counted first is forgotten first. */
const PEERS_MAX = 1024

/** How many join requests are looked at. */
export class RequestBudget {
  readonly #clock: Clock
  readonly #all: TokenBucket
  readonly #byPeer = new Map<PeerId, TokenBucket>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#all = new TokenBucket(clock, OF_ALL)
  }

  /** Whether one more of this peer's may be looked at now. */
  take(from: PeerId): boolean {
    return this.#bucketOf(from).take() && this.#all.take()
  }

  #bucketOf(peer: PeerId): TokenBucket {
    const known = this.#byPeer.get(peer)
    if (known !== undefined) return known
    const [oldest] = this.#byPeer.keys()
    if (this.#byPeer.size >= PEERS_MAX && oldest !== undefined) this.#byPeer.delete(oldest)
    const bucket = new TokenBucket(this.#clock, OF_ONE)
    this.#byPeer.set(peer, bucket)
    return bucket
  }
}
