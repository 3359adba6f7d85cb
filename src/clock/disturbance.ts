/** What may happen to time here. */
export type Disturbance =
  /** Somebody set the operating system's clock. The virtual clock does not care, others may. */
  | 'wall clock jumped'
  /** This process did not run for a while. */
  | 'stall'
  /** The machine slept, and the monotonic clock with it: the virtual clock is behind. */
  | 'sleep'

export interface Readings {
  readonly wallMs: number
  /** Total time the machine has slept since it booted, as far as the system says. */
  readonly asleepMs: number
}

export interface DisturbanceLimits {
  readonly jumpMs: number
  /** A pause beyond the time between two looks. */
  readonly stallMs: number
  readonly watchMs: number
}

/**
 * Watches the clocks of the machine run beside each other. It is looked at again and again, and
 * remembers the last look; a wall clock that is slewed moves little between two looks.
 */
export class DisturbanceDetector {
  readonly #limits: DisturbanceLimits
  #lastMs: number
  #lastWallMs: number
  #lastAsleepMs: number

  constructor(nowMs: number, { wallMs, asleepMs }: Readings, limits: DisturbanceLimits) {
    this.#limits = limits
    this.#lastMs = nowMs
    this.#lastWallMs = wallMs
    this.#lastAsleepMs = asleepMs
  }

  /** Whether the wall clock alone makes a closer look worth while: it costs next to nothing. */
  isSuspicious(nowMs: number, wallMs: number): boolean {
    return Math.abs(this.#jumpAt(nowMs, wallMs)) > SUSPICIOUS_JUMP_MS
  }

  /** Sleep since the last look. */
  sleptSince({ asleepMs }: Readings): number {
    return asleepMs - this.#lastAsleepMs
  }

  /** @param isDue false for a look that nothing scheduled, which is no sign of life. */
  look(nowMs: number, { wallMs, asleepMs }: Readings, isDue: boolean): Disturbance | undefined {
    const hasSlept = asleepMs - this.#lastAsleepMs > SLEEP_NOTICED_MS
    const hasJumped = Math.abs(this.#jumpAt(nowMs, wallMs)) > this.#limits.jumpMs
    const { stallMs, watchMs } = this.#limits
    const hasStalled = nowMs - this.#lastMs > watchMs + stallMs
    this.#lastMs = nowMs
    this.#lastWallMs = wallMs
    this.#lastAsleepMs = asleepMs
    if (hasSlept) return 'sleep'
    if (hasJumped) return 'wall clock jumped'
    return hasStalled && isDue ? 'stall' : undefined
  }

  /** How far the wall clock has moved against the monotonic one since the last look. */
  #jumpAt(nowMs: number, wallMs: number): number {
    return wallMs - this.#lastWallMs - (nowMs - this.#lastMs)
  }
}

/** The counters behind `asleepMs` advance in steps of 10 ms. */
const SLEEP_NOTICED_MS = 30
/** Less than any sleep takes, more than two readings are ever apart. */
const SUSPICIOUS_JUMP_MS = 20
