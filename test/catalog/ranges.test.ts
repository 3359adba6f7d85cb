import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import type { Place } from '../../src/catalog/position.ts'
import { checkInvariants } from './invariants.ts'
import { playCopyAcross, Split, splitHost } from './split.ts'
import { codeOf, contentId, deleteKey, putInline } from './support.ts'

test('a catalog in ranges answers as it does whole, and is the same when merged', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), seed => new Split(seed).playAll(4)),
    { numRuns: 30 },
  )
})

const at = { bucket: 'aaa', key: 'm' }
const low = { bucket: 'aaa', key: 'a' }
const high = { bucket: 'aaa', key: 'z' }

test('a split leaves each half its own places, under a new epoch', () => {
  const host = splitHost()
  assert.equal(codeOf(host.do(putInline(high, 'x'))), 'OUT_OF_RANGE')
  assert.equal(codeOf(host.do(putInline(high, 'x'), { group: 2 })), 'version')
  assert.equal(codeOf(host.do(putInline(low, 'x'), { epoch: 1 })), 'STALE_EPOCH')
  assert.equal(codeOf(host.do(putInline(low, 'x'))), 'version')
  assert.deepEqual([host.range(1)?.epoch, host.range(2)?.epoch], [2, 2])
})

test('a place outside the range, its start, or a group there is cannot be split off', () => {
  const host = splitHost()
  const split = (place: Place, child: number, group: number): string =>
    codeOf(host.do({ type: 'splitRange', at: place, child }, { group }))
  assert.equal(split(high, 3, 1), 'INVALID_COMMAND')
  assert.equal(split(at, 3, 2), 'INVALID_COMMAND')
  assert.equal(split(high, 1, 2), 'INVALID_COMMAND')
  assert.equal(split(high, 2, 2), 'INVALID_COMMAND')
  assert.equal(split({ bucket: 'A', key: '' }, 3, 1), 'INVALID_COMMAND')
  assert.equal(split(high, 3, 2), 'range')
})

test('a frozen range refuses everything until it is thawed', () => {
  const host = splitHost()
  host.do({ type: 'freezeRange' }, { group: 2 })
  assert.equal(codeOf(host.do(putInline(high, 'x'), { group: 2 })), 'RANGE_FROZEN')
  assert.equal(codeOf(host.do({ type: 'collect', rows: 1 }, { group: 2 })), 'RANGE_FROZEN')
  host.do({ type: 'thawRange' }, { group: 2 })
  assert.equal(codeOf(host.do(putInline(high, 'x'), { group: 2 })), 'version')
})

test('only a frozen right neighbour of the known epoch is absorbed', () => {
  const host = splitHost()
  const absorb = (group: number, epoch: number, into = 1): string =>
    codeOf(host.do({ type: 'absorbRange', group, epoch }, { group: into }))
  assert.equal(absorb(2, 2), 'INVALID_COMMAND')
  host.do({ type: 'freezeRange' }, { group: 2 })
  assert.equal(absorb(2, 2), 'STALE_EPOCH')
  assert.equal(absorb(9, 1), 'OUT_OF_RANGE')
  assert.equal(absorb(2, 3), 'range')
  assert.equal(host.range(2), undefined)
  assert.equal(codeOf(host.do(putInline(high, 'x'))), 'version')
})

test('a bucket in two ranges is deleted only once it is frozen and empty in both', () => {
  const host = splitHost()
  host.do(putInline(high, 'x'), { group: 2 })
  const drop = (): string => codeOf(host.do({ type: 'deleteBucket', bucket: 'aaa' }))
  assert.equal(drop(), 'INVALID_COMMAND')
  const change = { type: 'changeBucket', bucket: 'aaa', ifRevision: undefined } as const
  const frozen = {
    versioning: 'off',
    hasLock: false,
    retention: undefined,
    isFrozen: true,
  } as const
  const result = host.do({ ...change, ...frozen })
  assert.ok(result.type === 'bucket')
  const { record } = result
  const mirror = (): string =>
    codeOf(host.do({ type: 'mirrorBucket', bucket: 'aaa', record }, { group: 2 }))
  assert.equal(mirror(), 'BUCKET_NOT_EMPTY')
  host.do(deleteKey(high), { group: 2 })
  assert.equal(mirror(), 'done')
  assert.equal(codeOf(host.do(putInline(high, 'x'), { group: 2 })), 'BUCKET_FROZEN')
  assert.equal(drop(), 'done')
  host.do({ type: 'mirrorBucket', bucket: 'aaa', record: undefined }, { group: 2 })
  assert.equal(codeOf(host.do(putInline(high, 'x'), { group: 2 })), 'NO_SUCH_BUCKET')
  checkInvariants(host.store.rows)
})

test('an object copied into another range keeps its content alive until it is deleted', () => {
  playCopyAcross()
})

test('a copy whose writer was given up on cannot appear later', () => {
  const host = splitHost()
  const untilMs = host.nowMs + 1_000
  const [content, holder] = [contentId(1), contentId(2)]
  const fence = { type: 'releaseContent', ...high, content: holder } as const
  assert.deepEqual(host.do(fence, { group: 2 }), { type: 'content', state: 'released' })
  const body = { type: 'shared', content: { ...low, content }, holder, parts: 0, untilMs } as const
  assert.equal(codeOf(host.do(putInline(high, '', { body }), { group: 2 })), 'WRITE_EXPIRED')
})
