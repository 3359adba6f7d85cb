import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { Prng } from '../../src/base/prng.ts'
import {
  codecs,
  createOracle,
  emptyCells,
  randomCells,
  rebuild,
  stripeOf,
  subsets,
} from './support.ts'

const [reference] = codecs
assert.ok(reference)

/** Encodes with the package itself, behind the back of our adapter. */
function oracleStripe(data: readonly Uint8Array[], m: number, size: number): Uint8Array[] {
  const shards = new Uint8Array((data.length + m) * size)
  for (const [index, cell] of data.entries()) shards.set(cell, index * size)
  assert.equal(oracle.encode(shards, data.length, m), 0)
  return Array.from({ length: data.length + m }, (_, index) =>
    shards.subarray(index * size, (index + 1) * size),
  )
}
const oracle = createOracle()

function schemesToSweep(random: Prng): [k: number, m: number][] {
  const narrow = Array.from({ length: 24 }, (_, k) =>
    Array.from({ length: 12 }, (_none, m): [number, number] => [k + 1, m + 1]),
  ).flat()
  const wide = Array.from({ length: 60 }, (): [number, number] => {
    const k = 25 + random.below(100)
    return [k, 1 + random.below(256 - k)]
  })
  return [...narrow, ...wide, [128, 128], [255, 1], [200, 56], [29, 51]]
}

test('every codec gives the bytes of the oracle, whatever the scheme and the loss', () => {
  const random = new Prng(20_190_801)
  const seen = { schemes: 0, patterns: 0, dataLost: 0, parityLost: 0 }
  for (const [k, m] of schemesToSweep(random)) {
    const size = 64 * (1 + random.below(2))
    const data = randomCells(random, k, size)
    const stripe = oracleStripe(data, m, size)
    seen.schemes++
    for (const codec of codecs) assert.deepEqual(stripeOf(codec, data, m), stripe)
    for (let pattern = 0; pattern < 6; pattern++) {
      const indices = random.shuffle(Array.from(stripe.keys()))
      const lost = indices.slice(0, 1 + random.below(m))
      seen.patterns++
      seen.dataLost += Number(lost.some(index => index < k))
      seen.parityLost += Number(lost.some(index => index >= k))
      const expected = lost.map(index => stripe[index])
      for (const codec of codecs)
        assert.deepEqual(rebuild(codec, k, stripe, lost), expected, `${codec.name} ${k}+${m}`)
    }
  }
  assert.ok(seen.schemes >= 300 && seen.patterns >= 1500, JSON.stringify(seen))
  assert.ok(seen.dataLost > 1000 && seen.parityLost > 1000, JSON.stringify(seen))
})

for (const codec of codecs) {
  for (const [k, m] of [
    [4, 2],
    [6, 3],
  ] as const)
    test(`${codec.name} rebuilds every loss of up to m fragments of (${k},${m})`, () => {
      const stripe = stripeOf(codec, randomCells(new Prng(k), k, 64), m)
      for (const lost of subsets(k + m, m))
        assert.deepEqual(
          rebuild(codec, k, stripe, lost),
          lost.map(index => stripe[index]),
        )
    })

  test(`${codec.name} rebuilds from parity alone`, () => {
    const stripe = stripeOf(codec, randomCells(new Prng(5), 8, 128), 8)
    const lost = [0, 1, 2, 3, 4, 5, 6, 7]
    assert.deepEqual(rebuild(codec, 8, stripe, lost), stripe.slice(0, 8))
  })

  test(`${codec.name} raises m without touching what is there`, () => {
    const data = randomCells(new Prng(6), 5, 192)
    const stripe = stripeOf(codec, data, 2)
    const raised = emptyCells(3, 192)
    codec.encode(data, raised, 2)
    assert.deepEqual([...stripe, ...raised], stripeOf(codec, data, 5))
    const rebuilt = emptyCells(5, 192)
    const have = [...stripe.entries(), ...raised.map((cell, at) => [7 + at, cell] as const)]
    codec.reconstruct(5, new Map(have.slice(5)), new Map(rebuilt.entries()))
    assert.deepEqual(rebuilt, data)
  })

  test(`${codec.name} makes new parity out of parity`, () => {
    const stripe = stripeOf(codec, randomCells(new Prng(7), 3, 64), 6)
    const [cell] = emptyCells(1, 64)
    assert.ok(cell)
    const have = new Map([...stripe.entries()].slice(3, 6))
    codec.reconstruct(3, have, new Map([[8, cell]]))
    assert.deepEqual(cell, stripe[8])
  })

  test(`${codec.name} replicates at k = 1`, () => {
    const [data, ...copies] = stripeOf(codec, randomCells(new Prng(8), 1, 64), 3)
    for (const copy of copies) assert.deepEqual(copy, data)
  })

  test(`${codec.name} computes cells of more than 64 KiB`, () => {
    const data = randomCells(new Prng(9), 2, 200_000 - (200_000 % 64))
    const [, , parity] = stripeOf(codec, data, 1)
    assert.ok(parity)
    const [, , same] = stripeOf(reference, data, 1)
    assert.ok(same && Buffer.from(parity).equals(same))
    const [lost] = rebuild(codec, 2, [...data, parity], [0])
    assert.ok(lost && data[0] && Buffer.from(lost).equals(data[0]))
  })

  test(`${codec.name} leaves its inputs as they are`, () => {
    const data = randomCells(new Prng(10), 4, 64)
    const before = data.map(cell => cell.slice())
    const stripe = stripeOf(codec, data, 2)
    rebuild(codec, 4, stripe, [1, 5])
    assert.deepEqual(data, before)
  })

  test(`${codec.name} does nothing when nothing is asked for`, () => {
    const data = randomCells(new Prng(11), 256, 64)
    codec.encode(data, [])
    codec.reconstruct(256, new Map(data.entries()), new Map())
  })

  test(`${codec.name} refuses schemes that do not exist`, () => {
    const cell = new Uint8Array(64)
    const invalid = { code: 'INVALID_SCHEME' }
    assert.throws(() => codec.encode([], [cell]), invalid)
    assert.throws(() => codec.encode(emptyCells(200, 64), emptyCells(57, 64)), invalid)
    assert.throws(() => codec.encode([cell], [cell.slice()], 255), invalid)
    assert.throws(() => codec.encode(emptyCells(257, 64), []), invalid)
    assert.throws(() => codec.reconstruct(0, new Map(), new Map()), invalid)
    assert.throws(() => codec.reconstruct(1, new Map([[256, cell]]), new Map()), invalid)
    assert.throws(() => codec.encode([cell], [], -1), RangeError)
  })

  test(`${codec.name} refuses cells of other sizes than multiples of 64`, () => {
    const wrong = { code: 'CELL_SIZE' }
    assert.throws(() => codec.encode(emptyCells(2, 40), emptyCells(1, 40)), wrong)
    assert.throws(() => codec.encode(emptyCells(2, 0), emptyCells(1, 0)), wrong)
    assert.throws(() => codec.encode(emptyCells(2, 64), emptyCells(1, 128)), wrong)
    const have = new Map(emptyCells(2, 64).entries())
    assert.throws(() => codec.reconstruct(2, have, new Map([[2, new Uint8Array(65)]])), wrong)
  })

  test(`${codec.name} refuses to rebuild from fewer than k cells`, () => {
    const have = new Map(emptyCells(2, 64).entries())
    const wanted = new Map([[2, new Uint8Array(64)]])
    assert.throws(() => codec.reconstruct(3, have, wanted), { code: 'TOO_FEW_FRAGMENTS' })
  })

  test(`${codec.name} refuses a cell that is there and wanted, or has no index`, () => {
    const have = new Map(emptyCells(2, 64).entries())
    for (const index of [1, -1, 2.5])
      assert.throws(
        () => codec.reconstruct(2, have, new Map([[index, new Uint8Array(64)]])),
        RangeError,
      )
  })
}

test('what one codec wrote, any other reads', () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 6 }),
      fc.integer(),
      (k, m, seed) => {
        const random = new Prng(seed)
        const data = randomCells(random, k, 64)
        const lost = random.shuffle(Array.from({ length: k + m }, (_, i) => i)).slice(0, m)
        for (const writer of codecs) {
          const stripe = stripeOf(writer, data, m)
          for (const reader of codecs)
            assert.deepEqual(
              rebuild(reader, k, stripe, lost),
              lost.map(index => stripe[index]),
            )
        }
      },
    ),
    { numRuns: 25 },
  ))
