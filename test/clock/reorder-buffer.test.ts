import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { type Released, ReorderBuffer, type StampedEvent } from '../../src/clock/reorder-buffer.ts'

const event = (source: string, ms: number, sizeBytes = 1): StampedEvent<string> => ({
  source,
  stamp: { ms, count: 0 },
  sizeBytes,
  value: `${source}${ms}`,
})

const show = (released: readonly Released<string>[]): string[] =>
  released.map(({ value, isLate }) => (isLate ? `late ${value}` : value))

function bufferOf(sources: readonly string[], limits = {}): ReorderBuffer<string> {
  const buffer = new ReorderBuffer<string>(limits)
  for (const source of sources) buffer.addSource(source, 0)
  return buffer
}

test('events wait until every source has spoken', () => {
  const buffer = bufferOf(['a', 'b'])
  assert.deepEqual(show(buffer.push(event('a', 5), 0)), [])
  assert.deepEqual(show(buffer.push(event('a', 9), 0)), [])
  assert.deepEqual(show(buffer.push(event('b', 7), 0)), ['a5', 'b7'])
  assert.deepEqual(show(buffer.heartbeat('b', { ms: 9, count: 0 }, 0)), ['a9'])
})

test('equal timestamps go by source', () => {
  const buffer = bufferOf(['a', 'b'])
  buffer.push(event('b', 5), 0)
  assert.deepEqual(show(buffer.push(event('a', 5), 0)), ['a5', 'b5'])
})

test('a source that is silent for long no longer holds back the others', () => {
  const buffer = bufferOf(['a', 'b'], { idleMs: 100 })
  assert.deepEqual(show(buffer.push(event('a', 5), 90)), [])
  assert.deepEqual(show(buffer.poll(101)), ['a5'])
  assert.deepEqual(show(buffer.push(event('b', 3), 110)), ['late b3'])
  assert.equal(buffer.late, 1)
})

test('a full buffer lets the oldest go, and marks what they overtake', () => {
  const buffer = bufferOf(['a', 'b'], { eventsMax: 2 })
  buffer.push(event('a', 1), 0)
  buffer.push(event('a', 2), 0)
  assert.deepEqual(show(buffer.push(event('a', 3), 0)), ['a1'])
  assert.deepEqual(show(buffer.push(event('b', 1), 0)), ['b1'])
  assert.equal(buffer.waiting, 2)
})

test('the buffer is full by bytes as well', () => {
  const buffer = bufferOf(['a', 'b'], { bytesMax: 10 })
  buffer.push(event('a', 1, 6), 0)
  assert.deepEqual(show(buffer.push(event('a', 2, 6), 0)), ['a1'])
})

test('a source that is removed is not waited for', () => {
  const buffer = bufferOf(['a', 'b'])
  buffer.push(event('a', 1), 0)
  buffer.removeSource('b')
  assert.deepEqual(show(buffer.poll(0)), ['a1'])
})

test('nothing is lost, and what is not late ascends, however events arrive', () => {
  const arrival = fc.record({
    source: fc.constantFrom('a', 'b', 'c'),
    aheadMs: fc.nat(20),
    passMs: fc.nat(300),
  })
  fc.assert(
    fc.property(fc.array(arrival, { maxLength: 200 }), arrivals => {
      const buffer = bufferOf(['a', 'b', 'c'], { idleMs: 500, eventsMax: 8 })
      const clocks = new Map<string, number>()
      const out: Released<string>[] = []
      let nowMs = 0
      for (const { source, aheadMs, passMs } of arrivals) {
        nowMs += passMs
        const ms = (clocks.get(source) ?? 0) + 1 + aheadMs
        clocks.set(source, ms)
        out.push(...buffer.push(event(source, ms), nowMs))
        assert.ok(buffer.waiting <= 8)
      }
      out.push(...buffer.poll(nowMs + 1_000))
      assert.equal(out.length, arrivals.length)
      const keys = out
        .filter(({ isLate }) => !isLate)
        .map(({ stamp, source }) => stamp.ms * 4 + 'abc'.indexOf(source))
      assert.deepEqual(
        keys,
        keys.toSorted((a, b) => a - b),
      )
      assert.equal(new Set(keys).size, keys.length)
    }),
  )
})
