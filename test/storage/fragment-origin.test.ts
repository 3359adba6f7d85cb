import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import {
  decodeOrigin,
  encodeOrigin,
  type FragmentOrigin,
} from '../../src/storage/fragment-origin.ts'
import { SEALED_BYTES_MAX } from '../../src/storage/fragment-record.ts'
import { rejectsWith } from '../support/expect.ts'

/** What encryption adds: a nonce and a tag. */
const SEAL_BYTES = 12 + 16

const text = (maxLength: number): fc.Arbitrary<string> => fc.string({ maxLength })
const byte = fc.integer({ min: 0, max: 255 })
const anyOrigin: fc.Arbitrary<FragmentOrigin> = fc.record({
  networkId: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  bucket: text(63),
  key: text(1_024),
  version: text(64),
  objectBytes: fc.maxSafeNat(),
  objectSegments: fc.nat(),
  segment: fc.nat(),
  segmentBytes: fc.nat(),
  k: byte,
  m: byte,
  index: byte,
  envelope: fc.uint8Array({ maxLength: 512 }),
})

test('an origin comes back as it was, and fits sealed into a header', () =>
  fc.assert(
    fc.property(anyOrigin, origin => {
      const bytes = encodeOrigin(origin)
      assert.deepEqual(decodeOrigin(bytes), { ...origin })
      assert.ok(bytes.length + SEAL_BYTES <= SEALED_BYTES_MAX)
    }),
  ))

test('an origin cut anywhere or of an unknown version is MALFORMED', async () => {
  const [origin] = fc.sample(anyOrigin, { seed: 1, numRuns: 1 })
  const bytes = encodeOrigin(origin as FragmentOrigin)
  for (let size = 1; size < bytes.length; size++) {
    const cut = bytes.subarray(0, size)
    await rejectsWith(
      'MALFORMED',
      Promise.resolve().then(() => decodeOrigin(cut)),
    )
  }
  const foreign = bytes.slice()
  foreign[0] = 9
  await rejectsWith(
    'MALFORMED',
    Promise.resolve().then(() => decodeOrigin(foreign)),
  )
})
