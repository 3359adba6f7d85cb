import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { isZero } from '../../src/base/bytes.ts'
import { Prng } from '../../src/base/prng.ts'
import type { Matrix } from '../../src/erasure/matrix.ts'
import { combine, emptyCells, kernels, randomCells } from './support.ts'

const randomMatrix = (random: Prng, rows: number, columns: number): Matrix => ({
  rows,
  columns,
  coefficients: random.bytes(rows * columns),
})

/** The first bytes, those at the start of the last tile, and the last. */
const someColumns = (cells: readonly Uint8Array[]): Uint8Array[] =>
  cells.map(cell => Uint8Array.of(...[0, 4096, 4159].map(at => cell[at] ?? 0)))

for (const kernel of kernels) {
  test(`${kernel.name} computes any matrix over any cells`, () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 40 }),
        fc.integer(),
        (rows, columns, lanes, seed) => {
          const random = new Prng(seed)
          const matrix = randomMatrix(random, rows, columns)
          const inputs = randomCells(random, columns, lanes * 64)
          const outputs = emptyCells(rows, lanes * 64)
          kernel.apply(matrix, inputs, outputs)
          assert.deepEqual(outputs, combine(matrix, inputs))
        },
      ),
      { numRuns: 40 },
    ))

  test(`${kernel.name} takes operands inside and outside its arena alike`, () => {
    const random = new Prng(1)
    const matrix = randomMatrix(random, 5, 4)
    const size = 1344
    const place = (cell: Uint8Array, at: number): Uint8Array => {
      if (random.chance(0.5)) return cell
      const inside = kernel.arena.subarray(at * 1500 + 3, at * 1500 + 3 + size)
      inside.set(cell)
      return inside
    }
    for (let round = 0; round < 20; round++) {
      const data = randomCells(random, 4, size)
      const inputs = data.map(place)
      const outputs = emptyCells(5, size).map((cell, at) => place(cell, 4 + at))
      kernel.apply(matrix, inputs, outputs)
      assert.deepEqual(
        outputs.map(output => output.slice()),
        combine(matrix, data),
      )
    }
  })

  test(`${kernel.name} writes no byte beside its outputs`, () => {
    const random = new Prng(2)
    for (const size of [64, 128, 960, 1024, 1088, 4160]) {
      kernel.arena.fill(0)
      const inputs = randomCells(random, 3, size)
      const outputs = [0, 1, 2, 3, 4].map(at => {
        const start = 64 + at * (size + 64)
        return kernel.arena.subarray(start, start + size)
      })
      kernel.apply(randomMatrix(random, 5, 3), inputs, outputs)
      for (const output of outputs) output.fill(0)
      assert.ok(isZero(kernel.arena))
    }
  })

  test(`${kernel.name} computes 128 wide cells from 128`, () => {
    const random = new Prng(3)
    const matrix = randomMatrix(random, 128, 128)
    const inputs = randomCells(random, 128, 4160)
    const outputs = emptyCells(128, 4160)
    kernel.apply(matrix, inputs, outputs)
    assert.deepEqual(someColumns(outputs), combine(matrix, someColumns(inputs)))
  })

  test(`${kernel.name} computes cells that are larger than all its memory`, () => {
    const random = new Prng(4)
    const input = random.bytes(8 * 1_048_576)
    const output = new Uint8Array(input.length)
    kernel.apply({ rows: 1, columns: 1, coefficients: Uint8Array.of(1) }, [input], [output])
    assert.ok(Buffer.from(input).equals(output))
  })

  test(`${kernel.name} refuses cells that are no multiple of 64 bytes, or differ`, () => {
    const matrix: Matrix = { rows: 1, columns: 2, coefficients: Uint8Array.of(1, 1) }
    for (const [first, second, result] of [
      [40, 40, 40],
      [64, 64, 40],
      [64, 128, 64],
      [0, 0, 0],
      [65, 65, 65],
    ] as const) {
      const output = new Uint8Array(result)
      assert.throws(
        () => kernel.apply(matrix, [new Uint8Array(first), new Uint8Array(second)], [output]),
        { code: 'CELL_SIZE' },
      )
    }
  })

  test(`${kernel.name} refuses operands that do not fit its matrix`, () => {
    const matrix: Matrix = { rows: 1, columns: 2, coefficients: Uint8Array.of(1, 1) }
    const cell = new Uint8Array(64)
    const other = new Uint8Array(64)
    assert.throws(() => kernel.apply(matrix, [cell], [other]), RangeError)
    assert.throws(() => kernel.apply(matrix, [cell, cell], []), RangeError)
    const wide: Matrix = { rows: 1, columns: 256, coefficients: new Uint8Array(256) }
    assert.throws(() => kernel.apply(wide, emptyCells(256, 64), [cell]), RangeError)
    const short: Matrix = { rows: 1, columns: 2, coefficients: Uint8Array.of(1) }
    assert.throws(() => kernel.apply(short, [cell, cell], [other]), RangeError)
  })

  test(`${kernel.name} refuses an output that overlaps another operand`, () => {
    const matrix: Matrix = { rows: 2, columns: 1, coefficients: Uint8Array.of(1, 1) }
    const memory = new Uint8Array(256)
    const [a, b, c] = [memory.subarray(0, 64), memory.subarray(32, 96), memory.subarray(128, 192)]
    assert.throws(() => kernel.apply(matrix, [a], [b, c]), RangeError)
    assert.throws(() => kernel.apply(matrix, [c], [a, b]), RangeError)
  })
}
