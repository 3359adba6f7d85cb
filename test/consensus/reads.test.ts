import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Reads } from '../../src/consensus/reads.ts'

test('one round answers everything that waited when it began', () => {
  const reads = new Reads(0)
  reads.add([1, 2])
  assert.equal(reads.wantsRound, true)
  const round = reads.begin(0, 7)
  reads.add([3])
  // A later read does not ask for a round of its own while one is out.
  assert.equal(reads.wantsRound, false)
  assert.deepEqual(
    reads.confirm(round).map(({ ids, index }) => [ids, index]),
    [[[1, 2], 7]],
  )
  assert.equal(reads.wantsRound, true)
})

test('an answer to an earlier round confirms nothing', () => {
  const reads = new Reads(0)
  const early = reads.begin(0, 7)
  reads.add([1])
  reads.begin(0, 7)
  assert.deepEqual(reads.confirm(early), [])
})

test('an answer to a later round confirms the earlier ones', () => {
  const reads = new Reads(0)
  reads.add([1])
  reads.begin(0, 7)
  reads.add([2])
  const later = reads.begin(0, 8)
  assert.deepEqual(
    reads.confirm(later).map(({ ids, index }) => [ids, index]),
    [
      [[1], 7],
      [[2], 8],
    ],
  )
})

test('reads wait as long as nobody knows what is committed', () => {
  const reads = new Reads(0)
  reads.add([1])
  reads.confirm(reads.begin(0, undefined))
  assert.equal(reads.waiting, 1)
  assert.equal(reads.confirm(reads.begin(0, 7)).length, 1)
})

test('a lease runs from when its round was sent', () => {
  const reads = new Reads(250)
  const round = reads.begin(1_000, 7)
  assert.equal(reads.hasLease(1_000), false)
  reads.confirm(round)
  assert.equal(reads.hasLease(1_249), true)
  assert.equal(reads.hasLease(1_250), false)
})

test('leases that have ended do not come back', () => {
  const reads = new Reads(250)
  reads.confirm(reads.begin(1_000, 7))
  reads.endLeases()
  assert.equal(reads.hasLease(1_001), false)
  reads.confirm(reads.begin(1_010, 7))
  assert.equal(reads.hasLease(1_011), false)
})

test('whoever waits when the leader ends is named once', () => {
  const reads = new Reads(0)
  reads.add([1])
  reads.begin(0, 7)
  reads.add([2])
  assert.deepEqual(reads.abandon(), [1, 2])
  assert.deepEqual(reads.abandon(), [])
})
