import type { Timer, Timers } from '../../src/base/environment.ts'
import { TimerQueue } from '../../src/base/timer-queue.ts'

const TIMERS_MAX = 1_000

/** Timers that a test moves by hand: time stands still until `advance`. */
export class ManualTimers implements Timers {
  readonly #queue = new TimerQueue<() => void>(TIMERS_MAX)
  #nowMs = 0

  get nowMs(): number {
    return this.#nowMs
  }

  /** Timers set and neither run nor cancelled. */
  get pending(): number {
    return this.#queue.size
  }

  after(delayMs: number, callback: () => void): Timer {
    const due = this.#queue.push(this.#nowMs + delayMs, callback)
    return { cancel: () => this.#queue.cancel(due) }
  }

  /** Lets `ms` pass: runs what falls due, in order, and after each what follows from it. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await settle()
    for (let due = this.#queue.peek(); due !== undefined && due.atMs <= endMs;) {
      this.#queue.cancel(due)
      this.#nowMs = due.atMs
      due.value()
      await settle()
      due = this.#queue.peek()
    }
    this.#nowMs = endMs
  }
}

/** Runs all promise callbacks that are ready, and those they make ready. Takes no virtual time. */
export const settle = (): Promise<void> => new Promise(resolve => void setImmediate(resolve))
