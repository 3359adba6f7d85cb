import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { greatestCover, hullOf, liarsOf, overlaps } from '../../src/clock/marzullo.ts'

const claims = [
  { low: 0, high: 10 },
  { low: 8, high: 20 },
  { low: 9, high: 12 },
  { low: 30, high: 40 },
]

const hulls = [
  [1, { low: 0, high: 40 }],
  [2, { low: 8, high: 12 }],
  [3, { low: 9, high: 10 }],
  [4, undefined],
] as const
for (const [needed, hull] of hulls) {
  test(`the region that ${needed} of four claims share`, () =>
    assert.deepEqual(hullOf(claims, needed), hull))
}

test('claims that touch overlap', () => {
  const touching = [
    { low: 0, high: 1 },
    { low: 1, high: 2 },
  ] as const
  assert.deepEqual(hullOf(touching, 2), { low: 1, high: 1 })
  assert.ok(overlaps(...touching))
  assert.equal(greatestCover(touching), 2)
})

test('fewer than half may lie', () =>
  assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 7].map(liarsOf), [0, 0, 0, 1, 1, 2, 2, 3]))

test('the truth is inside, whatever a minority says and whoever is silent', () => {
  const claim = fc.record({
    error: fc.float({ min: -1, max: 1, noNaN: true }),
    width: fc.float({ min: 1, max: 50, noNaN: true }),
    lie: fc.float({ min: -100, max: 100, noNaN: true }),
    isSilent: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(claim, { minLength: 1, maxLength: 9 }), sources => {
      const liars = liarsOf(sources.length)
      const heard = sources
        .map(({ error, width, lie, isSilent }, at) => {
          const middle = at < liars ? lie : error * width
          return { low: middle - width, high: middle + width, isSilent }
        })
        .filter(({ isSilent }) => !isSilent)
      if (heard.length <= liars) return
      const hull = hullOf(heard, heard.length - liars)
      assert.ok(hull !== undefined && hull.low <= 0 && hull.high >= 0)
    }),
    { numRuns: 1_000 },
  )
})
