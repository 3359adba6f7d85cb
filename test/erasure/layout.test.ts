import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { concat } from '../../src/base/bytes.ts'
import { Prng } from '../../src/base/prng.ts'
import {
  CELL_BYTES,
  cellBytes,
  fillCells,
  gatherCells,
  piecesOf,
  SEGMENT_BYTES,
  segmentLayout,
  segmentScheme,
} from '../../src/erasure/layout.ts'
import { emptyCells } from './support.ts'

const layouts = fc
  .record({ k: fc.integer({ min: 1, max: 20 }), length: fc.integer({ min: 1, max: 3_000_000 }) })
  .map(({ k, length }) => segmentLayout(k, length))

test('a whole segment of k = 10 is 25 stripes and a tail of 39,360 bytes', () =>
  assert.deepEqual(segmentLayout(10, SEGMENT_BYTES), {
    k: 10,
    lengthBytes: SEGMENT_BYTES,
    fullStripes: 25,
    tailCellBytes: 39_360,
    stripes: 26,
    fragmentBytes: 25 * CELL_BYTES + 39_360,
  }))

for (const [k, length, fullStripes, tail] of [
  [4, SEGMENT_BYTES, 64, 0],
  [1, SEGMENT_BYTES, 256, 0],
  [1, 1, 0, 64],
  [1, 64, 0, 64],
  [1, 65, 0, 128],
  [1, CELL_BYTES, 1, 0],
  [4, 1, 0, 64],
  [4, 257, 0, 128],
  [3, 3 * CELL_BYTES + 1, 1, 64],
  [2, 2 * CELL_BYTES - 1, 0, CELL_BYTES],
] as const)
  test(`${length} bytes at k = ${k} are ${fullStripes} stripes and a tail of ${tail}`, () => {
    const layout = segmentLayout(k, length)
    assert.equal(layout.fullStripes, fullStripes)
    assert.equal(layout.tailCellBytes, tail)
  })

test('a segment of one cell is replicated', () => {
  const target = { k: 4, m: 2 }
  assert.deepEqual(segmentScheme(target, CELL_BYTES), { k: 1, m: 2 })
  assert.deepEqual(segmentScheme(target, CELL_BYTES + 1), target)
})

test('every byte has one place, in order', () =>
  fc.assert(
    fc.property(layouts, layout => {
      const pieces = piecesOf(layout, 0, layout.lengthBytes)
      assert.equal(
        pieces.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
        layout.lengthBytes,
      )
      for (const [at, { stripe, column, from, lengthBytes }] of pieces.entries()) {
        assert.equal(from, 0)
        assert.ok(lengthBytes <= cellBytes(layout, stripe))
        assert.equal(stripe * layout.k + column, at)
        assert.ok(stripe < layout.stripes && column < layout.k)
      }
    }),
  ))

test('a range is read from the cells that hold it', () =>
  fc.assert(
    fc.property(layouts, fc.integer(), (layout, seed) => {
      const random = new Prng(seed)
      const segment = random.bytes(layout.lengthBytes)
      const stripes = cut(layout, segment)
      const [from = 0, to = 0] = [0, 0]
        .map(() => random.below(layout.lengthBytes + 1))
        .toSorted((a, b) => a - b)
      const parts = piecesOf(layout, from, to).map(
        piece =>
          stripes[piece.stripe]?.[piece.column]?.subarray(
            piece.from,
            piece.from + piece.lengthBytes,
          ) ?? new Uint8Array(),
      )
      assert.ok(Buffer.from(concat(parts)).equals(segment.subarray(from, to)))
    }),
    { numRuns: 30 },
  ))

test('cells give back the segment they were filled from, and padding is zero', () =>
  fc.assert(
    fc.property(layouts, fc.integer(), (layout, seed) => {
      const segment = new Prng(seed).bytes(layout.lengthBytes)
      const stripes = cut(layout, segment)
      const back = new Uint8Array(layout.lengthBytes)
      for (const [stripe, cells] of stripes.entries()) gatherCells(layout, stripe, back, cells)
      assert.ok(Buffer.from(back).equals(segment))
      const stored = stripes.flat().reduce((sum, cell) => sum + cell.length, 0)
      assert.equal(stored, layout.fragmentBytes * layout.k)
      assert.equal(
        stripes.flat().reduce((total, cell) => total + sumOf(cell), 0),
        sumOf(segment),
      )
    }),
    { numRuns: 30 },
  ))

test('a segment is neither empty nor larger than 16 MiB', () => {
  for (const length of [0, -1, 1.5, SEGMENT_BYTES + 1])
    assert.throws(() => segmentLayout(4, length), RangeError)
  assert.throws(() => segmentLayout(0, 100), { code: 'INVALID_SCHEME' })
})

test('ranges, stripes and cells outside the layout are misuse', () => {
  const layout = segmentLayout(2, 1000)
  const segment = new Uint8Array(1000)
  assert.throws(() => piecesOf(layout, 0, 1001), RangeError)
  assert.throws(() => piecesOf(layout, 5, 4), RangeError)
  assert.throws(() => fillCells(layout, 1, segment, emptyCells(2, 512)), RangeError)
  assert.throws(() => fillCells(layout, 0, segment, emptyCells(3, 512)), RangeError)
  assert.throws(() => fillCells(layout, 0, segment, emptyCells(2, 576)), RangeError)
  assert.throws(() => gatherCells(layout, 0, segment.subarray(1), emptyCells(2, 512)), RangeError)
})

const sumOf = (bytes: Uint8Array): number => bytes.reduce((total, byte) => total + byte, 0)

function cut(layout: ReturnType<typeof segmentLayout>, segment: Uint8Array): Uint8Array[][] {
  return Array.from({ length: layout.stripes }, (_, stripe) => {
    const cells = emptyCells(layout.k, cellBytes(layout, stripe))
    fillCells(layout, stripe, segment, cells)
    return cells
  })
}
