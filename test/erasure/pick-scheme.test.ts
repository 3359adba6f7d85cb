import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { unreadableProbability } from '../../src/erasure/durability.ts'
import { pickScheme } from '../../src/erasure/pick-scheme.ts'
import { FRAGMENTS_MAX } from '../../src/erasure/scheme.ts'

const peers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 24, 32]

/** `k,m` by number of peers; `*` = degraded. */
const golden: readonly (readonly [uptime: number, row: string])[] = [
  [0.999, '1,0 1,1 2,1 2,2 3,2 4,2 4,2 4,3 5,3 6,3 7,3 6,4 8,4 10,4 10,4 10,4'],
  [0.99, '1,0* 1,1* 1,2* 1,3 2,3 3,3 3,3 4,3 5,3 5,3 6,4 6,4 8,4 10,4 10,4 10,4'],
  [0.95, '1,0* 1,1* 1,2* 1,3* 1,4 1,4 1,4 2,5 3,5 3,5 4,6 4,6 6,6 7,7 14,8 20,9'],
  [0.9, '1,0* 1,1* 1,2* 1,3* 1,4* 1,5 1,5 1,5 2,6 2,6 3,7 3,7 4,8 5,8 11,11 17,13'],
]
for (const [uptime, row] of golden)
  test(`schemes at an uptime of ${uptime} are those of the table`, () => {
    const picked = peers.map(count => {
      const { k, m, degraded } = pickScheme(count, { uptime })
      return `${k},${m}${degraded ? '*' : ''}`
    })
    assert.equal(picked.join(' '), row)
  })

test('peers of unknown uptime are taken to be steady', () => {
  for (const count of peers)
    assert.deepEqual(pickScheme(count), pickScheme(count, { uptime: 0.9995 }))
})

test('three peers keep three copies under the durable profile', () => {
  assert.deepEqual(pickScheme(3, { profile: 'durable' }), {
    k: 1,
    m: 2,
    spare: 0,
    degraded: false,
  })
  assert.equal(pickScheme(3, { profile: 'durable', uptime: 0.99 }).degraded, true)
  assert.deepEqual(pickScheme(10, { profile: 'durable' }), pickScheme(10))
})

test('a repair has somewhere to go from 7 peers on', () =>
  assert.deepEqual(
    [6, 7, 11, 12, 100].map(count => pickScheme(count).spare),
    [0, 1, 1, 2, 2],
  ))

test('a scheme fits the peers, and keeps its promise unless it says it does not', () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (count, uptime) => {
        const { k, m, spare, degraded } = pickScheme(count, { uptime })
        assert.ok(k >= 1 && m >= 0 && k + m <= FRAGMENTS_MAX && k + m + spare <= count)
        if (!degraded && uptime < 0.999) assert.ok(unreadableProbability({ k, m }, uptime) <= 1e-6)
      },
    ),
    { numRuns: 300 },
  ))

test('no peers, half a peer and an uptime beyond 1 are misuse', () => {
  for (const count of [0, -1, 2.5, NaN]) assert.throws(() => pickScheme(count), RangeError)
  for (const uptime of [-0.1, 1.1, NaN]) assert.throws(() => pickScheme(5, { uptime }), RangeError)
})
