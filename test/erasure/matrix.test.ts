import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { Prng } from '../../src/base/prng.ts'
import { multiply } from '../../src/erasure/field.ts'
import { chooseSurvivors, decodingMatrix, encodingMatrix } from '../../src/erasure/matrix.ts'

const golden: readonly (readonly [k: number, parity: readonly (readonly number[])[]])[] = [
  [1, [[1], [1], [1]]],
  [
    2,
    [
      [3, 2],
      [2, 3],
      [5, 4],
    ],
  ],
  [
    3,
    [
      [1, 1, 1],
      [15, 8, 6],
      [14, 9, 6],
    ],
  ],
  [
    4,
    [
      [27, 28, 18, 20],
      [28, 27, 20, 18],
      [18, 20, 27, 28],
    ],
  ],
  [
    6,
    [
      [7, 6, 5, 4, 3, 2],
      [6, 7, 4, 5, 2, 3],
      [160, 223, 223, 183, 254, 232],
    ],
  ],
]
for (const [k, parity] of golden)
  test(`parity rows of k = ${k} are those of the format`, () => {
    const { rows, columns, coefficients } = encodingMatrix(k, 0, parity.length)
    assert.deepEqual([rows, columns], [parity.length, k])
    assert.deepEqual([...coefficients], parity.flat())
  })

/** base to the exponent, with 0^0 = 1. */
const raise = (base: number, exponent: number): number =>
  Array.from({ length: exponent }).reduce((result: number) => multiply(result, base), 1)

test('the code is V times the inverse of its top, V[r][c] = r^c', () => {
  for (const [k, m] of [
    [2, 3],
    [5, 4],
    [10, 4],
    [20, 9],
    [29, 51],
  ] as const) {
    const { coefficients } = encodingMatrix(k, 0, m)
    for (let row = 0; row < m; row++)
      for (let column = 0; column < k; column++) {
        let sum = 0
        for (let inner = 0; inner < k; inner++)
          sum ^= multiply(coefficients[row * k + inner] ?? 0, raise(inner, column))
        assert.equal(sum, raise(k + row, column))
      }
  }
})

test('a parity row depends on k and its number alone', () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 128 }), fc.integer({ min: 0, max: 127 }), (k, row) => {
      const { coefficients } = encodingMatrix(k, 0, 128)
      assert.deepEqual(
        encodingMatrix(k, row, 1).coefficients,
        coefficients.subarray(row * k, (row + 1) * k),
      )
    }),
    { numRuns: 30 },
  ))

test('decoding undoes encoding, whichever fragments survive', () =>
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.integer(), (k, seed) => {
      const random = new Prng(seed)
      const survivors = random.shuffle(Array.from({ length: k + 20 }, (_, i) => i)).slice(0, k)
      const wanted = [random.below(k), k + random.below(20)]
      const decode = decodingMatrix(k, survivors, wanted)
      const encode = encodingMatrix(k, 0, 20)
      const rowOf = (index: number, column: number): number =>
        index < k ? Number(index === column) : (encode.coefficients[(index - k) * k + column] ?? 0)
      for (const [row, index] of wanted.entries())
        for (let column = 0; column < k; column++) {
          const sum = survivors.reduce(
            (total, survivor, at) =>
              total ^ multiply(decode.coefficients[row * k + at] ?? 0, rowOf(survivor, column)),
            0,
          )
          assert.equal(sum, rowOf(index, column))
        }
    }),
    { numRuns: 50 },
  ))

test('data fragments are decoded from first', () =>
  assert.deepEqual(chooseSurvivors(3, [9, 4, 0, 2, 3]), [0, 2, 3]))

test('fewer than k fragments are too few', () => {
  const tooFew = {
    code: 'TOO_FEW_FRAGMENTS',
    details: { code: 'TOO_FEW_FRAGMENTS', have: 2, need: 3 },
  }
  assert.throws(() => chooseSurvivors(3, [0, 1]), tooFew)
  assert.throws(() => decodingMatrix(3, [0, 1], [2]), tooFew)
})

for (const [k, m] of [
  [0, 1],
  [1, -1],
  [1.5, 1],
  [NaN, 1],
  [200, 57],
  [257, 0],
  [1, 256],
] as const)
  test(`there is no code with k = ${k}, m = ${m}`, () =>
    assert.throws(() => encodingMatrix(k, 0, m), { code: 'INVALID_SCHEME' }))

for (const [what, survivors, wanted] of [
  ['too many survivors', [0, 1, 2], [3]],
  ['a survivor twice', [1, 1], [3]],
  ['a fragment beyond 255', [0, 1], [256]],
  ['a fragment below 0', [0, -1], [2]],
  ['half a fragment', [0, 1.5], [2]],
] as const)
  test(`${what} is misuse of a decoding matrix`, () =>
    assert.throws(() => decodingMatrix(2, survivors, wanted), RangeError))

test('parity counts from 0', () =>
  assert.throws(() => encodingMatrix(3, -1, 2), { code: 'INVALID_SCHEME' }))
