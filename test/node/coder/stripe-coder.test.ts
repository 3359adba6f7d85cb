import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Prng } from '../../../src/base/prng.ts'
import { compileKernel } from '../../../src/erasure/create-kernel.ts'
import { segmentLayout } from '../../../src/erasure/layout.ts'
import { CellGrid } from '../../../src/node/coder/cell-grid.ts'
import { createCodec } from '../../../src/node/coder/coder-tools.ts'
import type { ColumnCells } from '../../../src/node/coder/coder.ts'
import { loadHashers } from '../../../src/node/coder/hashers.ts'
import { StripeCoder } from '../../../src/node/coder/stripe-coder.ts'

const coder = new StripeCoder(createCodec('kernel', compileKernel()), await loadHashers())

for (const size of [1, 65, 1000, 65_600, 300_001])
  test(`what was in a buffer before does not show in the fragments of ${size} bytes`, () => {
    const plain = new Prng(size).bytes(size)
    const scheme = { k: 3, m: 2 }
    const layout = segmentLayout(scheme.k, size)
    const encode = (fill: number): { leaves: Uint8Array; cells: number[][] } => {
      const cells = new Uint8Array(CellGrid.sizeOf(layout, 5)).fill(fill)
      const place = { firstUnit: 0, firstStripe: 0, isLast: true, key: undefined }
      const job = { type: 'encode', scheme, hash: 'blake3', plain, cells, ...place } as const
      const { leaves } = coder.encode(job)
      const grid = new CellGrid(cells, layout)
      return { leaves, cells: [0, 2, 4].map(column => [...grid.cell(column, layout.stripes - 1)]) }
    }
    assert.deepEqual(encode(0xaa), encode(0))
  })

/** The columns of some bytes under (3, 2), each with its leaves. */
function columnsOf(size: number): ColumnCells[] {
  const plain = new Prng(size).bytes(size)
  const layout = segmentLayout(3, size)
  const cells = new Uint8Array(CellGrid.sizeOf(layout, 5))
  const place = { firstUnit: 0, firstStripe: 7, isLast: true, key: undefined }
  const scheme = { k: 3, m: 2 }
  const { leaves } = coder.encode({
    type: 'encode',
    scheme,
    hash: 'blake3',
    plain,
    cells,
    ...place,
  })
  const grid = new CellGrid(cells, layout)
  const leavesBytes = layout.stripes * 32
  return [0, 1, 2, 3, 4].map(column => {
    const stripes = Array.from({ length: layout.stripes }, (_, stripe) => grid.cell(column, stripe))
    return {
      column,
      firstStripe: 0,
      bytes: new Uint8Array(Buffer.concat(stripes)),
      hash: 'blake3',
      leaves: leaves.slice(column * leavesBytes, (column + 1) * leavesBytes),
    }
  })
}

for (const size of [1, 1000, 65_600, 300_001])
  test(`any columns of ${size} bytes are rebuilt from any others, and one from itself`, () => {
    const all = columnsOf(size)
    const about = { type: 'rebuild', k: 3, hash: 'blake3', firstStripe: 7 } as const
    for (const [have, wanted] of [
      [
        [0, 1, 2],
        [3, 4],
      ],
      [
        [2, 3, 4],
        [0, 1],
      ],
      [
        [0, 3, 4],
        [4, 1, 0],
      ],
      [[3], [3]],
    ] as const) {
      const columns = have.map(column => all[column] as ColumnCells)
      const rebuilt = coder.rebuild({ ...about, sealedBytes: size, columns, wanted })
      assert.ok(rebuilt.type === 'rebuilt')
      const expected = wanted.map(column => all[column] as ColumnCells)
      assert.deepEqual(rebuilt.cells, new Uint8Array(Buffer.concat(expected.map(it => it.bytes))))
      assert.deepEqual(
        Buffer.from(rebuilt.leaves),
        Buffer.concat(expected.map(({ leaves }) => leaves)),
      )
    }
  })

test('nothing is rebuilt from a wrong cell', () => {
  const all = columnsOf(300_001)
  const bytes = (all[1] as ColumnCells).bytes.slice()
  bytes[70_000] = (bytes[70_000] as number) ^ 1
  const columns = [all[0], { ...all[1], bytes }, all[2]] as ColumnCells[]
  const about = { type: 'rebuild', k: 3, hash: 'blake3', firstStripe: 7 } as const
  const rebuilt = coder.rebuild({ ...about, sealedBytes: 300_001, columns, wanted: [3] })
  assert.ok(rebuilt.type === 'wrong')
  assert.deepEqual(rebuilt.wrong, [{ column: 1, cell: 8 }])
  assert.deepEqual(
    rebuilt.columns.map(({ column }) => column),
    [0, 2],
  )
})
