import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { compare } from '../../src/base/bytes.ts'
import { codeOf } from '../../src/base/errors.ts'
import {
  compareTimestamps,
  COUNT_MAX,
  decodeTimestamp,
  encodeTimestamp,
  MS_MAX,
} from '../../src/clock/timestamp.ts'

const timestamps = fc.record(
  {
    ms: fc.integer({ min: 0, max: MS_MAX }),
    count: fc.integer({ min: 0, max: COUNT_MAX }),
  },
  { noNullPrototype: true },
)

test('bytes bring the timestamp back, and sort as it does', () => {
  fc.assert(
    fc.property(timestamps, timestamps, (a, b) => {
      assert.deepEqual(decodeTimestamp(encodeTimestamp(a)), a)
      const order = compare(encodeTimestamp(a), encodeTimestamp(b))
      assert.equal(Math.sign(order), Math.sign(compareTimestamps(a, b)))
    }),
  )
})

test('anything but eight bytes is malformed', () => {
  for (const size of [0, 7, 9]) {
    assert.throws(
      () => decodeTimestamp(new Uint8Array(size)),
      error => codeOf(error) === 'MALFORMED',
    )
  }
})
