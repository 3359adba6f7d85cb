import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { isInParts, missingParts, partsOf, uploadName } from '../../console/logic/upload-plan.ts'

/** Encrypted, this is one segment. */
const SEGMENT = 256 * 65_520
const size = fc.integer({ min: 1, max: 2 ** 43 })

test('parts are all of the file, in order, and no more than there may be', () =>
  fc.assert(
    fc.property(size, sizeBytes => {
      const parts = partsOf(sizeBytes)
      assert.ok(parts.length <= 10_000)
      assert.equal(parts[0]?.from, 0)
      assert.equal(parts.at(-1)?.to, sizeBytes)
      for (const [at, { part, from, to }] of parts.entries()) {
        assert.equal(part, at + 1)
        assert.equal(from, parts[at - 1]?.to ?? 0)
        assert.ok(to > from)
        assert.ok(at === parts.length - 1 || (to - from) % SEGMENT === 0)
      }
    }),
  ))

test('only what is missing, or cut short, is sent again', () => {
  const parts = partsOf(2.5 * SEGMENT)
  assert.equal(parts.length, 3)
  const present = [
    { part: 1, etag: 'a', sizeBytes: SEGMENT },
    { part: 2, etag: 'b', sizeBytes: 5 },
  ]
  assert.deepEqual(
    missingParts(parts, present).map(({ part }) => part),
    [2, 3],
  )
})

test('small files go whole', () =>
  assert.deepEqual([isInParts(SEGMENT), isInParts(SEGMENT + 1)], [false, true]))

test('a file that changed is another upload', () => {
  const file = { name: 'a', size: 1, lastModified: 1 }
  const name = uploadName(file, 'films', 'a')
  assert.equal(uploadName({ ...file }, 'films', 'a'), name)
  for (const other of [
    uploadName({ ...file, size: 2 }, 'films', 'a'),
    uploadName({ ...file, lastModified: 2 }, 'films', 'a'),
    uploadName(file, 'films', 'b'),
  ])
    assert.notEqual(other, name)
})
