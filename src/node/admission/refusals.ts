import type { Clock, PeerId } from '../../base/environment.ts'
import type { Log } from '../log.ts'
import { TokenBucket } from './token-bucket.ts'

/** Lines of one kind in a row, and then one in this time. */
const BURST = 5
const REFILL_PER_SECOND = 0.5
/** Kinds of refusals are few and named in the source; whatever comes on top is not told apart. */
const KINDS_MAX = 64

/** Says in the log who was refused what and why, but not as often as an attacker would like. */
export class Refusals {
  readonly #log: Log
  readonly #clock: Clock
  readonly #kinds = new Map<string, { bucket: TokenBucket; leftOut: number }>()

  constructor(log: Log, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /** @param kind the same for all refusals that are limited together */
  note(kind: string, peer: PeerId, why: string): void {
    const entry = this.#entry(this.#kinds.size < KINDS_MAX ? kind : 'other')
    if (!entry.bucket.take()) {
      entry.leftOut++
      return
    }
    const { leftOut } = entry
    entry.leftOut = 0
    this.#log.warn('refused', { what: kind, peer, why, ...(leftOut > 0 && { leftOut }) })
  }

  #entry(kind: string): { bucket: TokenBucket; leftOut: number } {
    let entry = this.#kinds.get(kind)
    if (entry === undefined) {
      const bucket = new TokenBucket(this.#clock, { capacity: BURST, perSecond: REFILL_PER_SECOND })
      entry = { bucket, leftOut: 0 }
      this.#kinds.set(kind, entry)
    }
    return entry
  }
}
