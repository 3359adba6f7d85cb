import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Prng } from '../../../src/base/prng.ts'
import { compileKernel } from '../../../src/erasure/create-kernel.ts'
import { segmentLayout } from '../../../src/erasure/layout.ts'
import { CellGrid } from '../../../src/node/coder/cell-grid.ts'
import { createCodec } from '../../../src/node/coder/coder-tools.ts'
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
