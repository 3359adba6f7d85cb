import assert from 'node:assert/strict'
import { test } from 'node:test'

import { cellsOfRange } from '../../console/logic/range-cells.ts'
import type { MatrixSegment } from '../../src/gateway/console/views/fragments.ts'

const UNIT = 65_520
const SEGMENT = 256 * UNIT

const segment = (number: number, sizeBytes: number): MatrixSegment => ({
  segment: number,
  fromBytes: number * SEGMENT,
  sizeBytes,
  k: 4,
  m: 2,
  stripes: 64,
  fragmentBytes: 64 * 65_536,
  margin: 2,
  cells: [0, 1, 2, 3, 4, 5],
  verified: [],
  repairing: [],
})

const view = { cellBytes: UNIT, segments: [segment(0, SEGMENT), segment(1, 1000)] }

test('a byte is in one cell, in the column of its unit', () => {
  for (const unit of [0, 1, 5, 255]) {
    const { columns, cells } = cellsOfRange(view, unit * UNIT, unit * UNIT + 1)
    assert.equal(cells, 1)
    assert.deepEqual([...(columns.get(0)?.keys() ?? [])], [unit % 4])
  }
})

test('a range over a border touches the cells on both sides', () => {
  const { columns, cells } = cellsOfRange(view, UNIT - 1, UNIT + 1)
  assert.equal(cells, 2)
  assert.deepEqual(
    [...(columns.get(0) ?? [])],
    [
      [0, 1],
      [1, 1],
    ],
  )
})

test('all of an object is all of its data cells', () => {
  const { columns, cells } = cellsOfRange(view, 0, SEGMENT + 1000)
  assert.equal(cells, 256 + 4)
  assert.deepEqual([...(columns.get(0)?.values() ?? [])], [64, 64, 64, 64])
  assert.deepEqual([...columns.keys()], [0, 1])
})

test('what is behind the end touches nothing', () =>
  assert.equal(cellsOfRange(view, 2 * SEGMENT, 3 * SEGMENT).cells, 0))
