import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Prng } from '../../src/base/prng.ts'
import { CRYSTAL_RATE_MAX, Estimator, RATE_ERROR_MIN } from '../../src/clock/estimator.ts'
import type { Selection } from '../../src/clock/selection.ts'

const selection = (correctionMs: number, errorMs: number): Selection => ({
  correctionMs,
  delayMs: errorMs * 2,
  low: correctionMs - errorMs,
  high: correctionMs + errorMs,
  survivors: new Set(),
})

test('before the first selection the truth may be anywhere', () => {
  const { low, high } = new Estimator().intervalAt(0)
  assert.deepEqual([low, high], [-Infinity, Infinity])
})

test('one selection says nothing about the frequency', () => {
  const estimator = new Estimator()
  assert.equal(estimator.accept(0, selection(5, 1)), 5)
  assert.deepEqual(estimator.rate, { frequency: 0, rateError: CRYSTAL_RATE_MAX })
  const { low, high } = estimator.intervalAt(10_000)
  assert.deepEqual([low, high], [3, 7])
})

test('a short baseline is not believed, a long one is', () => {
  const estimator = new Estimator()
  for (let poll = 0; poll < 64; poll++) {
    const atMs = poll * 16_000
    estimator.accept(atMs, selection(40e-6 * atMs, 4))
    if (poll === 3) assert.ok(estimator.rate.frequency < 10e-6)
  }
  const { frequency, rateError } = estimator.rate
  assert.ok(Math.abs(frequency - 40e-6) < 2e-6)
  assert.ok(rateError < 30e-6 && rateError >= RATE_ERROR_MIN)
})

test('jitter averages out', () => {
  const random = new Prng(3)
  const estimator = new Estimator()
  const errors: number[] = []
  for (let poll = 0; poll < 300; poll++) {
    const atMs = poll * 16_000
    const noise = random.float() * 4 - 2
    const guess = estimator.accept(atMs, selection(50e-6 * atMs + noise, 2.1))
    if (poll > 64) errors.push(Math.abs(guess - 50e-6 * atMs))
  }
  const median = errors.toSorted((a, b) => a - b)[errors.length >> 1] ?? NaN
  assert.ok(median < 0.8, `half of the guesses are off by more than ${median}`)
})

test('the guess stays inside what was selected', () => {
  const estimator = new Estimator()
  for (const [atMs, correctionMs] of [
    [0, 0],
    [1_000, 0],
    [2_000, 0],
  ] as const) {
    estimator.accept(atMs, selection(correctionMs, 1))
  }
  assert.equal(estimator.accept(3_000, selection(100, 1)), 99)
})

test('after a reset nothing is left', () => {
  const estimator = new Estimator()
  estimator.accept(0, selection(5, 1))
  estimator.reset()
  assert.equal(estimator.intervalAt(0).high, Infinity)
})
