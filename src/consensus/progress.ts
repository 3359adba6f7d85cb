/**
 * What a leader knows about one replica, and how fast it may send to it.
 *
 *     probe      ──  a hit  ──▶  replicate      ──  the log is gone  ──▶  snapshot
 *        ▲  one message, then silence │  many on their way       nothing is sent │
 *        └──────── a miss, or lost ───┴───────────── the transfer ended ─────────┘
 *
 * A probe that is not answered is repeated with the next heartbeat, not sooner, and behind a probe
 * the window opens slowly, by one message with each that arrives. Otherwise a single answer that was
 * doubled or overtaken on its way could have the whole window sent again, whose answers in turn
 * would do the same: a storm (bug class 32).
 *
 * Invariants: 0 ≤ match < next; everything up to match is durable there.
 */
import { assert } from '../base/assert.ts'

export interface Window {
  readonly messagesMax: number
  readonly bytesMax: number
}

/** With how many messages a window begins. */
const FIRST_ALLOWANCE = 2

interface InFlight {
  readonly lastIndex: number
  readonly sizeBytes: number
}

export type ProgressState = 'probe' | 'replicate' | 'snapshot'

export class Progress {
  match = 0
  next: number
  /** The newest heartbeat that was answered. */
  round = 0
  /** When anything came from it last. */
  heardMs: number
  state: ProgressState = 'probe'
  /** The snapshot that is on its way. */
  snapshotIndex = 0
  /** A probe is out. */
  isProbeOut = false
  #inFlight: InFlight[] = []
  #inFlightBytes = 0
  /** How many messages may be on their way now. */
  #allowance = FIRST_ALLOWANCE
  readonly #window: Window

  constructor(next: number, heardMs: number, window: Window) {
    this.next = next
    this.heardMs = heardMs
    this.#window = window
  }

  get inFlight(): number {
    return this.#inFlight.length
  }

  /** Nothing may be sent now. */
  get isPaused(): boolean {
    if (this.state === 'snapshot') return true
    if (this.state === 'probe') return this.isProbeOut
    const messagesMax = Math.min(this.#window.messagesMax, this.#allowance)
    const { bytesMax } = this.#window
    return this.#inFlight.length >= messagesMax || this.#inFlightBytes >= bytesMax
  }

  /** Entries up to `lastIndex` were sent; none are a probe that tells nothing new. */
  sent(lastIndex: number, sizeBytes: number): void {
    if (this.state === 'probe') {
      this.isProbeOut = true
      return
    }
    assert(this.state === 'replicate', 'nothing is appended while a snapshot travels')
    if (lastIndex < this.next) return
    this.next = lastIndex + 1
    this.#inFlight.push({ lastIndex, sizeBytes })
    this.#inFlightBytes += sizeBytes
  }

  /** The replica holds everything up to `index`. Returns whether that is news. */
  hit(index: number): boolean {
    if (index < this.match) return false
    const isNews = index > this.match
    this.match = index
    this.next = Math.max(this.next, index + 1)
    this.#release(index)
    if (this.state === 'probe') this.#become('replicate')
    if (this.state === 'snapshot' && this.match >= this.snapshotIndex) this.#become('replicate')
    return isNews
  }

  /**
   * The replica does not hold what came before `next`, or some message that is long overtaken.
   * Returns whether another try is called for.
   */
  miss(index: number, hintIndex: number): boolean {
    if (this.state === 'snapshot' || index <= this.match) return false
    if (this.state === 'probe' && index !== this.next - 1) return false
    this.next = Math.max(this.match + 1, Math.min(index, hintIndex + 1))
    this.#become('probe')
    return true
  }

  /** What was on its way is probably lost. */
  lost(): void {
    if (this.state !== 'replicate') return
    this.next = this.match + 1
    this.#become('probe')
  }

  awaitSnapshot(index: number): void {
    this.#become('snapshot')
    this.snapshotIndex = index
  }

  /** The transfer of a snapshot ended; only the replica's own word moves `match`. */
  snapshotEnded(isDone: boolean): void {
    if (this.state !== 'snapshot') return
    this.next = isDone ? this.snapshotIndex + 1 : this.match + 1
    this.#become('probe')
    // What failed is tried again with the next heartbeat, not at once.
    this.isProbeOut = !isDone
  }

  #release(index: number): void {
    let count = 0
    for (const { lastIndex, sizeBytes } of this.#inFlight) {
      if (lastIndex > index) break
      count++
      this.#inFlightBytes -= sizeBytes
    }
    this.#inFlight.splice(0, count)
    this.#allowance = Math.min(this.#allowance + count, this.#window.messagesMax)
  }

  #become(state: ProgressState): void {
    this.state = state
    this.isProbeOut = false
    this.snapshotIndex = 0
    this.#inFlight = []
    this.#inFlightBytes = 0
    this.#allowance = FIRST_ALLOWANCE
    if (state === 'replicate') this.next = this.match + 1
  }
}
