import type { Timers } from '../base/environment.ts'
import { abortable, withDeadline } from '../base/waiting.ts'
import type { Log } from './log.ts'

/** How long one service may take to stop in order. */
const STOP_MS = 4000

/**
 * What a peer has started, so that it can be stopped the other way round: whatever was started last
 * may lean on all before it.
 */
export class ServiceStack {
  readonly #timers: Timers
  readonly #log: Log
  readonly #started: { readonly name: string; readonly stop: () => Promise<void> }[] = []

  constructor(timers: Timers, log: Log) {
    this.#timers = timers
    this.#log = log
  }

  /** Notes what was started and how to stop it. */
  add(name: string, stop: () => Promise<void>): void {
    this.#started.push({ name, stop })
  }

  /**
   * Stops everything, last first. One that fails or hangs is reported and left behind. When the
   * signal aborts nothing is waited for any more.
   */
  async stop(signal?: AbortSignal): Promise<void> {
    for (let next = this.#started.pop(); next !== undefined; next = this.#started.pop()) {
      const { name, stop } = next
      try {
        await withDeadline(this.#timers, { ms: STOP_MS, what: `${name} to stop` }, () =>
          abortable(stop(), signal),
        )
      } catch (error) {
        this.#log.warn('not stopped in order', { service: name, reason: String(error) })
      }
    }
  }
}
