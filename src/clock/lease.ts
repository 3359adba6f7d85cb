/**
 * Leader leases rest on monotonic time alone; how far anybody is from UTC does not enter.
 *
 *     length = electionMin · (1 - 2ρ) - 50 ms          ρ = 500 ppm: how far two clocks' rates differ
 *
 * A round of heartbeats that a quorum answered proves that no other leader is elected before
 * electionMin has passed on the followers' clocks since they received it, so at the earliest that
 * long since it was *sent*. Hence the count begins before sending, and 2ρ pays for a slow clock here
 * and a fast one there.
 *
 * Whoever reads under a lease checks `holds` in the same synchronous turn as it reads the state. A
 * disturbance of time (sleep, a stall, a clock that jumped) ends all leases begun before it: give
 * `start` and `holds` the clock's `leaseEpoch`, which such an event raises; it is undefined while no
 * leases are allowed.
 */
export class Lease {
  readonly #lengthMs: number
  #untilMs = Number.NEGATIVE_INFINITY
  #epoch: number | undefined

  constructor(electionMinMs: number) {
    this.#lengthMs = leaseLengthMs(electionMinMs)
  }

  /** A quorum answered what was sent at `sentMs` (monotonic), when the epoch was this. */
  extend(sentMs: number, epoch: number | undefined): void {
    if (epoch === undefined) return
    if (epoch !== this.#epoch) this.#untilMs = Number.NEGATIVE_INFINITY
    this.#epoch = epoch
    this.#untilMs = Math.max(this.#untilMs, sentMs + this.#lengthMs)
  }

  /** Ends it at once: leadership was lost or handed over. */
  end(): void {
    this.#untilMs = Number.NEGATIVE_INFINITY
  }

  holds(nowMs: number, epoch: number | undefined): boolean {
    return epoch !== undefined && epoch === this.#epoch && nowMs < this.#untilMs
  }
}

/** Never negative: with an election time too short for leases none is ever held. */
export const leaseLengthMs = (electionMinMs: number): number =>
  Math.max(0, electionMinMs * (1 - 2 * LEASE_RATE_ERROR) - LEASE_MARGIN_MS)

/** A peer whose rate differs by more from a voter's must not hold a lease. */
export const LEASE_RATE_ERROR = 500e-6
const LEASE_MARGIN_MS = 50
