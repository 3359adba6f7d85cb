import assert from 'node:assert/strict'
import { test } from 'node:test'

import { DisturbanceDetector } from '../../src/clock/disturbance.ts'

const limits = { jumpMs: 128, stallMs: 500, watchMs: 100 }
const detector = (): DisturbanceDetector =>
  new DisturbanceDetector(0, { wallMs: 1_000, asleepMs: 0 }, limits)

const looks = [
  ['nothing', 100, { wallMs: 1_100, asleepMs: 0 }, undefined],
  ['a wall clock that is slewed', 100, { wallMs: 1_200, asleepMs: 0 }, undefined],
  ['a wall clock set forward', 100, { wallMs: 1_229, asleepMs: 0 }, 'wall clock jumped'],
  ['a wall clock set back', 100, { wallMs: 900, asleepMs: 0 }, 'wall clock jumped'],
  ['a pause', 601, { wallMs: 1_601, asleepMs: 0 }, 'stall'],
  ['a pause that is no longer than allowed', 600, { wallMs: 1_600, asleepMs: 0 }, undefined],
  ['a nap', 100, { wallMs: 1_150, asleepMs: 50 }, 'sleep'],
  ['sleep, although the clock jumped too', 100, { wallMs: 9_100, asleepMs: 8_000 }, 'sleep'],
] as const
for (const [what, atMs, readings, found] of looks) {
  test(`a look finds ${what}`, () => assert.equal(detector().look(atMs, readings, true), found))
}

test('a look that nothing scheduled is no proof of a pause', () =>
  assert.equal(detector().look(5_000, { wallMs: 6_000, asleepMs: 0 }, false), undefined))

test('what was seen once is not seen again', () => {
  const seen = detector()
  seen.look(100, { wallMs: 2_000, asleepMs: 0 }, true)
  assert.equal(seen.look(200, { wallMs: 2_100, asleepMs: 0 }, true), undefined)
})

test('a small jump is worth a closer look', () => {
  assert.ok(!detector().isSuspicious(100, 1_119))
  assert.ok(detector().isSuspicious(100, 1_121))
})
