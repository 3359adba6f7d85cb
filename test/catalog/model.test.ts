import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { Twins } from './twins.ts'

const STEPS = 150

/** What must occur, so that agreement means something. */
const outcomes = [
  'addSegments ok',
  'changeBucket ok',
  'completeUpload ok',
  'completeUpload INVALID_PART',
  'copyObject ok',
  'copyPart ok',
  'deleteBucket BUCKET_NOT_EMPTY',
  'deleteObject ok',
  'deleteObject OBJECT_LOCKED',
  'disown ok',
  'place ok',
  'place STALE_REVISION',
  'putObject ok',
  'putObject CONTENT_TAKEN',
  'putObject PRECONDITION_FAILED',
  'putObject WRITE_EXPIRED',
  'putPart ok',
  'recut ok',
  'setLock ok',
  'setTags ok',
  'sweepContents ok',
]

test('the catalog and a naive model agree on every result, list and row', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), seed => new Twins(seed).play(STEPS)),
    { numRuns: 30 },
  )
})

test('random commands meet every outcome often enough to mean something', () => {
  const counts = new Map<string, number>()
  for (let seed = 1; seed <= 20; seed++) {
    const twins = new Twins(seed)
    for (let step = 0; step < STEPS; step++) twins.step()
    for (const [what, count] of twins.counts) counts.set(what, (counts.get(what) ?? 0) + count)
  }
  const rare = outcomes.filter(what => (counts.get(what) ?? 0) < 3)
  assert.deepEqual(rare, [])
})
