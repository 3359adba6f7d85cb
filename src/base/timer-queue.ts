import { assert } from './assert.ts'

/** An entry of a `TimerQueue`; hand it back to `cancel`. */
export interface Due<Value> {
  readonly atMs: number
  readonly order: number
  readonly value: Value
  /** Its place in the heap; -1 once it left the queue. */
  position: number
}

/**
 * What is to happen when: a binary heap by time, then by insertion, so that equal times keep their
 * order. Push, pop and cancel are O(log n). Holds at most `limit` entries.
 *
 * Invariant: `heap[i].position === i`, and no entry is earlier than its parent.
 */
export class TimerQueue<Value> {
  readonly #heap: Due<Value>[] = []
  readonly #limit: number
  #nextOrder = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#heap.length
  }

  /** The earliest entry, left in place. */
  peek(): Due<Value> | undefined {
    return this.#heap[0]
  }

  push(atMs: number, value: Value): Due<Value> {
    assert(this.#heap.length < this.#limit, 'timer queue is within its limit')
    assert(!Number.isNaN(atMs), 'a timer has a time')
    const due = { atMs, order: this.#nextOrder++, value, position: this.#heap.length }
    this.#heap.push(due)
    this.#up(due)
    return due
  }

  /** Removes and returns the earliest entry. */
  pop(): Due<Value> | undefined {
    const first = this.#heap[0]
    if (first !== undefined) this.cancel(first)
    return first
  }

  /** Takes an entry out; one that already left is ignored. */
  cancel(due: Due<Value>): void {
    const { position } = due
    if (position < 0) return
    assert(this.#heap[position] === due, 'an entry is cancelled in its own queue')
    const last = this.#heap.pop() as Due<Value>
    due.position = -1
    if (last === due) return
    this.#place(last, position)
    this.#up(last)
    this.#down(last)
  }

  #place(due: Due<Value>, position: number): void {
    this.#heap[position] = due
    due.position = position
  }

  #up(due: Due<Value>): void {
    let { position } = due
    while (position > 0) {
      const above = (position - 1) >> 1
      const parent = this.#heap[above] as Due<Value>
      if (!isBefore(due, parent)) break
      this.#place(parent, position)
      position = above
    }
    this.#place(due, position)
  }

  #down(due: Due<Value>): void {
    let { position } = due
    for (;;) {
      const left = position * 2 + 1
      if (left >= this.#heap.length) break
      const right = this.#heap[left + 1]
      let child = this.#heap[left] as Due<Value>
      if (right !== undefined && isBefore(right, child)) child = right
      if (!isBefore(child, due)) break
      const below = child.position
      this.#place(child, position)
      position = below
    }
    this.#place(due, position)
  }
}

const isBefore = (a: Due<unknown>, b: Due<unknown>): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
