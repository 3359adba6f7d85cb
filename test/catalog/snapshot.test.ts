import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { codeOf } from '../../src/base/errors.ts'
import { Prng } from '../../src/base/prng.ts'
import { genesis } from '../../src/catalog/apply-ranges.ts'
import { apply } from '../../src/catalog/apply.ts'
import { eraseRows, readChunk, restoreChunk, stateHash } from '../../src/catalog/snapshot.ts'
import { MemoryRows } from './memory-rows.ts'
import { randomCatalog } from './random-catalog.ts'
import { createBucket, EVERYTHING, Host, putInline } from './support.ts'

const seeds = fc.integer({ min: 0, max: 2 ** 31 })

function chunksOf(store: MemoryRows, chunkBytes: number, group = 1): Uint8Array[] {
  const chunks: Uint8Array[] = []
  let after: Uint8Array | undefined
  do {
    const chunk = store.run(readChunk(group, after, chunkBytes))
    chunks.push(chunk.bytes)
    after = chunk.next
  } while (after !== undefined)
  return chunks
}

function restored(chunks: readonly Uint8Array[], group = 1): MemoryRows {
  const store = new MemoryRows()
  let after: Uint8Array | undefined
  for (const chunk of chunks) {
    const { changes, next } = restoreChunk(chunk, { group, after })
    store.write(changes)
    after = next
  }
  assert.equal(after, undefined, 'the last chunk says so')
  return store
}

test('a snapshot restores every row, wherever it is taken and cut', () => {
  fc.assert(
    fc.property(
      seeds,
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 1, max: 3_000 }),
      (seed, steps, size) => {
        const { store } = randomCatalog(seed, steps)
        const chunks = chunksOf(store, size)
        const copy = restored(chunks)
        assert.deepEqual(copy.rows, store.rows)
        assert.deepEqual(chunksOf(copy, size), chunks)
      },
    ),
    { numRuns: 60 },
  )
})

test('a replica that begins with a snapshot ends like one that applied everything', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 0, max: 80 }), (seed, cut) => {
      const host = randomCatalog(seed, 80)
      const whole = new MemoryRows()
      whole.write(genesis(1, EVERYTHING))
      let late = whole.copy()
      for (const [at, { entry, context }] of host.log.entries()) {
        if (at === cut) late = restored(chunksOf(whole, 1_000))
        whole.write(whole.run(apply(entry, context)).changes)
        if (at >= cut) late.write(late.run(apply(entry, context)).changes)
      }
      const hashes = [host.store, whole, late].map(store => store.run(stateHash(1)))
      assert.equal(new Set(hashes).size, 1)
      assert.deepEqual(late.rows, host.store.rows)
    }),
    { numRuns: 25 },
  )
})

test('the hash of a state changes with every row', () => {
  const { store } = randomCatalog(7, 60)
  const hash = store.run(stateHash(1))
  const primary = store.rows.filter(({ key }) => String.fromCharCode(key[0] as number) !== 'p')
  for (const { key, value } of primary) {
    const changed = store.copy()
    // Rows about the group itself are what the hash is found by.
    if (key[0] === 0) continue
    changed.write([{ key, value: Uint8Array.of(...value, 0) }])
    assert.notEqual(changed.run(stateHash(1)), hash)
    changed.write([{ key, value: undefined }])
    assert.notEqual(changed.run(stateHash(1)), hash)
  }
})

test('a chunk that was changed, cut, or is another one is refused', () => {
  const { store } = randomCatalog(3, 60)
  const [first, second] = chunksOf(store, 1_000)
  assert.ok(first !== undefined && second !== undefined)
  const { next } = restoreChunk(first, { group: 1, after: undefined })
  const random = new Prng(1)
  const bad = Array.from({ length: 300 }, () => {
    const bytes = second.slice(0, random.chance(0.3) ? random.below(second.length) : undefined)
    const at = random.below(Math.max(1, bytes.length))
    if (bytes.length === second.length) bytes[at] = (bytes[at] as number) ^ (1 + random.below(255))
    return bytes
  })
  const refused = (bytes: Uint8Array, from: Parameters<typeof restoreChunk>[1]): void => {
    assert.throws(
      () => restoreChunk(bytes, from),
      error => ['MALFORMED', 'TOO_LARGE'].includes(codeOf(error) ?? ''),
    )
  }
  for (const bytes of bad) refused(bytes, { group: 1, after: next })
  refused(first, { group: 1, after: next })
  refused(second, { group: 2, after: next })
  refused(new Uint8Array(0), { group: 1, after: undefined })
})

test('erasing a group leaves nothing of it, and its neighbour alone', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 1, max: 40 }), (seed, limit) => {
      const host = randomCatalog(seed, 60)
      host.do({ type: 'splitRange', at: { bucket: 'aaa', key: 'a/c' }, child: 2 })
      const neighbour = chunksOf(host.store, 10_000, 2)
      const { store } = host
      for (;;) {
        const changes = store.run(eraseRows(1, limit))
        if (changes.length === 0) break
        store.write(changes)
      }
      assert.deepEqual(chunksOf(store, 10_000, 2), neighbour)
      assert.deepEqual(store.rows, restored(neighbour, 2).rows)
    }),
    { numRuns: 25 },
  )
})

test('the system group is restored with its shards and registers', () => {
  const host = new Host(new MemoryRows(), 0)
  const shard = { group: 1, ...EVERYTHING, epoch: 1, voters: [1, 2, 3], learners: [] }
  assert.equal(host.do({ type: 'updateShards', shards: [shard] }, { group: 0 }).type, 'done')
  const value = Uint8Array.of(1)
  host.do({ type: 'setRegister', name: 'key', ifRevision: 0, value }, { group: 0 })
  host.do(createBucket('aaa'), { group: 0 })
  host.do(putInline({ bucket: 'aaa', key: 'a' }, 'x'), { group: 0 })
  assert.deepEqual(restored(chunksOf(host.store, 50, 0), 0).rows, host.store.rows)
})
