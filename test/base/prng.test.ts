import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { AssertionError } from '../../src/base/assert.ts'
import { Prng } from '../../src/base/prng.ts'

const draw = <Value>(count: number, one: () => Value): Value[] => Array.from({ length: count }, one)
const words = (random: Prng): number[] => draw(4, () => random.u32())

/** Every seed ever printed replays only as long as these stay as they are. */
const streams = [
  ['seed 0', new Prng(0), [2316360459, 156713514, 288792635, 204408599]],
  ['seed 1', new Prng(1), [3462402280, 3782281353, 682972922, 3810564398]],
  ['seed -1', new Prng(-1), [2065820885, 451912948, 3965938795, 3242388472]],
  ['seed 2^53 - 1', new Prng(2 ** 53 - 1), [113040067, 2003216294, 1344969042, 3419656555]],
  ['a fork', new Prng(1).fork('disk'), [3984695247, 1242500013, 461364610, 4025149121]],
  [
    'a fork of a fork',
    new Prng(1).fork('disk').fork('7'),
    [1334307050, 2392386533, 967570072, 3615114462],
  ],
] as const
for (const [what, random, expected] of streams) {
  test(`the stream of ${what} never changes`, () => assert.deepEqual(words(random), expected))
}

test('what is made of a stream never changes', () => {
  const random = new Prng(42)
  assert.equal(random.float(), 0.4352364807779626)
  assert.equal(random.below(1_000), 999)
  assert.equal(random.chance(0.5), true)
  assert.ok(Math.abs(random.exponential(10) - 0.03205941928541572) < 1e-12)
  assert.deepEqual([...random.bytes(7)], [177, 199, 144, 5, 108, 215, 181])
  assert.deepEqual(random.shuffle([1, 2, 3, 4, 5, 6, 7, 8]), [4, 6, 3, 8, 2, 1, 7, 5])
  assert.equal(random.pick(['a', 'b', 'c', 'd']), 'b')
})

test('different seeds give different streams', () => {
  const firsts = draw(10_000, () => 0).map((_, seed) => words(new Prng(seed)).join())
  assert.equal(new Set(firsts).size, firsts.length)
  assert.notDeepEqual(words(new Prng(1)), words(new Prng(1 + 2 ** 32)))
})

test('a fork depends on the seed and the label, not on what was drawn before', () =>
  fc.assert(
    fc.property(fc.maxSafeInteger(), fc.string(), fc.nat(20), (seed, label, drawn) => {
      const fresh = new Prng(seed)
      const used = new Prng(seed)
      draw(drawn, () => used.u32())
      const expected = words(fresh.fork(label))
      assert.deepEqual(words(used.fork(label)), expected)
      assert.notDeepEqual(words(new Prng(seed).fork(`${label}'`)), expected)
      assert.notDeepEqual(words(new Prng(seed)), expected)
    }),
  ))

test('forking and drawing from a fork leave the parent as it was', () => {
  const parent = new Prng(7)
  words(parent.fork('child'))
  assert.deepEqual(words(parent), words(new Prng(7)))
})

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value) / values.length

/** Chi-squared of how evenly `count` draws fall into `bins`; its mean is `bins - 1`. */
function unevenness(count: number, bins: number, one: () => number): number {
  const hits = draw(bins, () => 0)
  for (let index = 0; index < count; index++) {
    const bin = one()
    hits[bin] = (hits[bin] as number) + 1
  }
  const expected = count / bins
  return hits.reduce((sum, hit) => sum + (hit - expected) ** 2 / expected, 0)
}

const uniform = [
  ['the high bits of u32', random => random.u32() >>> 26],
  ['the low bits of u32', random => random.u32() & 63],
  ['float', random => Math.floor(random.float() * 64)],
  ['below', random => random.below(64)],
  ['bytes', random => (random.bytes(1)[0] as number) >> 2],
  ['the first word of neighbouring forks', (random, n) => random.fork(`peer-${n}`).u32() >>> 26],
  ['the first word of neighbouring seeds', (_, n) => new Prng(n).u32() >>> 26],
] as const satisfies [string, (random: Prng, n: number) => number][]
for (const [what, one] of uniform) {
  test(`${what} falls evenly`, () => {
    const random = new Prng(1)
    let n = 0
    // 63 degrees of freedom: beyond 120 once in 10^5 fair streams.
    assert.ok(unevenness(64_000, 64, () => one(random, n++)) < 120)
  })
}

test('draws stay within their bounds', () => {
  const random = new Prng(3)
  for (const limit of [1, 2, 3, 1_000, 2 ** 32, 2 ** 53]) {
    for (const value of draw(1_000, () => random.below(limit))) {
      assert.ok(Number.isSafeInteger(value) && value >= 0 && value < limit)
    }
  }
  assert.ok(draw(10_000, () => random.float()).every(value => value >= 0 && value < 1))
  assert.ok(draw(10_000, () => random.exponential(5)).every(value => value >= 0 && value < 200))
  assert.deepEqual([false, true], [random.chance(0), random.chance(1)])
})

test('chance and exponential have the mean they are given', () => {
  const random = new Prng(4)
  assert.ok(Math.abs(mean(draw(50_000, () => Number(random.chance(0.2)))) - 0.2) < 0.01)
  assert.ok(Math.abs(mean(draw(50_000, () => random.exponential(5))) - 5) < 0.15)
})

test('a shuffle keeps every item, leaves its input, and reaches every order alike', () => {
  const random = new Prng(5)
  const items = ['a', 'b', 'c', 'd'] as const
  const orders = new Map<string, number>()
  const all = draw(24_000, () => random.shuffle(items).join(''))
  for (const order of all) if (!orders.has(order)) orders.set(order, orders.size)
  assert.equal(orders.size, 24)
  assert.ok([...orders.keys()].every(order => order.split('').toSorted().join('') === 'abcd'))
  let next = 0
  // 23 degrees of freedom: beyond 60 once in 10^5.
  const unfair = unevenness(all.length, 24, () => orders.get(all[next++] as string) as number)
  assert.ok(unfair < 60)
  assert.deepEqual(items, ['a', 'b', 'c', 'd'])
})

test('bytes have the size asked for', () => {
  for (const size of [0, 1, 3, 4, 5, 100]) assert.equal(new Prng(6).bytes(size).length, size)
  assert.deepEqual(new Prng(6).bytes(5), new Prng(6).bytes(8).subarray(0, 5))
})

test('a draw from nothing is refused', () => {
  assert.throws(() => new Prng(8).pick([]), RangeError)
  for (const limit of [0, -1, NaN]) assert.throws(() => new Prng(8).below(limit), RangeError)
})

for (const seed of [0.5, NaN, Infinity, 2 ** 53]) {
  test(`${seed} is no seed`, () => assert.throws(() => new Prng(seed), AssertionError))
}
