import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { decodeReference, encodeReference } from '../../../src/node/fragments/fragment-reference.ts'
import { OriginSeal } from '../../../src/node/fragments/origin-seal.ts'
import type { FragmentOrigin } from '../../../src/storage/fragment-origin.ts'
import { failsWith } from '../../support/expect.ts'

const key = new Uint8Array(32).fill(7)
const origin: FragmentOrigin = {
  networkId: new Uint8Array(32).fill(1),
  bucket: 'films',
  key: 'holiday.mp4',
  version: '17',
  objectBytes: 123_456,
  objectSegments: 1,
  segment: 0,
  segmentBytes: 123_480,
  k: 4,
  m: 2,
  index: 3,
  envelope: new Uint8Array(60).fill(9),
}

test('a sealed origin opens to what it was, and equal ones are equal', () => {
  const seal = new OriginSeal(key)
  assert.deepEqual(seal.open(seal.seal(origin)), origin)
  assert.deepEqual(seal.seal(origin), new OriginSeal(key).seal(origin))
  assert.notDeepEqual(seal.seal(origin), seal.seal({ ...origin, index: 2 }))
})

test('an origin opens under its own key only, and only whole', () => {
  const sealed = new OriginSeal(key).seal(origin)
  failsWith('CORRUPT', () => new OriginSeal(new Uint8Array(32)).open(sealed))
  fc.assert(
    fc.property(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const spoiled = sealed.slice()
      spoiled[at] = (spoiled[at] as number) ^ flip
      failsWith('CORRUPT', () => new OriginSeal(key).open(spoiled))
      failsWith('CORRUPT', () => new OriginSeal(key).open(sealed.subarray(0, at)))
    }),
    { numRuns: 50 },
  )
})

test('a reference names content, blob, segment and generation', () => {
  const reference = {
    content: new Uint8Array(16).fill(1),
    blob: new Uint8Array(8).fill(2),
    segment: 70_000,
    generation: 3,
  }
  assert.deepEqual(decodeReference(encodeReference(reference)), reference)
  failsWith('MALFORMED', () => decodeReference(new Uint8Array(30)))
})
