/**
 * How fast work in the background goes: after each step it rests for a multiple of what the step
 * took, so that a slow machine rests longer. The multiple follows the latency of those who wait in
 * the foreground: it doubles while they are slowed down, and halves once they are not.
 *
 *     rest = multiple × mean of the last steps,   0 ≤ multiple ≤ 16
 */
const MULTIPLE_MAX = 16
const MULTIPLE_FIRST = 0.25
/** Latency, relative to what it is without background work, from which on to give way. */
const SLOWED = 1.5
const UNHURT = 1.1
const WEIGHT = 0.2

export class Pace {
  #multiple = 0
  #meanMs = 0
  #restUntilMs = 0

  get multiple(): number {
    return this.#multiple
  }

  /** When the next step may begin. */
  get restUntilMs(): number {
    return this.#restUntilMs
  }

  stepTook(ms: number, nowMs: number): void {
    this.#meanMs += (ms - this.#meanMs) * (this.#meanMs === 0 ? 1 : WEIGHT)
    this.#restUntilMs = Math.max(this.#restUntilMs, nowMs + this.#multiple * this.#meanMs)
  }

  /** @param ratio foreground latency over its usual value */
  foreground(ratio: number): void {
    if (ratio >= SLOWED) {
      this.#multiple = Math.min(MULTIPLE_MAX, Math.max(MULTIPLE_FIRST, this.#multiple * 2))
    } else if (ratio <= UNHURT) {
      this.#multiple = this.#multiple <= MULTIPLE_FIRST ? 0 : this.#multiple / 2
    }
  }
}
