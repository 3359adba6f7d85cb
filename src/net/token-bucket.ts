import type { Clock } from '../base/environment.ts'

/** Lets through `perSecond` on average, `burst` at once. */
export class TokenBucket {
  readonly #clock: Clock
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #atMs: number

  constructor(clock: Clock, { perSecond, burst }: { perSecond: number; burst: number }) {
    this.#clock = clock
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
    this.#atMs = clock.monotonicMs()
  }

  /** True if there was room for one more. */
  take(): boolean {
    const nowMs = this.#clock.monotonicMs()
    const grown = ((nowMs - this.#atMs) * this.#perSecond) / 1_000
    this.#tokens = Math.min(this.#burst, this.#tokens + grown)
    this.#atMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
