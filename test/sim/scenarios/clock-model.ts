import type { Interval } from '../../../src/clock/core.ts'
import { compareTimestamps, type Timestamp } from '../../../src/clock/timestamp.ts'
import { demand } from '../scenario.ts'

/** A clock may run this much faster or slower than the machine's: frequency and slew together. */
const RATE_MAX = 1_000e-6
const ROUNDING_MS = 0.01

/** Watches one run of one clock: what it tells must be true, and must not jump. */
export class ClockWitness {
  readonly #name: string
  #last: { atMs: number; monotonicMs: number; mayJump: boolean } | undefined

  constructor(name: string) {
    this.#name = name
  }

  /** The truth is inside, for whoever claims to know UTC. */
  checkTruth(interval: Interval, trueMs: number): void {
    const { status, basis, atMs, earliestMs, latestMs } = interval
    if (basis !== 'utc' || (status !== 'SYNCED' && status !== 'HOLDOVER')) return
    demand(
      earliestMs <= trueMs + ROUNDING_MS && trueMs - ROUNDING_MS <= latestMs,
      `${this.#name} is ${status}, off by ${atMs - trueMs} ms, bound ${latestMs - atMs}`,
    )
  }

  /**
   * Never backwards, and never by a jump, once the clock is in use; but after sleep it may skip
   * ahead, until it is trusted again.
   */
  checkCourse({ atMs, status }: Interval, monotonicMs: number): void {
    const last = this.#last
    const mayJump = status === 'INIT'
    this.#last = { atMs, monotonicMs, mayJump }
    if (last === undefined) return
    const passedMs = atMs - last.atMs
    demand(passedMs >= 0, `the clock of ${this.#name} runs backwards by ${-passedMs} ms`)
    if (mayJump || last.mayJump) return
    const localMs = monotonicMs - last.monotonicMs
    const wrongMs = Math.abs(passedMs - localMs)
    demand(
      wrongMs <= RATE_MAX * localMs + ROUNDING_MS,
      `the clock of ${this.#name} jumps by ${passedMs - localMs} ms in ${localMs}`,
    )
  }
}

/** All timestamps that peers gave out, whatever became of their processes. */
export class StampModel {
  readonly #given = new Map<string, Timestamp>()
  count = 0

  /** A peer gave out a timestamp after it had seen others: it is later than all of them. */
  given(name: string, stamp: Timestamp, seen: Timestamp | undefined): void {
    const before = this.#given.get(name)
    demand(
      before === undefined || compareTimestamps(stamp, before) > 0,
      `${name} gives out ${show(stamp)} after ${show(before)}`,
    )
    demand(
      seen === undefined || compareTimestamps(stamp, seen) > 0,
      `${name} gives out ${show(stamp)} although it has seen ${show(seen)}`,
    )
    this.#given.set(name, stamp)
    this.count++
  }
}

const show = (stamp: Timestamp | undefined): string =>
  stamp === undefined ? 'nothing' : `${stamp.ms}.${stamp.count}`
