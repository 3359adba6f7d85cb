import { assert } from '../base/assert.ts'
import { COUNT_MAX, MS_MAX, type Timestamp } from './timestamp.ts'

/**
 * The hybrid logical clock (Kulkarni et al. 2014): timestamps that never contradict causality and
 * stay close to physical time. Each event takes the later of physical time and everything seen so
 * far; the counter tells events of one millisecond apart.
 *
 *     tick:     pt > l → (pt, 0); else (l, c + 1)
 *     receive:  the same over own and remote: pt above both → (pt, 0); else the greater, c + 1
 *
 * A counter that is full borrows the next millisecond. A remote timestamp that leads physical time
 * by more than `maxOffsetMs` is refused before it changes anything, for it would drag every later
 * timestamp into the future with it. What is committed already must be merged all the same; the
 * caller learns how far it leads.
 *
 * A restart must not give out again what was given out before. So `mark`, a limit that no timestamp
 * passes, lies on disk: the owner writes `markWanted` ahead of need, and after a restart waits until
 * physical time has passed the old mark. It never starts from the mark: every restart would then
 * push the clock further into the future.
 *
 * Invariants: timestamps strictly ascend; none given out by `tick` exceeds the durable mark; after
 * `receive`, l ≤ pt + maxOffsetMs.
 */
export class Hlc {
  readonly maxOffsetMs: number
  #ms = 0
  #count = 0
  #markMs = 0
  #borrowed = 0

  constructor({ maxOffsetMs = MAX_OFFSET_MS }: { maxOffsetMs?: number } = {}) {
    this.maxOffsetMs = maxOffsetMs
  }

  /** The greatest timestamp given out or merged. */
  get latest(): Timestamp {
    return { ms: this.#ms, count: this.#count }
  }

  /** How often the counter was full: more than 65,536 events in a millisecond. */
  get borrowed(): number {
    return this.#borrowed
  }

  /** The mark is on disk: timestamps up to `markMs` may be given out. */
  setMark(markMs: number): void {
    assert(markMs >= this.#markMs, 'a mark only rises')
    this.#markMs = markMs
  }

  /** The mark to write now, or undefined while the present one lasts. */
  markWanted(ptMs: number): number | undefined {
    const neededMs = Math.max(this.#ms, Math.floor(ptMs))
    if (neededMs <= this.#markMs - MARK_AHEAD_MS / 2) return undefined
    return neededMs + MARK_AHEAD_MS
  }

  /** A timestamp for a local event; undefined, and nothing changed, if it would pass the mark. */
  tick(ptMs: number): Timestamp | undefined {
    const pt = Math.floor(ptMs)
    const isAhead = pt > this.#ms
    const isFull = !isAhead && this.#count === COUNT_MAX
    const ms = isAhead ? pt : isFull ? this.#ms + 1 : this.#ms
    if (ms > this.#markMs) return undefined
    if (isFull) this.#borrowed++
    this.#count = isAhead || isFull ? 0 : this.#count + 1
    this.#ms = ms
    return { ms, count: this.#count }
  }

  /** How far a remote timestamp leads physical time, if that is more than it may. */
  excessLead(remote: Timestamp, ptMs: number): number | undefined {
    const leadMs = remote.ms - Math.floor(ptMs)
    return leadMs > this.maxOffsetMs ? leadMs : undefined
  }

  /** Merges a remote timestamp. @returns its lead if it was refused and nothing changed. */
  receive(remote: Timestamp, ptMs: number): number | undefined {
    const leadMs = this.excessLead(remote, ptMs)
    if (leadMs === undefined) this.#merge(remote, Math.floor(ptMs))
    return leadMs
  }

  /** Merges what is committed, however far it leads. @returns its lead if that is too much. */
  receiveCommitted(remote: Timestamp, ptMs: number): number | undefined {
    this.#merge(remote, Math.floor(ptMs))
    return this.excessLead(remote, ptMs)
  }

  #merge({ ms, count }: Timestamp, pt: number): void {
    assert(ms <= MS_MAX && count <= COUNT_MAX, 'a timestamp is within its bits')
    const greatest = Math.max(this.#ms, ms, pt)
    if (greatest > this.#ms && greatest > ms) this.#count = -1
    else if (greatest > this.#ms) this.#count = count
    else if (greatest === ms) this.#count = Math.max(this.#count, count)
    this.#ms = greatest
    if (this.#count === COUNT_MAX) {
      this.#borrowed++
      this.#ms++
      this.#count = 0
    } else this.#count++
  }
}

/** How far a timestamp may lead the receiver's physical time. */
export const MAX_OFFSET_MS = 500
/** How far the durable mark is set ahead: one write lasts for half of this. */
export const MARK_AHEAD_MS = 1_000
