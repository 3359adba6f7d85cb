import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Activity, EVERY_MS, SAMPLES_MAX } from '../../src/node/activity.ts'
import { ManualTimers } from '../support/manual-timers.ts'

function scene() {
  const timers = new ManualTimers()
  const clock = { monotonicMs: () => timers.nowMs, wallMs: () => 1_000_000 + timers.nowMs }
  const totals = { repairedBytes: 0 }
  const activity = new Activity({
    clock,
    timers,
    around: () => ({
      repairWaiting: 3,
      repairRunning: 1,
      usedBytes: 7,
      peersAlive: 2,
      repairedBytesTotal: totals.repairedBytes,
    }),
  })
  return { timers, activity, totals }
}

test('a sample holds what happened since the one before, and how long it took', async () => {
  const { timers, activity, totals } = scene()
  for (let ms = 1; ms <= 100; ms++) activity.asked('get', true, ms)
  activity.asked('put', false, 1_000)
  activity.asked('other', true, 1_000)
  activity.read(10)
  activity.written(20)
  totals.repairedBytes = 30
  await timers.advance(EVERY_MS)
  const [sample] = activity.history.samples
  assert.deepEqual(sample?.latency.get, { p50Ms: 51, p95Ms: 96, p99Ms: 100 })
  assert.deepEqual([sample.latency.put, sample.latency.list], [null, null])
  assert.deepEqual([sample.requests, sample.errors], [102, 1])
  assert.deepEqual([sample.readBytes, sample.writtenBytes, sample.repairedBytes], [10, 20, 30])
  assert.equal(sample.atMs, 1_000_000 + EVERY_MS)
  await timers.advance(EVERY_MS)
  const [, next] = activity.history.samples
  assert.deepEqual([next?.requests, next?.readBytes, next?.repairedBytes], [0, 0, 0])
  activity.stop()
  assert.equal(timers.pending, 0)
})

test('an hour is remembered, and no more; within a sample the newest latencies count', async () => {
  const { timers, activity } = scene()
  for (let count = 0; count < 1_500; count++) activity.asked('get', true, count < 500 ? 9_999 : 1)
  await timers.advance(EVERY_MS)
  assert.equal(activity.history.samples[0]?.latency.get?.p99Ms, 1)
  await timers.advance(EVERY_MS * SAMPLES_MAX)
  assert.equal(activity.history.samples.length, SAMPLES_MAX)
  assert.equal(activity.history.samples[0]?.latency.get, null)
  activity.stop()
})
