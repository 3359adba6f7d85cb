import assert from 'node:assert/strict'
import { test } from 'node:test'

import { OffsetHistory } from '../../src/clock/offset-history.ts'

const ORIGIN_MS = 1_767_225_600_000
const DRIFT = 30e-6

/** Measured once a minute, but for an outage of two hours. */
function historyWithOutage(): OffsetHistory {
  const history = new OffsetHistory(ORIGIN_MS)
  for (let minute = 0; minute < 180; minute++) {
    const atMs = minute * 60_000
    if (minute >= 30 && minute < 150) continue
    history.add({ atMs, correctionMs: DRIFT * atMs, delayMs: 1, errorMs: 0.6 })
  }
  return history
}

test('a reading in an outage is corrected from both sides', () => {
  const history = historyWithOutage()
  const atMs = 90 * 60_000
  const corrected = history.correct(0, atMs, 15e-6)
  assert.ok(corrected !== undefined)
  assert.ok(Math.abs(corrected.utcMs - (ORIGIN_MS + atMs * (1 + DRIFT))) < 0.01)
  assert.ok(corrected.boundMs < 60)
})

test('beside a measurement the bound is as small as that', () => {
  const corrected = historyWithOutage().correct(0, 10 * 60_000, 15e-6)
  assert.ok(corrected !== undefined && corrected.boundMs < 0.7)
})

test('readings of another epoch, or before any measurement, cannot be corrected', () => {
  const history = historyWithOutage()
  assert.equal(history.correct(1, 0, 15e-6), undefined)
  history.beginEpoch()
  assert.equal(history.epoch, 1)
  assert.equal(history.correct(0, 0, 15e-6), undefined)
  assert.equal(history.correct(1, 0, 15e-6), undefined)
})

test('the history is bounded, and forgets the oldest', () => {
  const history = new OffsetHistory(ORIGIN_MS)
  for (let at = 0; at < 3_000; at++) {
    history.add({ atMs: at, correctionMs: 0, delayMs: 0, errorMs: 1 })
  }
  assert.equal(history.records.length, 2_048)
  assert.equal(history.records.at(-1)?.atMs, 2_999)
})
