import assert from 'node:assert/strict'
import { test } from 'node:test'

import { mergeMatrix, mergeRows } from '../../console/logic/merge.ts'
import type { MatrixHolder, MatrixView } from '../../src/gateway/console/views/fragments.ts'

interface Row {
  readonly id: number
  readonly text: string
}

const idOf = ({ id }: Row): number => id
const before: readonly Row[] = [
  { id: 1, text: 'a' },
  { id: 2, text: 'b' },
]

test('rows that changed keep their places, new ones come last', () =>
  assert.deepEqual(
    mergeRows(
      before,
      {
        isWhole: false,
        rows: [
          { id: 3, text: 'c' },
          { id: 1, text: 'A' },
        ],
        gone: [],
      },
      idOf,
    ),
    [
      { id: 1, text: 'A' },
      { id: 2, text: 'b' },
      { id: 3, text: 'c' },
    ],
  ))

test('rows that went are gone, and a whole list replaces what was known', () => {
  assert.deepEqual(mergeRows(before, { isWhole: false, rows: [], gone: [1] }, idOf), [before[1]])
  assert.deepEqual(mergeRows(before, { isWhole: true, rows: [], gone: [] }, idOf), [])
})

const holder = (peer: string, state: MatrixHolder['state'] = 'alive'): MatrixHolder => ({
  peer,
  name: peer,
  zone: '',
  seat: 1,
  state,
})
const row = (segment: number, cells: readonly number[]): MatrixView['segments'][number] => ({
  segment,
  fromBytes: 0,
  sizeBytes: 1,
  k: 1,
  m: 1,
  stripes: 1,
  fragmentBytes: 1,
  margin: 1,
  cells,
  verified: [0, 0],
  repairing: [],
})
const matrix: MatrixView = {
  bucket: 'b',
  key: 'k',
  version: '1',
  sizeBytes: 2,
  isInline: false,
  segmentBytes: 1,
  cellBytes: 1,
  segmentsTotal: 2,
  writtenAt: '',
  holders: [holder('a'), holder('b')],
  segments: [row(0, [0, 1]), row(1, [1, 0])],
}

test('rows that did not change find their holders in the new list', () => {
  const changes = {
    isWhole: false,
    isGone: false,
    holders: [holder('c'), holder('b', 'dead')],
    segments: [row(0, [0, 1])],
  }
  const merged = mergeMatrix(matrix, changes)
  const names = merged.segments.map(({ cells }) => cells.map(at => merged.holders[at]?.peer))
  assert.deepEqual(names, [
    ['c', 'b'],
    ['b', 'a'],
  ])
  assert.equal(merged.holders[1]?.state, 'dead')
})

test('an object that comes in several messages is whole after the last', () => {
  const page = (segments: readonly number[]): MatrixView =>
    mergeMatrix(matrix, {
      isWhole: false,
      isGone: false,
      holders: matrix.holders,
      segments: segments.map(segment => row(segment, [0, 0])),
    })
  assert.deepEqual(
    page([3, 2]).segments.map(({ segment }) => segment),
    [0, 1, 2, 3],
  )
})

test('an object that is gone has no rows', () => {
  const changes = { isWhole: true, isGone: true, holders: [], segments: [] }
  assert.deepEqual(mergeMatrix(matrix, changes).segments, [])
})
