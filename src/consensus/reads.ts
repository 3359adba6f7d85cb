/**
 * Linearizable reads without the log (§6.4 of the thesis). A leader that has committed in its term
 * notes its commit index, asks everybody whether it still leads, and once a majority has said so,
 * state at that index answers the question.
 *
 * The asking is a heartbeat. Each has a number, its round, which the answer repeats, so one round
 * answers every read that waited when it began, and no read counts an answer to an earlier round: it
 * may be older than the read (bug class 21). While a round is out later reads wait for the next one.
 *
 * With leases a confirmed round is good for `leaseMs` from when it was *sent*: whoever answered it
 * elects nobody else for so long. Monotonic time only, and never in a term that was being handed
 * over, for who asks on behalf of the leader is elected at once.
 *
 * Invariant: rounds of `#asked` rise, and all are above the last confirmed round.
 */

interface Asked {
  readonly round: number
  readonly ids: readonly number[]
  readonly index: number
}

/** Reads that may wait for a round. */
export const READS_MAX = 65_536

export class Reads {
  #round = 0
  #confirmed = 0
  #waiting: number[] = []
  #asked: Asked[] = []
  /** When each round that is not yet confirmed was sent. */
  readonly #sentMs = new Map<number, number>()
  #leaseEndMs = Number.NEGATIVE_INFINITY
  #leaseMs: number

  /** @param leaseMs 0 for no leases. */
  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  /** The newest round. */
  get round(): number {
    return this.#round
  }

  get waiting(): number {
    return this.#waiting.length + this.#asked.reduce((sum, { ids }) => sum + ids.length, 0)
  }

  /** Whether a round should begin now rather than with the next heartbeat. */
  get wantsRound(): boolean {
    return this.#waiting.length > 0 && this.#asked.length === 0
  }

  add(ids: readonly number[]): void {
    this.#waiting.push(...ids)
  }

  /** Begins a round; reads that wait ride on it if the leader knows what is committed. */
  begin(nowMs: number, commit: number | undefined): number {
    this.#round++
    if (this.#leaseMs > 0) this.#sentMs.set(this.#round, nowMs)
    if (commit !== undefined && this.#waiting.length > 0) {
      this.#asked.push({ round: this.#round, ids: this.#waiting, index: commit })
      this.#waiting = []
    }
    return this.#round
  }

  /** A majority has answered `round` or a later one; returns the reads that are ready. */
  confirm(round: number): { ids: readonly number[]; index: number }[] {
    if (round <= this.#confirmed) return []
    this.#confirmed = round
    this.#extendLease(round)
    const ready = this.#asked.filter(asked => asked.round <= round)
    this.#asked = this.#asked.slice(ready.length)
    return ready
  }

  hasLease(nowMs: number): boolean {
    return nowMs < this.#leaseEndMs
  }

  /** No lease from now on. */
  endLeases(): void {
    this.#leaseMs = 0
    this.#leaseEndMs = Number.NEGATIVE_INFINITY
  }

  /** Everything that waits, which nobody will answer any more. */
  abandon(): number[] {
    const ids = [...this.#asked.flatMap(asked => asked.ids), ...this.#waiting]
    this.#asked = []
    this.#waiting = []
    return ids
  }

  #extendLease(round: number): void {
    const sentMs = this.#sentMs.get(round)
    for (const old of this.#sentMs.keys()) if (old <= round) this.#sentMs.delete(old)
    if (sentMs === undefined || this.#leaseMs === 0) return
    this.#leaseEndMs = Math.max(this.#leaseEndMs, sentMs + this.#leaseMs)
  }
}
