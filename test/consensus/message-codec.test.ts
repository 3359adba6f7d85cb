import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { codeOf } from '../../src/base/errors.ts'
import type { Entry, EntryKind } from '../../src/consensus/entry.ts'
import { decodeMessages, encodeMessages, type Envelope } from '../../src/consensus/message-codec.ts'
import type { Message } from '../../src/consensus/message.ts'
import { failsWith } from '../support/expect.ts'

const number = fc.maxSafeNat()
const mark = fc.record({ index: number, term: number })
const flag = fc.boolean()
const ends = { from: fc.string({ maxLength: 40 }), to: fc.string({ maxLength: 40 }), term: number }

/** Entries that follow each other, none of a later term than the message. */
const appends = fc
  .record({
    ...ends,
    commit: number,
    previous: fc.record({ index: fc.nat(1e9), term: fc.nat(100) }),
    list: fc.array(
      fc.record({
        rise: fc.nat(3),
        kind: fc.constantFrom<EntryKind>('noop', 'command', 'configuration'),
        data: fc.uint8Array({ maxLength: 30 }),
      }),
      { maxLength: 8 },
    ),
  })
  .map(({ from, to, commit, previous, list }): Message => {
    const entries: Entry[] = []
    let { index, term } = previous
    for (const { rise, kind, data } of list) {
      term += rise
      entries.push({ index: ++index, term, kind, data })
    }
    return { type: 'append', from, to, term, commit, previous, entries }
  })

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ type: fc.constant('preVote' as const), ...ends, last: mark }),
  fc.record({ type: fc.constant('preVoteAnswer' as const), ...ends, isGranted: flag }),
  fc.record({ type: fc.constant('vote' as const), ...ends, last: mark, isTransfer: flag }),
  fc.record({ type: fc.constant('voteAnswer' as const), ...ends, isGranted: flag }),
  appends,
  fc.record({
    type: fc.constant('appendAnswer' as const),
    ...ends,
    match: number,
    miss: fc.constant(undefined),
  }),
  fc.record({
    type: fc.constant('appendAnswer' as const),
    ...ends,
    match: fc.constant(0),
    miss: fc.record({ index: number, hint: mark }),
  }),
  fc.record({ type: fc.constant('heartbeat' as const), ...ends, commit: number, round: number }),
  fc.record({ type: fc.constant('heartbeatAnswer' as const), ...ends, round: number }),
  fc.record({ type: fc.constant('timeoutNow' as const), ...ends }),
)

const envelopes = fc.array(fc.record({ group: fc.nat(), message }), { maxLength: 6 })

/** Byte arrays may be views of larger ones. */
const plain = (list: readonly Envelope[]): unknown =>
  JSON.parse(JSON.stringify(list, (_, value: unknown) => (value === undefined ? null : value)))

test('messages of many groups survive the way', () => {
  fc.assert(
    fc.property(envelopes, list => {
      assert.deepEqual(plain(decodeMessages(encodeMessages(list))), plain(list))
    }),
  )
})

test('whatever comes in, decoding ends with messages or a clear refusal', () => {
  fc.assert(
    fc.property(envelopes, fc.nat(), fc.nat(255), (list, at, byte) => {
      const bytes = encodeMessages(list)
      bytes[at % bytes.length] = byte
      try {
        decodeMessages(bytes)
      } catch (error) {
        assert.ok(['MALFORMED', 'TOO_LARGE'].includes(codeOf(error) ?? ''), String(error))
      }
    }),
    { numRuns: 1_000 },
  )
})

test('a frame that ends early is refused', () => {
  const group = 3
  const bytes = encodeMessages([
    {
      group,
      message: {
        type: 'vote',
        from: 'a',
        to: 'b',
        term: 9,
        last: { index: 5, term: 8 },
        isTransfer: true,
      },
    },
  ])
  for (let size = 2; size < bytes.length; size++) {
    failsWith('MALFORMED', () => decodeMessages(bytes.subarray(0, size)))
  }
})

test('entries whose terms fall, or are later than their leader, are refused', () => {
  const append = (term: number, terms: readonly number[]): Envelope => ({
    group: 0,
    message: {
      type: 'append',
      from: 'a',
      to: 'b',
      term,
      commit: 0,
      previous: { index: 4, term: 2 },
      entries: terms.map((each, at) => ({
        index: 5 + at,
        term: each,
        kind: 'command',
        data: new Uint8Array(0),
      })),
    },
  })
  assert.equal(decodeMessages(encodeMessages([append(3, [2, 3])])).length, 1)
  for (const wrong of [append(3, [1]), append(3, [3, 2]), append(3, [4])]) {
    failsWith('MALFORMED', () => decodeMessages(encodeMessages([wrong])))
  }
})

test('a frame of another version is refused', () => {
  failsWith('MALFORMED', () => decodeMessages(Uint8Array.of(2)))
})
