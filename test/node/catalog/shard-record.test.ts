import assert from 'node:assert/strict'
import { test } from 'node:test'

import { positionOf } from '../../../src/catalog/position.ts'
import type { RangeState } from '../../../src/catalog/records.ts'
import { tiles } from '../../../src/catalog/shard-map.ts'
import {
  decidedBy,
  type ShardRecord,
  shardRecords,
  withRange,
} from '../../../src/node/catalog/shard-record.ts'

const none = new Uint8Array(0)
const middle = positionOf({ bucket: 'aaa', key: 'm' })
const founded: ShardRecord = { ...decidedBy('a/1', undefined), state: 'founded' }
const range = (more: Partial<RangeState>): RangeState => ({
  lo: none,
  hi: none,
  epoch: 1,
  isFrozen: false,
  ...more,
})
const groupsOf = (record: ShardRecord | undefined): string =>
  (record?.shards ?? []).map(({ group, epoch }) => `${group}@${epoch}`).join(' ')

test('whoever founds again does so under another number', () => {
  const again = decidedBy('b/1', decidedBy('a/1', undefined))
  assert.deepEqual([again.founder, groupsOf(again), again.next], ['b/1', '2@1', 3])
})

test('the two halves of a split may come in any order, and never overlap', () => {
  const low = range({ hi: middle, epoch: 2 })
  const high = range({ lo: middle, epoch: 2 })
  const lowFirst = withRange(founded, 1, low)
  const highFirst = withRange(founded, 2, high)
  assert.deepEqual([groupsOf(lowFirst), groupsOf(highFirst)], ['1@2', '2@2'])
  for (const record of [
    withRange(lowFirst ?? founded, 2, high),
    withRange(highFirst ?? founded, 1, low),
  ]) {
    assert.equal(groupsOf(record), '1@2 2@2')
    assert.ok(tiles(record?.shards ?? [], { lo: none, hi: none }))
  }
})

test('what is as new as the map, or older, changes nothing', () => {
  assert.equal(withRange(founded, 1, range({})), undefined)
  const split = withRange(founded, 1, range({ hi: middle, epoch: 2 })) ?? founded
  assert.equal(withRange(split, 1, range({})), undefined)
  assert.equal(withRange(split, 3, range({ epoch: 2 })), undefined)
})

test('the map survives encoding', () => {
  const split = withRange(founded, 1, range({ hi: middle, epoch: 2 })) ?? founded
  assert.deepEqual(shardRecords.decode(shardRecords.encode(split)), split)
})
