/**
 * How long something took lately: durations of the last minutes, counted in classes that grow by an
 * eighth, so that a quantile is at most so much too high. Old ones go slice by slice; nothing is kept
 * of a single duration.
 */
import { assert } from './assert.ts'

const SLICES = 6
const SLICE_MS = 30_000
const CLASSES = 128
const FIRST_MS = 0.1
const GROWTH = 1.125

interface Slice {
  readonly number: number
  readonly counts: Uint32Array
}

export class RecentTimes {
  #slices: Slice[] = []

  add(tookMs: number, nowMs: number): void {
    assert(tookMs >= 0, 'a duration is not negative')
    const number = Math.floor(nowMs / SLICE_MS)
    let slice = this.#slices.at(-1)
    if (slice === undefined || slice.number < number) {
      slice = { number, counts: new Uint32Array(CLASSES) }
      this.#slices = [...this.#slices.slice(1 - SLICES), slice]
    }
    const at = classOf(tookMs)
    slice.counts[at] = (slice.counts[at] as number) + 1
  }

  /** What that share of the durations did not exceed; 0 if there were none. */
  quantile(share: number, nowMs: number): number {
    const oldest = Math.floor(nowMs / SLICE_MS) - SLICES + 1
    const live = this.#slices.filter(({ number }) => number >= oldest)
    const countIn = (at: number): number =>
      live.reduce((sum, { counts }) => sum + (counts[at] as number), 0)
    let total = 0
    for (let at = 0; at < CLASSES; at++) total += countIn(at)
    let left = Math.ceil(total * share)
    if (left === 0) return 0
    for (let at = 0; at < CLASSES; at++) {
      left -= countIn(at)
      if (left <= 0) return FIRST_MS * GROWTH ** at
    }
    return FIRST_MS * GROWTH ** CLASSES
  }
}

/** The first class whose limit it does not exceed. */
function classOf(tookMs: number): number {
  if (tookMs <= FIRST_MS) return 0
  return Math.min(CLASSES - 1, Math.ceil(Math.log(tookMs / FIRST_MS) / Math.log(GROWTH) - 1e-9))
}
