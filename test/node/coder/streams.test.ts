import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'

import * as fc from 'fast-check'

import { Prng } from '../../../src/base/prng.ts'
import { formatFragmentId } from '../../../src/erasure/fragment-id.ts'
import { CELL_BYTES, SEGMENT_BYTES } from '../../../src/erasure/layout.ts'
import { UNIT_BYTES, UNIT_PLAIN_BYTES } from '../../../src/erasure/sealing.ts'
import { CoderPool } from '../../../src/node/coder/coder-pool.ts'
import type { Coder } from '../../../src/node/coder/coder.ts'
import { decodeStream } from '../../../src/node/coder/decode-stream.ts'
import { encodeStream } from '../../../src/node/coder/encode-stream.ts'
import type { FragmentFault } from '../../../src/node/coder/fragment-source.ts'
import { InlineCoder } from '../../../src/node/coder/inline-coder.ts'
import { inChunks, load, someKey, store } from './support.ts'

const inline = await InlineCoder.create()
const subspace = await InlineCoder.create('subspace')
const pool = await CoderPool.create({ threads: 2 })
after(() => pool.close())

const SEGMENT_PLAIN_BYTES = 256 * UNIT_PLAIN_BYTES
const bytesOf = (size: number, seed = 1): Uint8Array<ArrayBuffer> => {
  const block = new Prng(seed).bytes(Math.min(size, 262_147))
  const bytes = new Uint8Array(size)
  for (let at = 0; at < size; at += block.length) bytes.set(block.subarray(0, size - at), at)
  return bytes
}

const sameBytes = (actual: Uint8Array, expected: Uint8Array): void =>
  assert.ok(Buffer.compare(actual, expected) === 0, `${actual.length} bytes are the same`)

function flip(bytes: Uint8Array, at: number, bit: number = 0): void {
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit)
}

/** Sizes around every border, and any below a few cells. */
const someSize = fc.oneof(
  fc.integer({ min: 0, max: 400_000 }),
  fc
    .tuple(
      fc.constantFrom(0, UNIT_PLAIN_BYTES, UNIT_BYTES, 4 * UNIT_PLAIN_BYTES, 4 * UNIT_BYTES),
      fc.integer({ min: -2, max: 2 }),
    )
    .map(([border, offset]) => Math.max(0, border + offset)),
)
const someScheme = fc.constantFrom(
  { k: 1, m: 0 },
  { k: 1, m: 2 },
  { k: 2, m: 1 },
  { k: 4, m: 2 },
  { k: 6, m: 3 },
  { k: 29, m: 5 },
)
const someShare = fc.double({ min: 0, max: 1, noNaN: true })

describe('a stream', () => {
  test('comes back whole or in part, from any k fragments, by either codec', () =>
    fc.assert(
      fc.asyncProperty(
        fc.record({
          size: someSize,
          scheme: someScheme,
          isEncrypted: fc.boolean(),
          chunks: fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1, maxLength: 3 }),
          writer: fc.constantFrom(inline, subspace, pool),
          reader: fc.constantFrom(inline, subspace, pool),
          seed: fc.nat(),
          range: fc.tuple(someShare, someShare),
        }),
        async ({ size, scheme, isEncrypted, chunks, writer, reader, seed, range }) => {
          const bytes = bytesOf(size, seed)
          const key = isEncrypted ? someKey : undefined
          const options = { coder: writer, scheme, key }
          const { object, store: kept } = await store(inChunks(bytes, chunks), options)
          const columns = Array.from({ length: scheme.k + scheme.m }, (_, column) => column)
          for (const column of new Prng(seed).shuffle(columns).slice(scheme.k))
            kept.lost.add(column)
          const from = Math.floor(Math.min(...range) * size)
          const to = Math.ceil(Math.max(...range) * size)
          sameBytes(await load(object, kept, { coder: reader, from, to }), bytes.subarray(from, to))
        },
      ),
      { numRuns: 120 },
    ))

  for (const size of [
    SEGMENT_PLAIN_BYTES - 1,
    SEGMENT_PLAIN_BYTES,
    SEGMENT_PLAIN_BYTES + 1,
    SEGMENT_BYTES,
    SEGMENT_BYTES + 1,
    52_428_800,
  ])
    test(`of ${size} bytes comes back over the borders of its segments`, async () => {
      const bytes = bytesOf(size)
      const key = size % 2 === 0 ? someKey : undefined
      const options = { coder: pool, scheme: { k: 6, m: 2 }, key }
      const { object, store: kept } = await store(inChunks(bytes), options)
      kept.lost.add(1).add(4)
      sameBytes(await load(object, kept, { coder: pool }), bytes)
      const [from, to] = [Math.max(0, size - 700_000), size - 3]
      sameBytes(await load(object, kept, { coder: pool, from, to }), bytes.subarray(from, to))
    })

  test('is the same fragments in a pool as inline, and by the other codec', async () => {
    const bytes = bytesOf(3_000_000)
    const ids = await Promise.all(
      [inline, pool, subspace].map(async coder => {
        const options = { coder, scheme: { k: 5, m: 3 }, key: someKey }
        const { object } = await store(inChunks(bytes), options)
        return object.segments.flatMap(({ fragments }) => fragments.map(formatFragmentId))
      }),
    )
    assert.deepEqual(ids[1], ids[0])
    assert.deepEqual(ids[2], ids[0])
  })

  test('of 255 + 1 fragments comes back', async () => {
    const bytes = bytesOf(300_000)
    const options = { coder: inline, scheme: { k: 255, m: 1 }, key: someKey }
    const { object, store: kept } = await store(inChunks(bytes), options)
    kept.lost.add(7)
    sameBytes(await load(object, kept, { coder: inline }), bytes)
  })

  test('holds the object as it is when it is not encrypted', async () => {
    const bytes = bytesOf(4 * CELL_BYTES)
    const options = { coder: inline, scheme: { k: 4, m: 1 } }
    const { store: kept } = await store(inChunks(bytes), options)
    for (const column of [0, 1, 2, 3])
      sameBytes(
        kept.fragment(0, column).bytes,
        bytes.subarray(column * CELL_BYTES, (column + 1) * CELL_BYTES),
      )
  })

  test('shows nothing of the object when it is encrypted', async () => {
    const marker = Buffer.from('a plaintext that nobody may see!')
    const bytes = Buffer.concat(Array.from({ length: 9000 }, () => marker))
    const options = { coder: inline, scheme: { k: 3, m: 2 }, key: someKey }
    const { store: kept } = await store(inChunks(bytes), options)
    for (const { bytes: fragment } of kept.segments.flat())
      assert.equal(Buffer.from(fragment).indexOf(marker.subarray(0, 16)), -1)
  })
})

describe('reading', () => {
  const bytes = bytesOf(2_000_000)
  const encode = (coder: Coder = inline): ReturnType<typeof store> =>
    store(inChunks(bytes), { coder, scheme: { k: 4, m: 2 }, key: someKey })

  test('finds any flipped bit, and does without the fragment it is in', () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom(0, 1, 2, 3),
        someShare,
        fc.integer({ min: 0, max: 7 }),
        fc.boolean(),
        async (column, share, bit, inLeaves) => {
          const { object, store: kept } = await encode()
          const target = kept.fragment(0, column)[inLeaves ? 'leaves' : 'bytes']
          flip(target, Math.floor(share * (target.length - 1)), bit)
          const faults: FragmentFault[] = []
          sameBytes(await load(object, kept, { coder: inline, faults }), bytes)
          assert.deepEqual(
            faults.map(fault => [fault.column, (fault.error as { code?: string }).code]),
            [[column, 'CORRUPT']],
          )
        },
      ),
      { numRuns: 25 },
    ))

  test('yields nothing of a stripe that too many flipped bits are in', async () => {
    const { object, store: kept } = await encode()
    for (const column of [0, 3, 5]) flip(kept.fragment(0, column).bytes, 1)
    await assert.rejects(load(object, kept, { coder: inline }), {
      code: 'TOO_FEW_FRAGMENTS',
      details: { code: 'TOO_FEW_FRAGMENTS', have: 3, need: 4 },
    })
  })

  test('takes whole cells of fragments that are damaged elsewhere', async () => {
    const { object, store: kept } = await encode(pool)
    for (const column of [0, 1, 2, 3, 4, 5])
      flip(kept.fragment(0, column).bytes, column * CELL_BYTES)
    sameBytes(await load(object, kept, { coder: pool }), bytes)
  })

  test('fetches data only, while it is there, and no more of it than the range', async () => {
    const { object, store: kept } = await encode()
    await load(object, kept, { coder: inline })
    assert.equal(kept.cellBytesRead, kept.fragment(0, 0).bytes.length * 4)
    kept.cellsRead = 0
    await load(object, kept, { coder: inline, from: UNIT_PLAIN_BYTES, to: UNIT_PLAIN_BYTES + 1 })
    assert.equal(kept.cellsRead, 1)
    await load(object, kept, { coder: inline, from: 5, to: 5 })
    assert.equal(kept.cellsRead, 1)
  })

  test('fetches k cells for one that is lost', async () => {
    const { object, store: kept } = await encode()
    kept.lost.add(1)
    await load(object, kept, { coder: inline, from: UNIT_PLAIN_BYTES, to: UNIT_PLAIN_BYTES + 1 })
    assert.equal(kept.cellsRead, 4)
  })

  for (const [what, spoil] of [
    ['too short', (it: Uint8Array<ArrayBuffer>) => it.slice(1)],
    ['too long', (it: Uint8Array<ArrayBuffer>) => new Uint8Array([...it, 0])],
    ['empty', () => new Uint8Array()],
  ] as const)
    test(`does without a source whose answer is ${what}`, async () => {
      const { object, store: kept } = await encode()
      const cells = kept.cells.bind(kept)
      kept.cells = async (place, range) => {
        const answer = await cells(place, range)
        return place.column === 2 ? spoil(answer) : answer
      }
      const faults: FragmentFault[] = []
      sameBytes(await load(object, kept, { coder: inline, faults }), bytes)
      assert.deepEqual([...new Set(faults.map(({ column }) => column))], [2])
    })

  test('does without fragments of another object and of another place', async () => {
    const { object, store: kept } = await encode()
    const other = await store(inChunks(bytesOf(2_000_000, 5)), {
      coder: inline,
      scheme: { k: 4, m: 2 },
    })
    const segment = kept.segments[0] ?? []
    segment[0] = other.store.fragment(0, 0)
    segment[1] = kept.fragment(0, 2)
    const faults: FragmentFault[] = []
    sameBytes(await load(object, kept, { coder: inline, faults }), bytes)
    assert.deepEqual(new Set(faults.map(({ column }) => column)), new Set([0, 1]))
  })

  test('does without a fragment of another number of cells, though it has the right name', async () => {
    const scheme = { k: 4, m: 2 }
    const { object, store: kept } = await store(inChunks(bytes), { coder: inline, scheme })
    const longer = await store(inChunks(bytesOf(3_000_000)), { coder: inline, scheme })
    const [segment] = object.segments
    const [foreign] = longer.object.segments
    assert.ok(segment !== undefined && foreign?.fragments[0] !== undefined)
    const fragments = segment.fragments.with(0, foreign.fragments[0])
    ;(kept.segments[0] ?? [])[0] = longer.store.fragment(0, 0)
    const mixed = { ...object, segments: [{ ...segment, fragments }] }
    const faults: FragmentFault[] = []
    sameBytes(await load(mixed, kept, { coder: inline, faults }), bytes)
    assert.deepEqual(
      faults.map(({ column }) => column),
      [0],
    )
  })

  test('under a wrong key fails rather than yield something else', async () => {
    const { object, store: kept } = await encode()
    const key = { ...someKey, key: new Uint8Array(32) }
    await assert.rejects(load({ ...object, key }, kept, { coder: inline }), { code: 'CORRUPT' })
  })

  test('stops with the reason of its signal', async () => {
    const { object, store: kept } = await encode()
    const controller = new AbortController()
    const { signal } = controller
    const stream = decodeStream(object, { coder: pool, source: kept, signal })
    kept.leaves = async () => {
      throw new Error('aborted too')
    }
    kept.cells = async () => {
      controller.abort(new Error('enough'))
      throw new Error('aborted too')
    }
    await assert.rejects(stream.next(), { message: 'enough' })
  })
})

describe('writing', () => {
  test('takes no more of a source than the window while nobody takes the result', async () => {
    let taken = 0
    const source = (async function* () {
      for (;;) {
        taken += 65_536
        yield new Uint8Array(65_536)
      }
    })()
    const stream = encodeStream(source, { coder: pool, scheme: { k: 4, m: 2 } })
    await stream.next()
    assert.ok(taken <= 6 * 2 ** 20, `${taken} bytes taken`)
    await stream.return(undefined)
  })

  test('lets the source clean up when it is left early', async () => {
    let isClosed = false
    const source = (async function* () {
      try {
        for (;;) yield new Uint8Array(1_000_000)
      } finally {
        isClosed = true
      }
    })()
    for await (const event of encodeStream(source, { coder: pool, scheme: { k: 2, m: 1 } }))
      if (event.type === 'cells') break
    assert.ok(isClosed)
  })

  test('stops with the reason of its signal while the source has nothing', async () => {
    const controller = new AbortController()
    const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }
    const { signal } = controller
    const options = { coder: inline, scheme: { k: 2, m: 1 }, signal }
    const next = encodeStream(silent, options).next()
    controller.abort(new Error('enough'))
    await assert.rejects(next, { message: 'enough' })
  })

  test('fails with what its source fails with', async () => {
    const source = (async function* () {
      yield new Uint8Array(3_000_000)
      throw new Error('the source is gone')
    })()
    const options = { coder: pool, scheme: { k: 2, m: 1 } }
    await assert.rejects(store(source, options), { message: 'the source is gone' })
  })

  test('refuses a scheme that is none', () =>
    assert.rejects(store(inChunks(new Uint8Array(1)), { coder: inline, scheme: { k: 0, m: 1 } }), {
      code: 'INVALID_SCHEME',
    }))
})
