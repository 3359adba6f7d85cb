import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { fromUtf8 } from '../../src/base/bytes.ts'
import { bucketPosition } from '../../src/catalog/position.ts'
import {
  getBucket,
  getDocument,
  getRegister,
  getShards,
  listBuckets,
  listRegisters,
} from '../../src/catalog/queries.ts'
import { errorOf } from '../../src/catalog/refusals.ts'
import { type Shard, ShardMap } from '../../src/catalog/shard-map.ts'
import { MemoryRows } from './memory-rows.ts'
import { codeOf, createBucket, EVERYTHING, Host, putInline } from './support.ts'

const system = (): Host => new Host(new MemoryRows(), 0)
const in0 = { group: 0 }
const at = (name: string): Uint8Array => (name === '' ? new Uint8Array(0) : fromUtf8(name))
const shard = (group: number, lo: string, hi: string, epoch: number): Shard => ({
  group,
  lo: at(lo),
  hi: at(hi),
  epoch,
  voters: [1, 2, 3],
  learners: [],
})

test('the shard map covers everything, and changes only by pieces that fit and are newer', () => {
  const host = system()
  const update = (...shards: Shard[]): string =>
    codeOf(host.do({ type: 'updateShards', shards }, in0))
  assert.equal(update(shard(1, '', 'm', 1)), 'INVALID_COMMAND')
  assert.equal(update(shard(1, '', '', 1)), 'done')
  assert.equal(update(shard(1, '', 'm', 2)), 'INVALID_COMMAND')
  assert.equal(update(shard(1, '', 'm', 2), shard(2, 'n', '', 2)), 'INVALID_COMMAND')
  assert.equal(update(shard(1, '', 'm', 1), shard(2, 'm', '', 2)), 'STALE_EPOCH')
  assert.equal(update(shard(2, 'm', '', 2), shard(1, '', 'm', 2)), 'done')
  assert.equal(update(shard(3, 'c', 'x', 5)), 'INVALID_COMMAND')
  assert.equal(update(), 'INVALID_COMMAND')
  assert.equal(update(shard(1, '', '', 3)), 'done')
  assert.deepEqual(host.see(getShards, 0), [shard(1, '', '', 3)])
})

test('a register is replaced only by whoever has seen it', () => {
  const host = system()
  const set = (value: string | undefined, ifRevision: number | undefined) =>
    host.do(
      {
        type: 'setRegister',
        name: 'key',
        ifRevision,
        value: value === undefined ? value : fromUtf8(value),
      },
      in0,
    )
  const first = set('a', 0)
  assert.ok(first.type === 'register')
  assert.equal(codeOf(set('b', 0)), 'STALE_REVISION')
  assert.equal(codeOf(set('b', first.revision)), 'register')
  assert.deepEqual(host.see(getRegister('key'), 0)?.value, fromUtf8('b').slice())
  assert.equal(codeOf(set(undefined, undefined)), 'register')
  assert.equal(host.see(getRegister('key'), 0), undefined)
  host.nowMs++
  const again = set('c', 0)
  assert.ok(again.type === 'register' && again.revision > first.revision)
})

test('registers are listed by prefix, page by page', () => {
  const host = system()
  for (const name of ['a/1', 'a/2', 'a/3', 'b', 'a']) {
    host.do({ type: 'setRegister', name, ifRevision: 0, value: fromUtf8(name) }, in0)
  }
  const list = (prefix: string, after: string, limit: number): string[] =>
    host.see(listRegisters({ prefix, after, limit }), 0).map(({ name }) => name)
  assert.deepEqual(list('a/', '', 2), ['a/1', 'a/2'])
  assert.deepEqual(list('a/', 'a/2', 2), ['a/3'])
  assert.deepEqual(list('', '', 9), ['a', 'a/1', 'a/2', 'a/3', 'b'])
  assert.deepEqual(list('a', '', 9), ['a', 'a/1', 'a/2', 'a/3'])
})

test("what is the system group's is refused in others", () => {
  const host = new Host()
  const register = { type: 'setRegister', name: 'a', ifRevision: 0, value: fromUtf8('a') } as const
  assert.equal(codeOf(host.do(register)), 'INVALID_COMMAND')
  const shards = [shard(1, '', '', 1)]
  assert.equal(codeOf(host.do({ type: 'updateShards', shards })), 'INVALID_COMMAND')
})

test('buckets are listed by position, and keep documents of their settings', () => {
  const host = new Host()
  const names = ['aaa', 'bbb', 'ccc', 'ddd']
  for (const name of names) host.do(createBucket(name))
  const first = host.see(listBuckets({ after: undefined, limit: 3 }))
  const rest = host.see(listBuckets({ after: first.at(-1)?.name, limit: 3 }))
  assert.deepEqual([...first, ...rest].map(({ name }) => name).toSorted(), names)
  const document = fromUtf8('<xml>')
  const set = { type: 'setDocument', bucket: 'aaa', name: 'cors' } as const
  assert.equal(codeOf(host.do({ ...set, document })), 'done')
  assert.equal(codeOf(host.do({ ...set, name: 'A', document })), 'INVALID_COMMAND')
  assert.equal(codeOf(host.do({ ...set, bucket: 'zzz', document })), 'NO_SUCH_BUCKET')
  assert.deepEqual(host.see(getDocument('aaa', 'cors')), document.slice())
  host.do({ ...set, document: undefined })
  assert.equal(host.see(getDocument('aaa', 'cors')), undefined)
  host.do({ ...set, document })
  host.do({ type: 'deleteBucket', bucket: 'aaa' })
  host.do(createBucket('aaa'))
  assert.equal(host.see(getDocument('aaa', 'cors')), undefined, 'they go with the bucket')
})

test('names that S3 would refuse are no buckets', () => {
  const host = new Host()
  for (const name of ['', 'ab', 'A-b', 'a..b', '-ab', 'ab-', 'a_b', 'x'.repeat(64)]) {
    const code = codeOf(host.do(createBucket(name.slice(0, 63) === name ? name : 'a_b')))
    assert.equal(code, 'INVALID_COMMAND', name)
  }
  assert.equal(codeOf(host.ask(getBucket('abc'))), 'NO_SUCH_BUCKET')
})

test('keys up to 1,024 bytes of UTF-8 are taken, others refused', () => {
  const host = new Host()
  host.do(createBucket('aaa'))
  const put = (key: string): string => codeOf(host.do(putInline({ bucket: 'aaa', key }, 'x')))
  assert.equal(put('é'.repeat(512)), 'version')
  assert.equal(put(`${'é'.repeat(511)}xy`), 'version')
  assert.equal(put('a\0b'), 'INVALID_COMMAND')
  for (const key of ['../..', '%2e', '\\', '/', '//', '🌊', '\u{ffff}'])
    assert.equal(put(key), 'version')
})

test('a refusal becomes an error with its numbers', () => {
  const error = errorOf({ code: 'TOO_FEW_PEERS', have: 2, need: 3 })
  assert.equal(error.code, 'TOO_FEW_PEERS')
  assert.match(error.message, /have 2, need 3/)
})

test('the position of a bucket is the same on every machine and in every version', () => {
  const hex = Buffer.from(bucketPosition('photos')).toString('hex')
  assert.equal(hex, POSITION_OF_PHOTOS)
})

const POSITION_OF_PHOTOS = '2e32a219bddc8cca70686f746f7300'

const shards = fc.array(
  fc.record({
    group: fc.integer({ min: 1, max: 3 }),
    lo: fc.integer({ min: 0, max: 4 }),
    size: fc.integer({ min: 1, max: 3 }),
    epoch: fc.integer({ min: 1, max: 6 }),
  }),
  { maxLength: 12 },
)

test('a copy of the shard map never holds two ranges that overlap, nor goes back to an older one', () => {
  fc.assert(
    fc.property(shards, learned => {
      const map = new ShardMap()
      for (const { group, lo, size, epoch } of learned) {
        const one = { ...EVERYTHING, lo: Uint8Array.of(lo), hi: Uint8Array.of(lo + size) }
        const before = new Map(positions.map(position => [position, map.find(position)?.epoch]))
        const isNew = map.learn({ ...one, group, epoch, voters: [], learners: [] })
        for (const position of positions) {
          const found = map.find(position)
          const known = before.get(position) ?? 0
          const isInside = (position[0] as number) >= lo && (position[0] as number) < lo + size
          if (isNew && isInside) assert.ok(found?.group === group && epoch >= known)
          if (!isNew) assert.equal(found?.epoch ?? 0, known)
        }
      }
      for (const [index, one] of map.shards.entries()) {
        const next = map.shards[index + 1]
        assert.ok(next === undefined || (one.hi[0] as number) <= (next.lo[0] as number))
      }
    }),
    { numRuns: 500 },
  )
})

const positions = [0, 1, 2, 3, 4, 5, 6, 7].map(first => Uint8Array.of(first, 1))
