import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { FREQUENCY_MAX, SLEW_RATE, VirtualClock } from '../../src/clock/virtual-clock.ts'

const WALL_MS = 1_767_225_600_000

test('it begins at the wall clock and goes on with the monotonic one', () => {
  const clock = new VirtualClock(500, WALL_MS)
  assert.equal(clock.at(500), WALL_MS)
  assert.equal(clock.at(1500), WALL_MS + 1000)
})

test('it slews towards its target, and stops there', () => {
  const clock = new VirtualClock(0, WALL_MS)
  clock.steer(0, 10, 0)
  assert.ok(Math.abs(clock.correctionAt(10_000) - 10_000 * SLEW_RATE) < 1e-9)
  assert.ok(Math.abs(clock.pendingAt(10_000) - 5) < 1e-9)
  assert.equal(clock.correctionAt(60_000), 10)
  assert.equal(clock.pendingAt(60_000), 0)
})

test('it keeps its frequency beside the slew', () => {
  const clock = new VirtualClock(0, WALL_MS)
  clock.steer(0, 0, 100e-6)
  assert.ok(Math.abs(clock.correctionAt(10_000) - 1) < 1e-9)
})

test('a step is there at once', () => {
  const clock = new VirtualClock(0, WALL_MS)
  clock.step(1_000, -5_000)
  assert.equal(clock.at(1_000), WALL_MS - 4_000)
})

test('however it is steered it never jumps and never runs backwards', () => {
  const turn = fc.record({
    afterMs: fc.integer({ min: 0, max: 100_000 }),
    targetMs: fc.float({ min: -1e6, max: 1e6, noNaN: true }),
    ppm: fc.float({ min: -1e5, max: 1e5, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(turn, { maxLength: 30 }), turns => {
      const clock = new VirtualClock(0, WALL_MS)
      let [nowMs, lastMs] = [0, WALL_MS]
      for (const { afterMs, targetMs, ppm } of turns) {
        nowMs += afterMs
        const atMs = clock.at(nowMs)
        const mostMs = afterMs * (FREQUENCY_MAX + SLEW_RATE) + 0.001
        assert.ok(Math.abs(atMs - lastMs - afterMs) <= mostMs)
        clock.steer(nowMs, targetMs, ppm * 1e-6)
        assert.ok(Math.abs(clock.at(nowMs) - atMs) < 0.001)
        lastMs = clock.at(nowMs)
      }
    }),
  )
})
