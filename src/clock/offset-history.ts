import { lineThrough } from './correction-line.ts'
import { type Line, valueAt } from './line.ts'
import type { Sample } from './sample.ts'

export interface Corrected {
  /** Milliseconds since 1970. */
  readonly utcMs: number
  /** The truth is within this of it. */
  readonly boundMs: number
}

/**
 * What the clock knew when, kept so that a timestamp can be corrected once more is known: an event
 * in the middle of an outage lies *between* two measurements, while the clock at that time could
 * only look back. (2-h outage: p99 12 ms when stamped, 0.5 ms afterwards.)
 *
 * Whoever wants to correct later stores the raw monotonic reading beside the timestamp, with
 * `epoch`: readings of different epochs (boots, processes, sleeps) cannot be compared.
 *
 * Invariant: records ascend in time and there are at most `HISTORY_RECORDS_MAX`.
 */
export class OffsetHistory {
  readonly originMs: number
  #epoch = 0
  #records: Sample[] = []

  constructor(originMs: number) {
    this.originMs = originMs
  }

  get epoch(): number {
    return this.#epoch
  }

  get records(): readonly Sample[] {
    return this.#records
  }

  add(record: Sample): void {
    this.#records.push(record)
    if (this.#records.length > HISTORY_RECORDS_MAX) this.#records.shift()
  }

  /** Monotonic readings from here on have nothing to do with earlier ones. */
  beginEpoch(): void {
    this.#epoch++
    this.#records = []
  }

  /** The best that is known by now about a reading; undefined if its epoch is gone or unmeasured. */
  correct(epoch: number, atMs: number, rateError: number): Corrected | undefined {
    if (epoch !== this.#epoch) return undefined
    const after = this.#records.findIndex(record => record.atMs > atMs)
    const split = after < 0 ? this.#records.length : after
    const near = this.#records.slice(Math.max(0, split - REACH), split + REACH)
    if (near.length === 0) return undefined
    const line = lineThrough(near)
    const correctionMs = valueAt(line, atMs)
    const boundMs = Math.min(
      ...near.map(record => distance(record, atMs, line, correctionMs, rateError)),
    )
    return { utcMs: this.originMs + (atMs + correctionMs), boundMs }
  }
}

/** How far off `correctionMs` may be at `atMs` if this record is right. */
function distance(
  { atMs: recordMs, correctionMs: measuredMs, errorMs }: Sample,
  atMs: number,
  { slope }: Line,
  correctionMs: number,
  rateError: number,
): number {
  const ageMs = atMs - recordMs
  return Math.abs(measuredMs + slope * ageMs - correctionMs) + errorMs + rateError * Math.abs(ageMs)
}

/** A day and more at one poll a minute. */
const HISTORY_RECORDS_MAX = 2_048
/** Records before and after that say something about a moment. */
const REACH = 16
