import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Prng } from '../../src/base/prng.ts'
import { leafOf, rootOf } from '../../src/erasure/leaves.ts'
import { LinearCodec } from '../../src/erasure/linear-codec.ts'
import { chooseSurvivors, decodingMatrix } from '../../src/erasure/matrix.ts'
import { helperCoefficients, PartialSum } from '../../src/erasure/partial-sum.ts'
import { emptyCells, kernels, randomCells, rebuild, sha256, stripeOf } from './support.ts'

const [kernel] = kernels
assert.ok(kernel)
const codec = new LinearCodec(kernel)

/** Runs the whole chain; `tamper` may change what a helper passes on. */
function chain(
  k: number,
  stripe: readonly Uint8Array[],
  lost: readonly number[],
  tamper: (sum: Uint8Array, helper: number) => void = () => {},
): Uint8Array[] {
  const others = [...stripe.keys()].filter(index => !lost.includes(index))
  const helpers = new Prng(k).shuffle(chooseSurvivors(k, others))
  const matrix = decodingMatrix(k, helpers, lost)
  let received: Uint8Array[] | undefined
  for (const [column, helper] of helpers.entries()) {
    const own = stripe[helper] ?? new Uint8Array()
    const sums = emptyCells(lost.length, own.length)
    assert.ok(kernel)
    new PartialSum(kernel, helperCoefficients(matrix, column)).add(own, sums, received)
    for (const sum of sums) tamper(sum, helper)
    received = sums
  }
  return received ?? []
}

for (const [k, m] of [
  [1, 2],
  [4, 2],
  [10, 4],
  [20, 9],
] as const)
  test(`a chain of helpers rebuilds each fragment of (${k},${m})`, () => {
    const stripe = stripeOf(codec, randomCells(new Prng(k), k, 192), m)
    for (const [index, cell] of stripe.entries())
      assert.deepEqual(chain(k, stripe, [index]), [cell])
  })

for (const current of kernels)
  test(`${current.name} rebuilds m lost fragments in one pass`, () => {
    const stripe = stripeOf(codec, randomCells(new Prng(1), 10, 128), 4)
    const lost = [13, 0, 7, 11]
    assert.deepEqual(
      chain(10, stripe, lost),
      lost.map(index => stripe[index]),
    )
  })

test('a lying helper is found out at the root, and verified cells complete the repair', () => {
  const stripe = stripeOf(codec, randomCells(new Prng(2), 4, 64), 2)
  const roots = stripe.map(cell => rootOf(sha256, leafOf(sha256, 0, cell)))
  const [wrong] = chain(4, stripe, [1], (sum, helper) => {
    if (helper === 2) sum[5] = (sum[5] ?? 0) ^ 1
  })
  assert.ok(wrong)
  assert.notDeepEqual(rootOf(sha256, leafOf(sha256, 0, wrong)), roots[1])
  const [right] = rebuild(codec, 4, stripe, [1])
  assert.ok(right)
  assert.deepEqual(rootOf(sha256, leafOf(sha256, 0, right)), roots[1])
})
