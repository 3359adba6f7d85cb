import assert from 'node:assert/strict'
import { test } from 'node:test'

import { sleep } from '../../src/base/waiting.ts'
import { systemClock, systemRandom, systemTimers } from '../../src/node/system.ts'

test('a timer of the system calls back not before its time, and not at all once cancelled', async () => {
  let wasCalled = false
  systemTimers.after(1, () => (wasCalled = true)).cancel()
  const startMs = systemClock.monotonicMs()
  await sleep(systemTimers, 5)
  // Timers count whole milliseconds of a clock of their own.
  assert.ok(systemClock.monotonicMs() - startMs >= 4)
  assert.ok(!wasCalled)
})

test('the wall clock tells the time of day', () => {
  assert.ok(Math.abs(systemClock.wallMs() - Date.now()) < 1_000)
})

test('chance differs from one source of the system to the next', () => {
  assert.notDeepEqual(systemRandom().bytes(16), systemRandom().bytes(16))
})
