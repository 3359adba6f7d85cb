import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { cellAt, cellUnder, gridOf } from '../../console/logic/matrix-grid.ts'

const input = fc.record({
  widthPx: fc.integer({ min: 200, max: 2000 }),
  segments: fc.integer({ min: 1, max: 1000 }),
  fragments: fc.integer({ min: 1, max: 40 }),
})

test('the cell under the middle of a cell is that cell', () =>
  fc.assert(
    fc.property(input, fc.nat(), fc.nat(), fc.nat(), (wanted, seed, other, share) => {
      const grid = gridOf(wanted)
      const at = seed % wanted.segments
      const index = other % wanted.fragments
      const k = 1 + (share % wanted.fragments)
      const { x, y } = cellAt(grid, { at, index, k })
      const middle = [x + grid.stripPx / 2, y + grid.cellPx / 2] as const
      assert.deepEqual(
        cellUnder(grid, ...middle, () => k),
        { at, index },
      )
    }),
  ))

test('cells stay within the drawing, and do not get too small to be pointed at', () =>
  fc.assert(
    fc.property(input, wanted => {
      const grid = gridOf(wanted)
      const last = cellAt(grid, {
        at: wanted.segments - 1,
        index: wanted.fragments - 1,
        k: 1,
      })
      assert.ok(last.y + grid.cellPx <= grid.heightPx)
      assert.ok(grid.perBand * grid.stripPx <= wanted.widthPx)
      assert.ok(grid.cellPx >= 7)
    }),
  ))

test('few segments are drawn large, ten gigabytes as one picture', () => {
  assert.ok(gridOf({ widthPx: 800, segments: 3, fragments: 6 }).stripPx > 100)
  const many = gridOf({ widthPx: 800, segments: 656, fragments: 15 })
  assert.ok(many.heightPx < 900)
})
