const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000
const AVAILABILITY_HALF_LIFE_MS = 6 * HOUR_MS
const FLAPS_HALF_LIFE_MS = 30 * MINUTE_MS
const PENALTY_HALF_LIFE_MS = 5 * MINUTE_MS
const PENALTY_PER_FLAP = 500
const PENALTY_SUPPRESS = 5_000
const PENALTY_REUSE = 2_500
/** So that nobody is suppressed for longer than a quarter of an hour after the last flap. */
const PENALTY_MAX = 20_000

/**
 * How reliable a peer has been, as seen from here. Each measure halves what it remembers at its own
 * pace. Only deaths and returns are written down, so a peer that never died costs nothing.
 */
export class TrackRecord {
  #isAlive: boolean
  #share: number
  #shareAtMs: number
  #flaps = 0
  #penalty = 0
  #flappedAtMs = 0
  #isSuppressed = false

  /** A peer of which nothing bad is known. */
  constructor(isAlive: boolean, nowMs: number) {
    this.#isAlive = isAlive
    this.#share = isAlive ? 1 : 0
    this.#shareAtMs = nowMs
  }

  died(nowMs: number): void {
    this.#share = this.availability(nowMs)
    this.#shareAtMs = nowMs
    this.#isAlive = false
  }

  returned(nowMs: number): void {
    this.#share = this.availability(nowMs)
    this.#shareAtMs = nowMs
    this.#isAlive = true
    this.#flaps = this.flaps(nowMs) + 1
    this.#isSuppressed = this.isFlapping(nowMs)
    this.#penalty = Math.min(PENALTY_MAX, this.#penaltyAt(nowMs) + PENALTY_PER_FLAP)
    this.#flappedAtMs = nowMs
    if (this.#penalty >= PENALTY_SUPPRESS) this.#isSuppressed = true
  }

  /** Share of time alive, 0 to 1. */
  availability(nowMs: number): number {
    const now = this.#isAlive ? 1 : 0
    return now + (this.#share - now) * halved(nowMs - this.#shareAtMs, AVAILABILITY_HALF_LIFE_MS)
  }

  flaps(nowMs: number): number {
    return this.#flaps * halved(nowMs - this.#flappedAtMs, FLAPS_HALF_LIFE_MS)
  }

  /** Suppressed at 5000 points, and until they are under 2500 again. */
  isFlapping(nowMs: number): boolean {
    return this.#isSuppressed && this.#penaltyAt(nowMs) >= PENALTY_REUSE
  }

  #penaltyAt(nowMs: number): number {
    return this.#penalty * halved(nowMs - this.#flappedAtMs, PENALTY_HALF_LIFE_MS)
  }
}

const halved = (elapsedMs: number, halfLifeMs: number): number => 2 ** (-elapsedMs / halfLifeMs)
