import assert from 'node:assert/strict'
import { test } from 'node:test'

import { agree } from '../../src/clock/agreement.ts'

const clocks = (...correctionsMs: number[]) =>
  correctionsMs.map(correctionMs => ({ atMs: 0, correctionMs, delayMs: 2, errorMs: 0 }))

const cases = [
  ['a clock among others', clocks(10, 12, 14, 16), 11, true, 1, 2],
  ['one of two', clocks(20), 10, true, 5, 11],
  ['a newcomer', clocks(20, 21, 22), 0, false, 21, 22],
  ['liars in the minority', clocks(9, 1_000, 1_000, 11), 10, true, 1, 2],
  ['nobody else', [], 10, true, 0, 0],
] as const
for (const [who, samples, own, isOwnCounted, offsetMs, boundMs] of cases) {
  test(`${who}: where the median is, and how far most are`, () =>
    assert.deepEqual(agree(samples, own, isOwnCounted), { offsetMs, boundMs }))
}
