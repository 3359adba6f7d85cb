import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { HoldfastError } from '../../src/base/errors.ts'
import { Prng } from '../../src/base/prng.ts'
import { parseFragmentId } from '../../src/erasure/fragment-id.ts'
import { VerifiedLeaves } from '../../src/erasure/leaves.ts'
import { openDisk } from '../../src/storage/disk.ts'
import { salvage } from '../../src/storage/fragment-salvage.ts'
import { NONCE_BYTES } from '../../src/storage/fragment-store.ts'
import { rejectsWith } from '../support/expect.ts'
import { fragmentOf, names, nameOf, sha256 } from '../support/fragments.ts'
import { listsNothing, putOf, readAll, withStore } from './fragment-support.ts'

const random = new Prng(1)
const small = fragmentOf(random.bytes(4_096))
const large = fragmentOf(random.bytes(200_000 - (200_000 % 64)))

for (const [what, fragment] of [
  ['one cell', small],
  ['several cells', large],
] as const) {
  test(`a fragment of ${what} is there after a restart`, () =>
    withStore(async ({ store, reopen }) => {
      assert.equal(await store.put(fragment.id, putOf(fragment), fragment.cells), 'stored')
      assert.deepEqual(await readAll(await reopen(), fragment.id), Buffer.from(fragment.bytes))
    }))

  test(`a fragment of ${what} that is here already is not asked for again`, () =>
    withStore(async ({ store }) => {
      await store.put(fragment.id, putOf(fragment), fragment.cells)
      const outcome = await store.put(fragment.id, putOf(fragment, 2), neverAsked())
      assert.equal(outcome, 'present')
      assert.equal((await store.stat(fragment.id))?.references.length, 2)
      assert.equal(store.usage.usedBytes, fragment.bytes.length)
    }))

  test(`a fragment of ${what} goes with its last reference`, () =>
    withStore(async ({ store, clock, directory }) => {
      for (const segment of [1, 2]) {
        await store.put(fragment.id, putOf(fragment, segment), fragment.cells)
        await store.commit(fragment.id, nameOf(segment))
      }
      await store.release(fragment.id, nameOf(1), 10)
      clock.nowMs += 20
      assert.equal((await store.collect(listsNothing)).removed, 0)
      await store.release(fragment.id, nameOf(2), 10)
      assert.equal((await store.collect(listsNothing)).removed, 0, 'not before the grace is over')
      clock.nowMs += 20
      assert.equal((await store.collect(listsNothing)).removed, 1)
      await rejectsWith('FRAGMENT_MISSING', readAll(store, fragment.id))
      assert.deepEqual(filesIn(directory), [])
      assert.equal(store.usage.usedBytes, 0)
    }))

  test(`a cell of a fragment of ${what} is proven by hash and by its leaves`, () =>
    withStore(async ({ store }) => {
      await store.put(fragment.id, putOf(fragment), fragment.cells)
      const at = fragment.cells.length - 1
      const cell = fragment.cells[at] as Uint8Array
      const nonce = random.bytes(NONCE_BYTES)
      const wanted = sha256.hash(Buffer.concat([nonce, cell]))
      assert.deepEqual(await store.prove(fragment.id, at, nonce), wanted)
      const revealed = await store.reveal(fragment.id, at)
      const { digest } = parseFragmentId(fragment.id)
      assert.ok(VerifiedLeaves.check(sha256, digest, revealed.leaves).matches(at, revealed.cell))
      await assert.rejects(store.reveal(fragment.id, at + 1), RangeError)
      await assert.rejects(store.prove(fragment.id, 0, new Uint8Array(8)), RangeError)
    }))
}

test('an intent that is not committed ends with its lease, unless the catalog lists it', () =>
  withStore(async ({ store, clock }) => {
    await store.put(small.id, { ...putOf(small), leaseMs: 100 }, small.cells)
    await store.put(large.id, { ...putOf(large), leaseMs: 100 }, large.cells)
    clock.nowMs += 99
    assert.equal((await store.collect(listsNothing)).ended, 0)
    clock.nowMs += 2
    const collected = await store.collect(async id => id === large.id)
    assert.deepEqual(collected, { ended: 2, kept: 1, removed: 1 })
    await rejectsWith('FRAGMENT_MISSING', store.commit(small.id, nameOf(1)))
    await rejectsWith('LEASE_EXPIRED', store.commit(large.id, nameOf(7)))
    assert.equal((await store.stat(large.id))?.references[0]?.untilMs, 0)
  }))

test('a catalog that cannot be asked costs nothing', () =>
  withStore(async ({ store, clock }) => {
    await store.put(small.id, { ...putOf(small), leaseMs: 100 }, small.cells)
    clock.nowMs += 200
    const details = { code: 'TIMEOUT', what: 'catalog', afterMs: 1 } as const
    const away = () => Promise.reject(new HoldfastError('away', details))
    assert.equal((await store.collect(away)).removed, 0)
    assert.ok(await store.stat(small.id))
    clock.nowMs += 61_000
    assert.equal((await store.collect(listsNothing)).removed, 1, 'it is asked again')
  }))

test('a scrubber makes one pass at a time', () =>
  withStore(async ({ store }) => {
    await store.put(small.id, putOf(small), small.cells)
    const pass = store.scrubber.pass()
    await rejectsWith('BUSY', store.scrubber.pass())
    assert.deepEqual(await pass, { checked: 1, rotten: 0, lost: 0 })
    assert.equal((await store.scrubber.pass()).checked, 1)
  }))

test('equal puts at the same time store the fragment once', () =>
  withStore(async ({ store, directory }) => {
    const puts = Array.from({ length: 8 }, (_, index) =>
      store.put(large.id, putOf(large, 1, index), large.cells),
    )
    const outcomes = await Promise.all(puts)
    assert.equal(outcomes.filter(outcome => outcome === 'stored').length, 1)
    assert.equal((await store.stat(large.id))?.references.length, 8)
    assert.equal(filesIn(directory).length, 1)
    assert.equal(store.usage.fragments, 1)
  }))

test('an aborted put leaves nothing and does not wait for its sender', () =>
  withStore(async ({ store, directory }) => {
    const controller = new AbortController()
    const cells = (async function* () {
      yield large.cells[0] as Uint8Array
      controller.abort(new Error('enough'))
      yield await new Promise<Uint8Array>(() => undefined)
    })()
    const put = store.put(large.id, { ...putOf(large), signal: controller.signal }, cells)
    await assert.rejects(put, /enough/)
    assert.deepEqual(filesIn(directory), [])
  }))

test('more puts than allowed are BUSY', () =>
  withStore(
    async ({ store }) => {
      const first = store.put(large.id, putOf(large), large.cells)
      await rejectsWith('BUSY', store.put(small.id, putOf(small), small.cells))
      await first
      await store.put(small.id, putOf(small), small.cells)
    },
    { putsMax: 1 },
  ))

test('listing and reconciling go through all fragments in pages', () =>
  withStore(async ({ store }) => {
    const fragments = Array.from({ length: 9 }, () => fragmentOf(random.bytes(64)))
    for (const fragment of fragments) await store.put(fragment.id, putOf(fragment), fragment.cells)
    const seen: string[] = []
    for (let after: string | undefined; ;) {
      const page = await store.list(after === undefined ? { limit: 4 } : { after, limit: 4 })
      seen.push(...page.map(({ id }) => id))
      after = page.at(-1)?.id
      if (after === undefined) break
    }
    assert.deepEqual(seen.toSorted(), fragments.map(({ id }) => id).toSorted())
    const [first, ...others] = seen as [string, ...string[]]
    const listed = [...others, small.id].toSorted((a, b) =>
      Buffer.compare(names.decode(a), names.decode(b)),
    )
    const differences = []
    for await (const difference of store.reconcile(listed)) differences.push(difference)
    assert.deepEqual(
      differences.toSorted((a, b) => a.kind.localeCompare(b.kind)),
      [
        { id: small.id, kind: 'missing' },
        { id: first, kind: 'unlisted' },
      ],
    )
  }))

test('any size and any range of cells comes back as it was put', () =>
  withStore(async ({ store }) => {
    const sizes = fc.oneof(fc.integer({ min: 1, max: 2_050 }), fc.integer({ min: 1, max: 40_000 }))
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), fc.nat(), fc.nat(), async (lanes, seed, a, b) => {
        const fragment = fragmentOf(new Prng(seed).bytes(lanes * 64))
        await store.put(fragment.id, putOf(fragment), fragment.cells)
        const from = a % (fragment.cells.length + 1)
        const to = from + (b % (fragment.cells.length - from + 1))
        const cells: Uint8Array[] = []
        for await (const cell of store.read(fragment.id, { from, to })) cells.push(cell)
        assert.deepEqual(
          Buffer.concat(cells),
          Buffer.from(fragment.bytes.subarray(from * 65_536, to * 65_536)),
        )
      }),
      { numRuns: 40 },
    )
  }))

test('the heads of the files are found again without the records', () =>
  withStore(async ({ store, directory }) => {
    await store.put(large.id, putOf(large), large.cells)
    const found = []
    for await (const salvaged of salvage(openDisk(directory), names)) found.push(salvaged)
    assert.deepEqual(
      found.map(({ id, sizeBytes, sealed }) => ({ id, sizeBytes, sealed: [...sealed] })),
      [{ id: large.id, sizeBytes: large.bytes.length, sealed: [1, 2, 3] }],
    )
  }))

/** A sender that must not be asked for anything. */
function neverAsked(): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]: () => {
      throw new Error('the cells are asked for')
    },
  }
}

/** Every fragment file, whole or not. */
function filesIn(directory: string): string[] {
  const homes = readdirSync(join(directory, 'frag')).map(name => join(directory, 'frag', name))
  return [join(directory, 'incoming'), ...homes]
    .filter(path => existsSync(path))
    .flatMap(path => readdirSync(path))
}
