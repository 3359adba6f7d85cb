import type { Clock } from '../../base/environment.ts'

/** Lets `capacity` things happen at once, and `perSecond` in the long run. */
export class TokenBucket {
  readonly #clock: Clock
  readonly #capacity: number
  readonly #perSecond: number
  #tokens: number
  #atMs: number

  constructor(clock: Clock, { capacity, perSecond }: { capacity: number; perSecond: number }) {
    this.#clock = clock
    this.#capacity = capacity
    this.#perSecond = perSecond
    this.#tokens = capacity
    this.#atMs = clock.monotonicMs()
  }

  /** Whether one more may happen now. */
  take(): boolean {
    const nowMs = this.#clock.monotonicMs()
    const gained = ((nowMs - this.#atMs) / 1000) * this.#perSecond
    this.#tokens = Math.min(this.#capacity, this.#tokens + gained)
    this.#atMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
