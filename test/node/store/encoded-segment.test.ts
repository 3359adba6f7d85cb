import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Prng } from '../../../src/base/prng.ts'
import type { Scheme } from '../../../src/erasure/scheme.ts'
import { type CellsEvent, encodeStream } from '../../../src/node/coder/encode-stream.ts'
import { InlineCoder } from '../../../src/node/coder/inline-coder.ts'
import {
  cellsOf,
  type EncodedSegment,
  idOf,
  recut,
  releaseCells,
} from '../../../src/node/store/encoded-segment.ts'
import { streamOf } from '../../support/store-town.ts'

const coder = await InlineCoder.create()
const random = new Prng(17)
const { signal } = new AbortController()

/** The one segment of some bytes that are not encrypted. */
async function segmentOf(bytes: Uint8Array, scheme: Scheme): Promise<EncodedSegment> {
  const batches: CellsEvent[] = []
  for await (const event of encodeStream(streamOf(bytes), { coder, scheme })) {
    if (event.type === 'cells') batches.push(event)
    else if (event.type === 'segment') return { ...event, batches }
  }
  throw new Error('no segment')
}

for (const size of [70_000, 400_000, 1_048_576, 5_000_001])
  test(`${size} stored bytes cut anew are as if they had been cut so at first`, async () => {
    const bytes = random.bytes(size)
    for (const [from, to] of [
      [
        { k: 4, m: 2 },
        { k: 2, m: 2 },
      ],
      [
        { k: 2, m: 1 },
        { k: 1, m: 1 },
      ],
      [
        { k: 1, m: 1 },
        { k: 3, m: 1 },
      ],
    ] as const) {
      const cut = await recut(coder, await segmentOf(bytes, from), { scheme: to, signal })
      const wanted = await segmentOf(bytes, to)
      assert.equal(cut.lengthBytes, size)
      for (let column = 0; column < to.k + to.m; column++) {
        assert.equal(idOf(cut, column), idOf(wanted, column))
        assert.deepEqual(
          Buffer.concat([...cellsOf(cut, column)]),
          Buffer.concat([...cellsOf(wanted, column)]),
        )
      }
    }
  })

test('a segment whose cells were given back keeps none of them', async () => {
  const segment = await segmentOf(random.bytes(300_000), { k: 2, m: 1 })
  assert.ok([...cellsOf(segment, 0)].length > 0)
  releaseCells(segment)
  assert.deepEqual([...cellsOf(segment, 0)], [])
  releaseCells(segment)
})
