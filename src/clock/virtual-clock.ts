import { assert } from '../base/assert.ts'

/**
 * Time as this peer tells it: the monotonic clock plus a correction that never jumps.
 *
 *     now(t) = origin + t + correction(t)
 *     correction(t) = what it was + frequency · elapsed ± min(pending, slew · elapsed)
 *
 * The operating system's wall clock gives the origin and is not looked at again; setting it does not
 * move this clock. What is known to be wrong, `pending`, is worked off at `SLEW_RATE`, slowly enough
 * that the total rate stays within 0.1 % of the monotonic clock's: so time never runs backwards.
 *
 * The origin is a whole number and kept apart, so that the correction keeps all its digits.
 *
 * Invariant: |frequency| ≤ FREQUENCY_MAX, so the rate lies within 1 ± (FREQUENCY_MAX + SLEW_RATE).
 */
export class VirtualClock {
  readonly originMs: number
  #sinceMs: number
  #correctionMs = 0
  #frequency = 0
  #pendingMs = 0

  constructor(nowMs: number, wallMs: number) {
    this.originMs = Math.round(wallMs - nowMs)
    this.#sinceMs = nowMs
  }

  /** How much faster than the monotonic clock this one runs, slewing apart. */
  get frequency(): number {
    return this.#frequency
  }

  correctionAt(nowMs: number): number {
    const elapsedMs = nowMs - this.#sinceMs
    return this.#correctionMs + this.#frequency * elapsedMs + this.#slewed(elapsedMs)
  }

  /** What is left to be worked off. */
  pendingAt(nowMs: number): number {
    return this.#pendingMs - this.#slewed(nowMs - this.#sinceMs)
  }

  /** Milliseconds since 1970. */
  at(nowMs: number): number {
    return this.originMs + (nowMs + this.correctionAt(nowMs))
  }

  /** From now on at this frequency, working towards this correction. */
  steer(nowMs: number, targetMs: number, frequency: number): void {
    assert(nowMs >= this.#sinceMs, 'monotonic time does not go back')
    this.#correctionMs = this.correctionAt(nowMs)
    this.#sinceMs = nowMs
    this.#frequency = Math.min(Math.max(frequency, -FREQUENCY_MAX), FREQUENCY_MAX)
    this.#pendingMs = targetMs - this.#correctionMs
  }

  /** Jumps to a correction: allowed only while nobody relies on this clock yet. */
  step(nowMs: number, correctionMs: number): void {
    this.steer(nowMs, correctionMs, this.#frequency)
    this.#correctionMs = correctionMs
    this.#pendingMs = 0
  }

  #slewed(elapsedMs: number): number {
    const mostMs = SLEW_RATE * elapsedMs
    return Math.max(-mostMs, Math.min(mostMs, this.#pendingMs))
  }
}

/** 500 ppm: 10 ms take 20 s. */
export const SLEW_RATE = 500e-6
/** No crystal is worse. */
export const FREQUENCY_MAX = 500e-6
