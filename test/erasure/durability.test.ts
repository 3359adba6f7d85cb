import assert from 'node:assert/strict'
import { test } from 'node:test'

import { meanTimeToLoss, nines, unreadableProbability } from '../../src/erasure/durability.ts'

const YEAR = 8766

/** Nines at a repair within 24 h and 1 h, nines among churny peers, P at uptime .95 and .9. */
const golden = [
  [[2, 1], 3.0, 4.4, 1.2, 7.3e-3, 2.8e-2],
  [[1, 2], 6.5, 9.2, 3.8, 1.3e-4, 1.0e-3],
  [[4, 2], 5.2, 7.9, 2.5, 2.2e-3, 1.6e-2],
  [[6, 3], 7.4, 11.5, 3.8, 6.4e-4, 8.3e-3],
  [[10, 4], 9.3, 14.8, 4.8, 4.3e-4, 9.2e-3],
  [[20, 9], 20.8, 33.2, 11.8, 8.1e-7, 3.3e-4],
] as const
for (const [[k, m], daily, hourly, churny, at95, at90] of golden) {
  test(`durability of (${k},${m}) is that of the table`, () => {
    const expected = [daily, hourly, churny].map(value => value.toFixed(1))
    const found = [
      meanTimeToLoss({ k, m }, 4 * YEAR, 24),
      meanTimeToLoss({ k, m }, 4 * YEAR, 1),
      meanTimeToLoss({ k, m }, 0.5 * YEAR, 24),
    ]
    assert.deepEqual(
      found.map(hours => nines(hours).toFixed(1)),
      expected,
    )
  })

  test(`availability of (${k},${m}) is that of the table`, () => {
    assert.equal(unreadableProbability({ k, m }, 0.95).toPrecision(2), at95.toPrecision(2))
    assert.equal(unreadableProbability({ k, m }, 0.9).toPrecision(2), at90.toPrecision(2))
  })
}

test('without parity the first failure is the last', () =>
  assert.equal(meanTimeToLoss({ k: 5, m: 0 }, 100, 1), 20))

test('peers that are always up, or never, leave no doubt', () => {
  assert.equal(unreadableProbability({ k: 3, m: 2 }, 1), 0)
  assert.equal(unreadableProbability({ k: 3, m: 2 }, 0), 1)
})

test('bad schemes and uptimes are refused', () => {
  assert.throws(() => unreadableProbability({ k: 0, m: 2 }, 0.5), { code: 'INVALID_SCHEME' })
  assert.throws(() => meanTimeToLoss({ k: 0, m: 2 }, 1, 1), { code: 'INVALID_SCHEME' })
  assert.throws(() => unreadableProbability({ k: 1, m: 2 }, 2), RangeError)
})
