/**
 * Gathers the events of all servers as they arrive, puts them in order, and says how far that order is
 * from the true one:
 *
 *  1. as they arrived: each server's in order, those of several servers mixed by chance;
 *  2. reordered: held back until every server has promised that nothing earlier will come;
 *  3. corrected: once more by what each server's clock knows later of the moment it stamped.
 *
 * What is true is told by a clock that all processes of one machine share, and that the servers do
 * not use.
 */
import { setTimeout as sleep } from 'node:timers/promises'

import { type Released, ReorderBuffer, shareOutOfOrder } from 'holdfast'

import type { LoggedEvent } from './event-log.ts'

export interface OrderReport {
  readonly events: number
  /** Shares of events that come after something that happened later. */
  readonly arrived: number
  readonly reordered: number
  readonly corrected: number
  /** Events that came when later ones had been let go. */
  readonly late: number
  /** Of the stamps' error bounds, milliseconds. */
  readonly boundMs: { readonly median: number; readonly most: number }
  /** How far stamps were from the truth, the constant between the two clocks aside. */
  readonly errorMs: { readonly median: number; readonly most: number }
}

const EVENTS_MAX = 1_000_000
const AGAIN_MS = 200
const READINGS_AT_ONCE = 20_000
/** Longer than a server may be gone. */
const IDLE_MS = 5_000

export class EventOrder {
  readonly #arrived: LoggedEvent[] = []
  readonly #reordered: Released<LoggedEvent>[] = []
  readonly #buffer = new ReorderBuffer<LoggedEvent>({ idleMs: IDLE_MS })
  readonly #urls = new Map<string, string>()
  readonly #controller = new AbortController()

  /** Follows a server until the end, wherever it comes back. */
  follow(source: string, url: string): void {
    if (!this.#urls.has(source)) {
      this.#buffer.addSource(source, performance.now())
      void this.#follow(source)
    }
    this.#urls.set(source, url)
  }

  /** What came of it; nothing is followed any more. */
  async end(): Promise<OrderReport> {
    await sleep(AGAIN_MS)
    this.#controller.abort()
    for (const source of this.#urls.keys()) this.#buffer.removeSource(source)
    this.#reordered.push(...this.#buffer.poll(performance.now()))
    const events = this.#reordered.map(({ value }) => value)
    const corrected = await this.#corrected(events)
    const bounds = events.flatMap(({ stamp }) => stamp.boundMs ?? []).toSorted((a, b) => a - b)
    const errors = errorsOf(events)
    return {
      events: events.length,
      arrived: shareOutOfOrder(this.#arrived.map(({ trueMs }) => trueMs)),
      reordered: shareOutOfOrder(events.map(({ trueMs }) => trueMs)),
      corrected: shareOutOfOrder(corrected.map(({ trueMs }) => trueMs)),
      late: this.#reordered.filter(({ isLate }) => isLate).length / Math.max(1, events.length),
      boundMs: { median: bounds[bounds.length >> 1] ?? 0, most: bounds.at(-1) ?? 0 },
      errorMs: { median: errors[errors.length >> 1] ?? 0, most: errors.at(-1) ?? 0 },
    }
  }

  async #follow(source: string): Promise<void> {
    const { signal } = this.#controller
    let after = 0
    let url = ''
    while (!signal.aborted) {
      try {
        const now = this.#urls.get(source) ?? ''
        // Another process begins to count anew.
        if (now !== url) after = 0
        url = now
        const response = await fetch(`${url}/events?after=${after}`, { signal })
        for await (const event of linesOf(response)) {
          after = event.sequence
          this.#take(event)
        }
      } catch {
        // It is gone; perhaps it comes back.
      }
      await sleep(AGAIN_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  #take(event: LoggedEvent): void {
    const { source, stamp, payment } = event
    const nowMs = performance.now()
    if (payment === undefined) {
      this.#reordered.push(...this.#buffer.heartbeat(source, stamp, nowMs))
      return
    }
    if (this.#arrived.length >= EVENTS_MAX) return
    this.#arrived.push(event)
    const pushed = { source, stamp, sizeBytes: payment.length, value: event }
    this.#reordered.push(...this.#buffer.push(pushed, nowMs))
  }

  /** In the order of corrected times; what a server no longer knows keeps its stamp. */
  async #corrected(events: readonly LoggedEvent[]): Promise<LoggedEvent[]> {
    const timed: { utcMs: number; event: LoggedEvent }[] = []
    for (const [source, url] of this.#urls) {
      const own = events.filter(event => event.source === source)
      for (let at = 0; at < own.length; at += READINGS_AT_ONCE) {
        const some = own.slice(at, at + READINGS_AT_ONCE)
        const corrected = await correctionsOf(url, some)
        for (const [n, event] of some.entries()) {
          const { ms, count } = event.stamp
          timed.push({ utcMs: corrected[n]?.utcMs ?? ms + count / 65_536, event })
        }
      }
    }
    return timed.toSorted((a, b) => a.utcMs - b.utcMs).map(({ event }) => event)
  }
}

interface Corrected {
  readonly utcMs: number
}

async function correctionsOf(
  url: string,
  events: readonly LoggedEvent[],
): Promise<readonly (Corrected | null)[]> {
  try {
    const readings = events.map(({ stamp }) => stamp.reading)
    const body = JSON.stringify({ readings })
    const response = await fetch(`${url}/corrections`, { method: 'POST', body })
    return ((await response.json()) as { corrected: (Corrected | null)[] }).corrected
  } catch {
    return []
  }
}

/** Distances of stamps from the truth, sorted; the two clocks differ by a constant, about the median. */
function errorsOf(events: readonly LoggedEvent[]): number[] {
  const offsets = events.map(({ stamp, trueMs }) => stamp.ms - trueMs).toSorted((a, b) => a - b)
  const constant = offsets[offsets.length >> 1] ?? 0
  return offsets.map(offset => Math.abs(offset - constant)).toSorted((a, b) => a - b)
}

async function* linesOf(response: Response): AsyncGenerator<LoggedEvent> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of response.body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) yield JSON.parse(line) as LoggedEvent
  }
}
