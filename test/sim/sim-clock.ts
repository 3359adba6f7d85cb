import type { Clock } from '../../src/base/environment.ts'

/** 2026-01-01, as good a day as any. */
export const EPOCH_MS = 1_767_225_600_000

export interface SimClockOptions {
  /** How far the wall clock is off at the start. @default 0 */
  readonly skewMs?: number
  /** How much too fast both clocks run, in parts per million. @default 0 */
  readonly driftPpm?: number
}

/**
 * A peer's two clocks as functions of true time. Both run at the same wrong rate; the wall clock
 * can be set. A process sees monotonic time begin at an arbitrary value.
 */
export class SimClock {
  readonly #now: () => number
  #rate: number
  #wallOffsetMs: number
  /** Where the present rate began. */
  #trueMs = 0
  #localMs = 0
  #asleepMs = 0

  constructor(now: () => number, { skewMs = 0, driftPpm = 0 }: SimClockOptions) {
    this.#now = now
    this.#rate = 1 + driftPpm / 1e6
    this.#wallOffsetMs = EPOCH_MS + skewMs
  }

  /** True milliseconds in which this clock counts `localMs`. */
  trueDuration(localMs: number): number {
    return localMs / this.#rate
  }

  /** The clocks as one run of the process sees them. */
  view(monotonicBaseMs: number): Clock {
    const startMs = this.#local()
    return {
      monotonicMs: () => this.#local() - startMs + monotonicBaseMs,
      wallMs: () => this.#local() + this.#wallOffsetMs,
    }
  }

  /** Somebody sets the wall clock. */
  jump(byMs: number): void {
    this.#wallOffsetMs += byMs
  }

  /** How long the machine has slept in all, as its system counts. */
  get asleepMs(): number {
    return this.#asleepMs
  }

  /** The machine has slept these true milliseconds: only the wall clock went on meanwhile. */
  sleep(ms: number): void {
    const localMs = ms * this.#rate
    this.#localMs -= localMs
    this.#wallOffsetMs += localMs
    this.#asleepMs += localMs
  }

  /** The crystal changes its mind. */
  drift(ppm: number): void {
    this.#localMs = this.#local()
    this.#trueMs = this.#now()
    this.#rate = 1 + ppm / 1e6
  }

  #local(): number {
    return this.#localMs + (this.#now() - this.#trueMs) * this.#rate
  }
}
