import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { codeOf } from '../../../src/base/errors.ts'
import {
  decodeJoinRequest,
  decodeWelcome,
  encodeJoinRequest,
  encodeWelcome,
  type JoinRequest,
} from '../../../src/node/admission/join-messages.ts'
import { openRecord } from '../../../src/node/admission/member-record.ts'
import {
  decodeComparison,
  decodeSpreadRequest,
  encodeComparison,
  encodeSpreadRequest,
  type SpreadRequest,
} from '../../../src/node/admission/spread-messages.ts'
import { trustIn } from '../../../src/node/admission/trust.ts'

/** Objects like those the decoders make. */
const plain = <Value>(fields: { [Key in keyof Value]: fc.Arbitrary<Value[Key]> }) =>
  fc.record<Value>(fields, { noNullPrototype: true })

const bytes = (size: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: size, maxLength: size })
const record = fc.uint8Array({ minLength: 1, maxLength: 300 })
const name = bytes(8).map(each => Buffer.from(each).toString('hex'))

const anyJoinRequest: fc.Arbitrary<JoinRequest> = fc.oneof(
  plain({ type: fc.constant('hello' as const), networkId: bytes(32), inviteId: bytes(8) }),
  plain({
    type: fc.constant('join' as const),
    inviteId: bytes(8),
    proof: bytes(32),
    zone: fc.constantFrom('', 'zone'),
  }),
  plain({ type: fc.constant('present' as const), record }),
  fc.constant({ type: 'renew' as const }),
)
const anySpreadRequest: fc.Arbitrary<SpreadRequest> = fc.oneof(
  plain({ type: fc.constant('compare' as const), names: fc.array(name) }),
  plain({ type: fc.constant('push' as const), records: fc.array(record) }),
)
const anyWelcome = plain({
  record,
  others: fc.array(record, { maxLength: 100 }),
  networkKey: fc.option(bytes(32), { nil: undefined }),
})
const anyComparison = plain({ records: fc.array(record), wanted: fc.array(name) })

test('messages come back as they were', () => {
  fc.assert(
    fc.property(anyJoinRequest, value =>
      assert.deepEqual(decodeJoinRequest(encodeJoinRequest(value)), value),
    ),
  )
  fc.assert(
    fc.property(anyWelcome, value => assert.deepEqual(decodeWelcome(encodeWelcome(value)), value)),
  )
  fc.assert(
    fc.property(anySpreadRequest, value =>
      assert.deepEqual(decodeSpreadRequest(encodeSpreadRequest(value)), value),
    ),
  )
  fc.assert(
    fc.property(anyComparison, value =>
      assert.deepEqual(decodeComparison(encodeComparison(value)), value),
    ),
  )
})

/** What decoders make of bytes that a message was spoilt into, or that never were one. */
const spoilt = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .tuple(
      fc.oneof(
        anyJoinRequest.map(encodeJoinRequest),
        anyWelcome.map(encodeWelcome),
        anySpreadRequest.map(encodeSpreadRequest),
        anyComparison.map(encodeComparison),
      ),
      fc.nat(),
      fc.nat(255),
      fc.nat(),
    )
    .map(([message, at, byte, end]) => {
      const copy = message.slice(0, (end % (message.length + 1)) + 1)
      if (copy.length > 0) copy[at % copy.length] = byte
      return copy
    }),
)

test('whatever comes in, a decoder returns a value or says MALFORMED or TOO_LARGE', () => {
  const trust = trustIn(new Uint8Array(32))
  const decoders: readonly ((input: Uint8Array) => unknown)[] = [
    decodeJoinRequest,
    decodeWelcome,
    decodeSpreadRequest,
    decodeComparison,
    input => openRecord(input, trust),
  ]
  fc.assert(
    fc.property(spoilt, input => {
      for (const decode of decoders) {
        try {
          decode(input)
        } catch (error) {
          assert.ok(
            ['MALFORMED', 'TOO_LARGE', 'UNTRUSTED'].includes(codeOf(error) ?? ''),
            String(error),
          )
        }
      }
    }),
    { numRuns: 2000 },
  )
})
