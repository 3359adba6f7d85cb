/** Lags of the event loop that cost one point and two. */
const LAG_MS = 250
const LAG_BAD_MS = 1_000

/**
 * How far this peer trusts its own judgement (Lifeguard's local health multiplier): 0 is well, and
 * each point makes the probe period longer by one. A peer that hears nothing may be deaf itself.
 */
export class LocalHealth {
  readonly #max: number
  #points = 0

  constructor(max: number) {
    this.#max = max
  }

  /** 0 … max */
  get points(): number {
    return this.#points
  }

  probeSucceeded(): void {
    this.#add(-1)
  }

  /** Helpers that did not even say that they got no answer speak against this peer. */
  probeFailed(helpersAsked: number, nacks: number): void {
    this.#add(helpersAsked === 0 ? 1 : helpersAsked - nacks)
  }

  /** Others suspected this peer: it may have been slow. */
  refuted(): void {
    this.#add(1)
  }

  lagged(ms: number): void {
    if (ms > LAG_MS) this.#add(ms > LAG_BAD_MS ? 2 : 1)
  }

  #add(points: number): void {
    this.#points = Math.min(this.#max, Math.max(0, this.#points + points))
  }
}
