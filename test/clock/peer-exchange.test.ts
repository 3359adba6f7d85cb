import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import {
  decodeAsk,
  decodeTelling,
  encodeAsk,
  encodeTelling,
  type PeerTelling,
} from '../../src/clock/peer-exchange.ts'

const telling: PeerTelling = {
  id: 7,
  receivedMs: 1_767_225_600_000.25,
  sentMs: 1_767_225_600_000.5,
  boundMs: 1.5,
  rootAgeMs: 2_000,
  status: 'HOLDOVER',
  basis: 'network',
}

test('a question comes back', () => assert.equal(decodeAsk(encodeAsk(2 ** 40)), 2 ** 40))

test('an answer comes back, an unknown bound too', () => {
  assert.deepEqual(decodeTelling(encodeTelling(telling)), telling)
  const unknown = { ...telling, boundMs: Infinity, rootAgeMs: Infinity }
  assert.deepEqual(decodeTelling(encodeTelling(unknown)), unknown)
})

for (const [what, change] of [
  ['sent before it was received', { sentMs: 0 }],
  ['with a negative bound', { boundMs: -1 }],
  ['with an age that is no number', { rootAgeMs: Number.NaN }],
] as const) {
  test(`an answer ${what} is none`, () =>
    assert.equal(decodeTelling(encodeTelling({ ...telling, ...change })), undefined))
}

test('an unknown version, status or basis is none', () => {
  for (const at of [0, 41, 42]) {
    const bytes = encodeTelling(telling)
    bytes[at] = 99
    assert.equal(decodeTelling(bytes), undefined)
  }
})

test('any bytes are either a message or none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
      decodeAsk(bytes)
      const decoded = decodeTelling(bytes)
      if (decoded !== undefined) assert.deepEqual(encodeTelling(decoded), bytes)
    }),
  )
})
