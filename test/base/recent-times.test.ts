import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { RecentTimes } from '../../src/base/recent-times.ts'

test('a quantile is the duration that so many did not exceed, or an eighth more', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0, max: 100_000, noNaN: true }), { minLength: 1, maxLength: 200 }),
      fc.constantFrom(0.5, 0.9, 0.99, 1),
      (durations, share) => {
        const times = new RecentTimes()
        for (const tookMs of durations) times.add(tookMs, 1_000)
        const sorted = durations.toSorted((a, b) => a - b)
        const exact = sorted[Math.ceil(sorted.length * share) - 1] as number
        const told = times.quantile(share, 1_000)
        assert.ok(told >= exact * (1 - 1e-6), `${told} covers ${exact}`)
        assert.ok(told <= Math.max(0.1, exact) * 1.1251, `${told} is near ${exact}`)
      },
    ),
  )
})

test('nothing took any time yet', () => {
  assert.equal(new RecentTimes().quantile(0.99, 0), 0)
})

test('what is longer ago than a few minutes counts no more', () => {
  const times = new RecentTimes()
  times.add(500, 0)
  times.add(1, 100_000)
  assert.ok(times.quantile(1, 100_000) >= 500)
  assert.ok(times.quantile(1, 200_000) < 2)
  assert.equal(times.quantile(1, 300_000), 0)
  times.add(3, 300_000)
  assert.ok(times.quantile(1, 300_000) < 4)
})

test('what takes hours is told as long', () => {
  const times = new RecentTimes()
  times.add(1e9, 0)
  assert.ok(times.quantile(0.99, 0) > 50_000)
})
