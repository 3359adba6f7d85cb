import type { Timers } from '../base/environment.ts'
import { withDeadline } from '../base/waiting.ts'
import type { Log } from './log.ts'

/** How long one service may take to stop in order. */
const STOP_MS = 4000

interface Started {
  readonly name: string
  readonly stop: (signal: AbortSignal) => Promise<void>
}

/**
 * What a peer has started, so that it can be stopped the other way round: whatever was started last
 * may lean on all before it.
 */
export class ServiceStack {
  readonly #log: Log
  readonly #timers: Timers
  readonly #started: Started[] = []

  constructor(log: Log, timers: Timers) {
    this.#log = log
    this.#timers = timers
  }

  /** Notes what was started and how to stop it; the signal says that it has taken too long. */
  add(name: string, stop: Started['stop']): void {
    this.#started.push({ name, stop })
  }

  /**
   * Stops everything, last first. One that fails or hangs is reported and left behind. When the
   * signal aborts nothing is waited for any more.
   */
  async stop(signal: AbortSignal): Promise<void> {
    for (let next = this.#started.pop(); next !== undefined; next = this.#started.pop()) {
      const { name, stop } = next
      try {
        // Even then each is told to stop.
        if (signal.aborted) void stop(signal).catch(() => undefined)
        await withDeadline(this.#timers, { ms: STOP_MS, what: name, signal }, stop)
      } catch (error) {
        this.#log.warn('not stopped in order', { service: name, reason: String(error) })
      }
    }
  }
}
