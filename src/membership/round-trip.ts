/** Estimates from fewer answers than this are not used. */
const SAMPLES_MIN = 8
const WEIGHT = 1 / 8
/** Normal distribution: the 99th percentile is so many standard deviations above the mean. */
const SIGMAS_P99 = 2.33

/** Round-trip time to one peer: exponentially weighted mean and variance. */
export class RoundTrip {
  #meanMs: number
  #variance = 0
  #samples = 1

  constructor(firstMs: number) {
    this.#meanMs = firstMs
  }

  get meanMs(): number {
    return this.#meanMs
  }

  add(sampleMs: number): void {
    const difference = sampleMs - this.#meanMs
    this.#meanMs += WEIGHT * difference
    this.#variance = (1 - WEIGHT) * (this.#variance + WEIGHT * difference * difference)
    this.#samples++
  }

  /** What 99 of 100 answers stay under; undefined while too few came. */
  get p99Ms(): number | undefined {
    if (this.#samples < SAMPLES_MIN) return undefined
    return this.#meanMs + SIGMAS_P99 * Math.sqrt(this.#variance)
  }
}
