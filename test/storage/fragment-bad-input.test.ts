import assert from 'node:assert/strict'
import { copyFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import type { Disk } from '../../src/base/environment.ts'
import type { Failure } from '../../src/base/errors.ts'
import { Prng } from '../../src/base/prng.ts'
import { CheckedDisk } from '../../src/storage/disk.ts'
import { recordKey } from '../../src/storage/fragment-record.ts'
import type { FragmentStore } from '../../src/storage/fragment-store.ts'
import { LevelKeyValue } from '../../src/storage/level-key-value.ts'
import { pooledCalls, type SystemCalls } from '../../src/storage/system-calls.ts'
import { rejectsWith } from '../support/expect.ts'
import { fragmentOf, names, nameOf, type TestFragment } from '../support/fragments.ts'
import { listsNothing, putOf, readAll, type StoreUnderTest, withStore } from './fragment-support.ts'

const random = new Prng(2)
const small = fragmentOf(random.bytes(4_096))
const large = fragmentOf(random.bytes(3 * 65_536 + 640))
const other = fragmentOf(random.bytes(3 * 65_536 + 640))

/** The bytes with a bit flipped, in cells. */
function spoiled({ bytes }: TestFragment): Uint8Array[] {
  const copy = bytes.slice()
  copy[copy.length - 5] = (copy[copy.length - 5] as number) ^ 4
  return [...fragmentOf(copy).cells]
}

const refusedPuts: [string, Failure['code'], (store: FragmentStore) => Promise<unknown>][] = [
  [
    'of other bytes',
    'FRAGMENT_CORRUPT',
    store => store.put(large.id, putOf(large), spoiled(large)),
  ],
  [
    'of one other cell',
    'FRAGMENT_CORRUPT',
    store => store.put(small.id, putOf(small), spoiled(small)),
  ],
  [
    'under the name of another',
    'FRAGMENT_CORRUPT',
    store => store.put(other.id, putOf(large), large.cells),
  ],
  [
    'that ends early',
    'FRAGMENT_CORRUPT',
    store => store.put(large.id, putOf(large), large.cells.slice(0, -1)),
  ],
  [
    'that goes on',
    'FRAGMENT_CORRUPT',
    store => store.put(large.id, putOf(large), [...large.cells, large.bytes.subarray(0, 64)]),
  ],
  [
    'with a short cell in the middle',
    'CELL_SIZE',
    store => store.put(large.id, putOf(large), [large.bytes.subarray(0, 640), ...large.cells]),
  ],
  [
    'of a size that is no multiple of 64',
    'CELL_SIZE',
    store => store.put(small.id, { ...putOf(small), sizeBytes: 100 }, small.cells),
  ],
  ['of no bytes', 'CELL_SIZE', store => store.put(small.id, { ...putOf(small), sizeBytes: 0 }, [])],
  [
    'of half a byte',
    'CELL_SIZE',
    store => store.put(small.id, { ...putOf(small), sizeBytes: 64.5 }, []),
  ],
  [
    'of more than a segment',
    'TOO_LARGE',
    store => store.put(large.id, { ...putOf(large), sizeBytes: 16_777_280 }, []),
  ],
  [
    'with too much sealed',
    'TOO_LARGE',
    store => store.put(small.id, { ...putOf(small), sealed: new Uint8Array(2_049) }, small.cells),
  ],
  [
    'with a path for a name',
    'MALFORMED',
    store => store.put('../../etc/passwd', putOf(small), small.cells),
  ],
  [
    'with an upper-case name',
    'MALFORMED',
    store => store.put(small.id.toUpperCase(), putOf(small), small.cells),
  ],
  [
    'with half a name',
    'MALFORMED',
    store => store.put(small.id.slice(0, 30), putOf(small), small.cells),
  ],
]
for (const [what, code, put] of refusedPuts) {
  test(`a put ${what} is ${code} and leaves nothing`, () =>
    withStore(async ({ store, directory }) => {
      await rejectsWith(code, put(store))
      assert.deepEqual(await store.list(), [])
      assert.deepEqual(readdirSync(join(directory, 'incoming')), [])
      assert.equal(store.usage.usedBytes, 0)
      assert.equal(await store.put(large.id, putOf(large), large.cells), 'stored')
    }))
}

test('a name that is none is MALFORMED wherever it is given', () =>
  withStore(async ({ store }) => {
    const name = nameOf(1)
    await rejectsWith('MALFORMED', store.stat('..'))
    await rejectsWith('MALFORMED', store.commit('a/b', name))
    await rejectsWith('MALFORMED', store.release('', name, 0))
    await rejectsWith('MALFORMED', readAll(store, '\0'))
    await rejectsWith('MALFORMED', store.reveal('x'.repeat(59), 0))
    await rejectsWith('MALFORMED', store.list({ after: '../x' }))
  }))

const pathOf = (directory: string, { id }: TestFragment): string =>
  join(directory, 'frag', Buffer.from(names.decode(id).slice(4, 5)).toString('hex'), id)

/** Damages the file of `large`, and expects a reader and the scrubber to notice. */
function noticesDamage(what: string, damage: (path: string, directory: string) => void): void {
  for (const finder of ['a reader', 'the scrubber'] as const) {
    test(`${finder} finds ${what}, and a new put repairs it`, () =>
      withStore(async ({ store, directory, findings }) => {
        await store.put(large.id, putOf(large), large.cells)
        await store.commit(large.id, nameOf(1))
        damage(pathOf(directory, large), directory)
        if (finder === 'a reader') await rejectsWith('FRAGMENT_CORRUPT', readAll(store, large.id))
        else assert.equal((await store.scrubber.pass()).rotten, 1)
        assert.equal(findings.length, 1)
        assert.equal((await store.stat(large.id))?.isRotten, true)
        assert.equal(await store.put(large.id, putOf(large, 2), large.cells), 'stored')
        assert.deepEqual(await readAll(store, large.id), Buffer.from(large.bytes))
        assert.equal((await store.stat(large.id))?.references.length, 2)
      }))
  }
}

const flip = (at: number) => (path: string) => {
  const bytes = readFileSync(path)
  const position = at < 0 ? bytes.length + at : at
  bytes[position] = (bytes[position] as number) ^ 1
  writeFileSync(path, bytes)
}
noticesDamage('a flipped bit in the fixed part of a head', flip(46))
noticesDamage('a flipped bit in a sealed header', flip(55))
noticesDamage('a flipped bit in a leaf', flip(70))
noticesDamage('a flipped bit in the padding of a head', flip(3_000))
noticesDamage('a flipped bit in the first cell', flip(4_096))
noticesDamage('a flipped bit in the last cell', flip(-1))
noticesDamage('a truncated file', path => writeFileSync(path, readFileSync(path).subarray(0, -64)))
noticesDamage('an empty file', path => writeFileSync(path, ''))
noticesDamage('an extended file', path => writeFileSync(path, new Uint8Array(64), { flag: 'a' }))
noticesDamage('a file that is gone', path => rmSync(path))

test('a valid fragment under the name of another is not served', () =>
  withStore(async ({ store, directory }) => {
    await store.put(large.id, putOf(large), large.cells)
    await store.put(other.id, putOf(other), other.cells)
    copyFileSync(pathOf(directory, other), pathOf(directory, large))
    await rejectsWith('FRAGMENT_CORRUPT', readAll(store, large.id))
    assert.deepEqual(await readAll(store, other.id), Buffer.from(other.bytes))
  }))

test('what is half written is gone after a restart', () =>
  withStore(async ({ store, directory, reopen }) => {
    await store.put(large.id, putOf(large), large.cells)
    const again = await reopen(() => {
      writeFileSync(join(directory, 'incoming', `17.${other.id}`), 'half')
      // Not what the record means either, though of its fragment.
      writeFileSync(join(directory, 'incoming', `17.${large.id}`), 'half')
      writeFileSync(join(directory, 'incoming', 'what is this'), '')
    })
    assert.deepEqual(again.recovered, { moved: 0, removed: 3 })
    assert.deepEqual(readdirSync(join(directory, 'incoming')), [])
    assert.deepEqual(await readAll(again, large.id), Buffer.from(large.bytes))
  }))

for (const [what, fragment] of [
  ['one cell', small],
  ['several cells', large],
] as const) {
  test(`who needs a fragment of ${what} whose record is lost is not forgotten by the next put`, () =>
    withStore(async ({ store, directory, reopen, clock, findings }) => {
      await store.put(fragment.id, putOf(fragment, 1), fragment.cells)
      await store.commit(fragment.id, nameOf(1))
      const again = await reopenSpoiled(directory, reopen, fragment)
      assert.equal(await again.put(fragment.id, putOf(fragment, 2), fragment.cells), 'stored')
      assert.equal(findings.length, 1)
      await again.release(fragment.id, nameOf(2), 0)
      clock.nowMs += 1_000
      assert.equal((await again.collect(listsNothing)).removed, 0)
      assert.deepEqual(await readAll(again, fragment.id), Buffer.from(fragment.bytes))
    }))

  test(`the collector does not touch a fragment of ${what} whose record is lost`, () =>
    withStore(async ({ store, directory, reopen, clock }) => {
      await store.put(fragment.id, putOf(fragment, 1), fragment.cells)
      await store.commit(fragment.id, nameOf(1))
      await store.put(fragment.id, { ...putOf(fragment, 2), leaseMs: 10 }, fragment.cells)
      let again = await reopenSpoiled(directory, reopen, fragment)
      clock.nowMs += 20
      assert.deepEqual(await again.collect(listsNothing), { ended: 0, kept: 0, removed: 0 })
      again = await reopen()
      assert.equal((await again.scrubber.pass()).rotten, 1)
      assert.deepEqual(await readAll(again, fragment.id), Buffer.from(fragment.bytes))
    }))
}

test('a whole file that came in stays although its record is lost; half a one goes', () =>
  withStore(async ({ store, directory, reopen }) => {
    await store.put(large.id, putOf(large), large.cells)
    const incoming = (number: number) => join(directory, 'incoming', `${number}.${large.id}`)
    const again = await reopenSpoiled(directory, reopen, large, () => {
      renameSync(pathOf(directory, large), incoming(17))
      writeFileSync(incoming(18), readFileSync(incoming(17)).subarray(0, -65_536))
    })
    assert.deepEqual(again.recovered, { moved: 1, removed: 1 })
    await again.scrubber.pass()
    assert.deepEqual(await readAll(again, large.id), Buffer.from(large.bytes))
  }))

test('a store of another network is refused, and so is one with cells of another size', () =>
  withStore(async ({ reopen }) => {
    const networkId = new Uint8Array(32).fill(1)
    await rejectsWith('FOREIGN_STORE', reopen(undefined, { networkId }))
    await rejectsWith('FOREIGN_STORE', reopen(undefined, { cellBytes: 4_096 }))
  }))

test('a store whose records are gone is CORRUPT, not empty', () =>
  withStore(async ({ reopen, directory }) => {
    await rejectsWith(
      'CORRUPT',
      reopen(() => rmSync(join(directory, 'keys'), { recursive: true })),
    )
  }))

test('a store that is full refuses puts, serves reads, and resumes', () =>
  withStore(
    async ({ store, clock }) => {
      await store.put(large.id, putOf(large), large.cells)
      await rejectsWith('STORE_READONLY', store.put(other.id, putOf(other), other.cells))
      assert.deepEqual(await readAll(store, large.id), Buffer.from(large.bytes))
      await store.release(large.id, nameOf(1), 0)
      clock.nowMs += 1_000
      await store.collect(listsNothing)
      assert.equal(await store.put(other.id, putOf(other), other.cells), 'stored')
    },
    { capacityBytes: 300_000 },
  ))

test('room that was promised to puts under way is not promised again', () =>
  withStore(
    async ({ store, clock }) => {
      const begun = Promise.withResolvers<void>()
      const goOn = Promise.withResolvers<void>()
      const slowly = (async function* () {
        begun.resolve()
        await goOn.promise
        yield* large.cells
      })()
      const first = store.put(large.id, putOf(large), slowly)
      await begun.promise
      // The disk is asked again, and has still as much room as before.
      clock.nowMs += 1_000
      await rejectsWith('STORE_READONLY', store.put(other.id, putOf(other), other.cells))
      goOn.resolve()
      assert.equal(await first, 'stored')
    },
    {
      reserveBytes: 0,
      diskOf: directory =>
        new CheckedDisk({ ...pooledCalls(directory), freeBytes: async () => 300_000 }),
    },
  ))

test('nothing is changed any more once a sync has failed, small or large', () => {
  const failing = new Failing()
  return withStore(async ({ store }) => {
    await store.put(small.id, putOf(small), small.cells)
    failing.next = { call: 'datasync', code: 'EIO', after: 0 }
    await rejectsWith('DISK_FAILED', store.put(large.id, putOf(large), large.cells))
    failing.next = undefined
    await rejectsWith('DISK_FAILED', store.put(small.id, putOf(small, 2), small.cells))
    await rejectsWith('DISK_FAILED', store.commit(small.id, nameOf(1)))
    await rejectsWith('DISK_FAILED', store.collect(listsNothing))
  }, failing)
})

test('a lease and a grace are durations', () =>
  withStore(async ({ store }) => {
    await store.put(other.id, putOf(other), other.cells)
    for (const ms of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
      const put = { ...putOf(other, 2), leaseMs: ms }
      await assert.rejects(store.put(other.id, put, other.cells), RangeError)
      await assert.rejects(store.release(other.id, nameOf(1), ms), RangeError)
    }
    assert.equal((await store.stat(other.id))?.references.length, 1)
  }))

/** System calls of which one may be made to fail. */
class Failing {
  next: { readonly call: keyof SystemCalls; readonly code: string; after: number } | undefined

  readonly diskOf = (directory: string): Disk =>
    new CheckedDisk(
      new Proxy(pooledCalls(directory), {
        get: (calls, call: keyof SystemCalls) => {
          if (this.next?.call !== call || this.next.after-- > 0) return calls[call]
          const { code } = this.next
          return () => Promise.reject(Object.assign(new Error(code), { code }))
        },
      }),
    )
}

const failures: [string, keyof SystemCalls, string, Failure['code'], number][] = [
  ['a directory that may not be written', 'open', 'EACCES', 'FILE_FORBIDDEN', 0],
  ['a disk that is full at once', 'write', 'ENOSPC', 'DISK_FULL', 0],
  ['a disk that fills in the middle', 'write', 'ENOSPC', 'DISK_FULL', 1],
  ['a write that fails', 'write', 'EIO', 'DISK_IO', 1],
  ['a sync of the file that fails', 'datasync', 'EIO', 'DISK_FAILED', 0],
  ['a sync of the directory that fails', 'syncDirectory', 'EIO', 'DISK_FAILED', 0],
]
for (const [what, call, systemCode, code, after] of failures) {
  const failing = new Failing()
  test(`${what} is ${code}; nothing acknowledged is lost, nothing partial left`, () =>
    withStore(async ({ store, directory, reopen }) => {
      await store.put(other.id, putOf(other), other.cells)
      failing.next = { call, code: systemCode, after }
      await rejectsWith(code, store.put(large.id, putOf(large), large.cells))
      failing.next = undefined
      if (code === 'DISK_FAILED') {
        await rejectsWith(code, store.put(large.id, putOf(large), large.cells))
      }
      const again = await reopen()
      assert.deepEqual(await readAll(again, other.id), Buffer.from(other.bytes))
      assert.equal(await again.stat(large.id), undefined)
      assert.deepEqual(readdirSync(join(directory, 'incoming')), [])
      assert.equal(await again.put(large.id, putOf(large), large.cells), 'stored')
    }, failing))
}

/** Flips a bit in the record of a fragment while the store is closed. */
function reopenSpoiled(
  directory: string,
  reopen: StoreUnderTest['reopen'],
  { id }: TestFragment,
  between: () => void = () => undefined,
): Promise<FragmentStore> {
  return reopen(async () => {
    const keyValue = await LevelKeyValue.open(join(directory, 'keys'))
    const key = recordKey(names.decode(id))
    const value = (await keyValue.get(key)) as Uint8Array
    value[3] = (value[3] as number) ^ 1
    await keyValue.batch([{ key, value }], { sync: true })
    await keyValue.close()
    between()
  })
}
