import { assert } from '../base/assert.ts'
import { compareTimestamps, type Timestamp } from './timestamp.ts'

/**
 * Puts the events of many sources into timestamp order.
 *
 * Each source's timestamps ascend, so what it said last is a promise: nothing earlier will come from
 * it. Events up to the least of these promises, the watermark, are complete and are let go, in order
 * of timestamp, then of source. Sources with nothing to say send heartbeats, every 50–100 ms.
 *
 * One silent source would hold back all; after `idleMs` it no longer counts. What it then sends from
 * before the watermark is let go at once, marked late: out of order, but never lost. The buffer is
 * bounded; beyond that the oldest events go early, and those that they overtake are marked late in
 * turn. So `idleMs` should exceed the longest stall that shall not show.
 *
 * Invariant: events that are not late come out in strictly ascending order.
 */
export interface StampedEvent<Value> {
  readonly source: string
  readonly stamp: Timestamp
  readonly sizeBytes: number
  readonly value: Value
}

export interface Released<Value> extends StampedEvent<Value> {
  /** It comes after something later: put it aside, or correct what was concluded. */
  readonly isLate: boolean
}

export interface ReorderLimits {
  readonly idleMs: number
  readonly eventsMax: number
  readonly bytesMax: number
  readonly sourcesMax: number
}

interface SourceState {
  /** Nothing up to this will come from it any more. */
  promise: Timestamp
  heardMs: number
}

export class ReorderBuffer<Value> {
  readonly #limits: ReorderLimits
  readonly #sources = new Map<string, SourceState>()
  /** Sorted, the earliest last, so that taking it off is cheap. */
  readonly #waiting: StampedEvent<Value>[] = []
  #bytes = 0
  #last: StampedEvent<unknown> | undefined
  #late = 0

  constructor(limits: Partial<ReorderLimits> = {}) {
    this.#limits = { ...defaults, ...limits }
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Events that came out of order so far. */
  get late(): number {
    return this.#late
  }

  /** A source that will be waited for, from its first word on. */
  addSource(source: string, nowMs: number): void {
    assert(this.#sources.size < this.#limits.sourcesMax, 'sources are within their limit')
    this.#sources.set(source, { promise: { ms: 0, count: 0 }, heardMs: nowMs })
  }

  removeSource(source: string): void {
    this.#sources.delete(source)
  }

  /** An event arrived. @returns what may go now. */
  push(event: StampedEvent<Value>, nowMs: number): Released<Value>[] {
    const released: Released<Value>[] = []
    this.#hear(event.source, event.stamp, nowMs)
    if (this.#isOvertaken(event)) released.push(this.#release(event))
    else this.#insert(event)
    this.#drain(nowMs, released)
    return released
  }

  /** The source has nothing up to this timestamp. */
  heartbeat(source: string, stamp: Timestamp, nowMs: number): Released<Value>[] {
    this.#hear(source, stamp, nowMs)
    return this.poll(nowMs)
  }

  /** Time has passed: sources may have gone idle. */
  poll(nowMs: number): Released<Value>[] {
    const released: Released<Value>[] = []
    this.#drain(nowMs, released)
    return released
  }

  #hear(source: string, stamp: Timestamp, nowMs: number): void {
    const known = this.#sources.get(source)
    if (known === undefined) return
    known.heardMs = nowMs
    if (compareTimestamps(stamp, known.promise) > 0) known.promise = stamp
  }

  #drain(nowMs: number, released: Released<Value>[]): void {
    const watermark = this.#watermark(nowMs)
    for (let next = this.#waiting.at(-1); next !== undefined; next = this.#waiting.at(-1)) {
      const { eventsMax, bytesMax } = this.#limits
      const isFull = this.#waiting.length > eventsMax || this.#bytes > bytesMax
      const isComplete = watermark === undefined || compareTimestamps(next.stamp, watermark) <= 0
      if (!isFull && !isComplete) return
      this.#waiting.pop()
      this.#bytes -= next.sizeBytes
      released.push(this.#release(next))
    }
  }

  /** The least promise of those that count; undefined if nobody does. */
  #watermark(nowMs: number): Timestamp | undefined {
    let least: Timestamp | undefined
    for (const { promise, heardMs } of this.#sources.values()) {
      if (nowMs - heardMs > this.#limits.idleMs) continue
      if (least === undefined || compareTimestamps(promise, least) < 0) least = promise
    }
    return least
  }

  #isOvertaken(event: StampedEvent<Value>): boolean {
    return this.#last !== undefined && compareEvents(event, this.#last) <= 0
  }

  #release(event: StampedEvent<Value>): Released<Value> {
    const isLate = this.#isOvertaken(event)
    if (isLate) this.#late++
    else this.#last = event
    return { ...event, isLate }
  }

  #insert(event: StampedEvent<Value>): void {
    let low = 0
    let high = this.#waiting.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareEvents(this.#waiting[middle] as StampedEvent<Value>, event) > 0) low = middle + 1
      else high = middle
    }
    this.#waiting.splice(low, 0, event)
    this.#bytes += event.sizeBytes
  }
}

function compareEvents(a: StampedEvent<unknown>, b: StampedEvent<unknown>): number {
  const order = compareTimestamps(a.stamp, b.stamp)
  if (order !== 0) return order
  return a.source < b.source ? -1 : a.source > b.source ? 1 : 0
}

const defaults: ReorderLimits = {
  idleMs: 5_000,
  eventsMax: 65_536,
  bytesMax: 64 << 20,
  sourcesMax: 1_024,
}
