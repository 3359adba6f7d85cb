import assert from 'node:assert/strict'
import { test } from 'node:test'

import { betterOf, type Exchange, sampleOf } from '../../src/clock/sample.ts'
import { type Candidate, carry, select } from '../../src/clock/selection.ts'

const candidate = (name: string, correctionMs: number, errorMs: number): Candidate => ({
  name,
  correctionMs,
  delayMs: errorMs * 2,
  low: correctionMs - errorMs,
  high: correctionMs + errorMs,
})

const exchange: Exchange = {
  sentMs: 100,
  receivedMs: 110,
  remoteReceivedMs: 1_000_204,
  remoteSentMs: 1_000_206,
  boundMs: 1,
}

test('four readings give correction, delay and error', () => {
  const sample = sampleOf(exchange, 1_000_000)
  assert.deepEqual(sample, { atMs: 105, correctionMs: 100, delayMs: 8, errorMs: 5.1 })
})

test('readings that contradict each other, or are no numbers, give nothing', () => {
  assert.equal(sampleOf({ ...exchange, receivedMs: 101 }, 0), undefined)
  assert.equal(sampleOf({ ...exchange, remoteSentMs: Number.NaN }, 0), undefined)
  assert.equal(sampleOf({ ...exchange, boundMs: -1 }, 0), undefined)
  assert.equal(sampleOf({ ...exchange, boundMs: Infinity }, 0), undefined)
})

test('the quicker sample is the better one', () => {
  const slow = sampleOf(exchange, 0)
  const quick = sampleOf({ ...exchange, receivedMs: 105 }, 0)
  assert.ok(slow !== undefined && quick !== undefined)
  assert.equal(betterOf(slow, quick), quick)
  assert.equal(betterOf(quick, slow), quick)
  assert.equal(betterOf(undefined, slow), slow)
})

test('an old sample is shifted by the frequency and widened by its error', () => {
  const sample = { atMs: 0, correctionMs: 10, delayMs: 2, errorMs: 1 }
  const { low, high } = carry('a', sample, 1_000, { frequency: 1e-3, rateError: 1e-3 })
  assert.deepEqual([low, high], [9, 13])
})

test('the short round trip weighs most', () => {
  const selection = select([candidate('near', 1, 1), candidate('far', 3, 10)], 0)
  assert.ok(selection !== undefined)
  assert.ok(Math.abs(selection.correctionMs - 1) < 0.1)
  assert.deepEqual([selection.low, selection.high], [0, 2])
  assert.deepEqual([...selection.survivors], ['near', 'far'])
})

test('a liar is found out by the others, and does not move them', () => {
  const honest = [candidate('a', 0, 2), candidate('b', 1, 2)]
  const selection = select([...honest, candidate('liar', 50, 2)], 1)
  assert.deepEqual([...(selection?.survivors ?? [])], ['a', 'b'])
  assert.ok(selection !== undefined && selection.high <= 3)
})

test('sources that contradict each other select nothing', () => {
  assert.equal(select([candidate('a', 0, 1), candidate('b', 50, 1)], 0), undefined)
  assert.equal(select([candidate('a', 0, 1)], 1), undefined)
  assert.equal(select([], 0), undefined)
})
