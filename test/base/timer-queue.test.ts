import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { AssertionError } from '../../src/base/assert.ts'
import { type Due, TimerQueue } from '../../src/base/timer-queue.ts'

const LIMIT = 1_000

/** The obvious queue: a list, searched from end to end. */
class NaiveQueue {
  entries: Due<number>[] = []

  first(): Due<number> | undefined {
    return this.entries.toSorted((a, b) => a.atMs - b.atMs || a.value - b.value)[0]
  }

  remove(due: Due<number> | undefined): void {
    this.entries = this.entries.filter(entry => entry !== due)
  }
}

type Step = { do: 'push'; atMs: number } | { do: 'pop' } | { do: 'cancel'; which: number }

const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('push' as const), atMs: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('pop' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), which: fc.nat() }) },
  ),
  { maxLength: 200, size: 'max' },
) satisfies fc.Arbitrary<Step[]>

test('entries leave by time, then by insertion, whatever is cancelled in between', () =>
  fc.assert(
    fc.property(steps, script => {
      const queue = new TimerQueue<number>(LIMIT)
      const naive = new NaiveQueue()
      const all: Due<number>[] = []
      for (const step of script) {
        if (step.do === 'push') {
          const due = queue.push(step.atMs, all.length)
          all.push(due)
          naive.entries.push(due)
        } else if (step.do === 'pop') {
          const expected = naive.first()
          assert.equal(queue.pop(), expected)
          naive.remove(expected)
        } else if (all.length > 0) {
          const due = all[step.which % all.length] as Due<number>
          queue.cancel(due)
          naive.remove(due)
        }
        assert.equal(queue.peek(), naive.first())
        assert.equal(queue.size, naive.entries.length)
      }
    }),
  ))

test('an entry knows whether it is still in the queue', () => {
  const queue = new TimerQueue<string>(LIMIT)
  const due = queue.push(5, 'late')
  assert.equal(due.position, 0)
  assert.equal(queue.pop(), due)
  assert.equal(due.position, -1)
  queue.cancel(due)
  assert.equal(queue.size, 0)
  assert.equal(queue.pop(), undefined)
})

test('the queue refuses one entry more than its limit', () => {
  const queue = new TimerQueue<number>(2)
  queue.push(1, 1)
  queue.push(1, 2)
  assert.throws(() => queue.push(1, 3), AssertionError)
  queue.pop()
  queue.push(1, 3)
})

test('an entry without a time is a bug', () =>
  assert.throws(() => new TimerQueue<number>(LIMIT).push(NaN, 1), AssertionError))

test('an entry of another queue is a bug', () => {
  const queue = new TimerQueue<number>(LIMIT)
  queue.push(1, 1)
  const stranger = new TimerQueue<number>(LIMIT).push(1, 1)
  assert.throws(() => queue.cancel(stranger), AssertionError)
  assert.equal(queue.size, 1)
})
