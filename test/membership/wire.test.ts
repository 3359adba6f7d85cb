import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { BinaryWriter } from '../../src/base/binary-writer.ts'
import { codeOf } from '../../src/base/errors.ts'
import { writeAccusation } from '../../src/membership/accusation.ts'
import type { Rumor, SwimMessage, SyncEntry, SyncMessage } from '../../src/membership/message.ts'
import {
  checkDescription,
  META_BYTES_MAX,
  RECORD_BODY_BYTES_MAX,
  writeRecord,
} from '../../src/membership/record.ts'
import { decodeSwim, encodeSwim } from '../../src/membership/swim-wire.ts'
import { decodeSync, encodeSync } from '../../src/membership/sync-wire.ts'
import { CLOCK_US_MAX, clampVitals, noVitals, type Vitals } from '../../src/membership/vitals.ts'
import { messageBytes } from '../sim/membership/message-bytes.ts'
import { accusation, description, record } from './support.ts'

/** Objects as ours are, with a prototype. */
const plain = <Fields>(fields: { [Name in keyof Fields]: fc.Arbitrary<Fields[Name]> }) =>
  fc.record(fields, { noNullPrototype: true })

const name = fc.stringMatching(/^[A-Za-z0-9]{1,40}$/)
const seq = fc.integer({ min: 0, max: 2 ** 32 - 1 })
const incarnation = fc.integer({ min: 0, max: 2 ** 48 })

const vitals: fc.Arbitrary<Vitals> = plain({
  health: fc.nat(7),
  load: fc.double({ min: 0, max: 1, noNaN: true }),
  loopLagMs: fc.nat(86_400_000),
  diskSyncMs: fc.nat(86_400_000),
  usedBytes: fc.maxSafeNat(),
  freeBytes: fc.maxSafeNat(),
  isDialable: fc.boolean(),
  clock: plain({
    status: fc.constantFrom('INIT', 'SYNCED', 'HOLDOVER', 'UNSYNCED', 'DISRUPTED'),
    offsetUs: fc.integer({ min: -(2 ** 50), max: 2 ** 50 }),
    boundUs: fc.integer({ min: 0, max: 2 ** 50 }),
  }),
}).map(clampVitals)

const anyRecord = fc
  .tuple(name, incarnation, fc.boolean())
  .map(([peer, at, isLeft]) => record(peer, at, isLeft))
const anyAccusation = fc
  .tuple(fc.constantFrom('suspect', 'dead'), name, name, incarnation)
  .filter(([, subject, accuser]) => subject !== accuser)
  .map(([kind, subject, accuser, at]) => accusation(kind, subject, { accuser, incarnation: at }))
const rumors: fc.Arbitrary<Rumor[]> = fc.array(fc.oneof(anyRecord, anyAccusation), { maxLength: 4 })

const swim: fc.Arbitrary<SwimMessage> = fc.oneof(
  plain({ type: fc.constantFrom('ping', 'ack'), seq, vitals, rumors }),
  plain({ type: fc.constant('ping-req'), seq, target: name }),
  plain({ type: fc.constantFrom('relayed', 'nack'), seq }),
  plain({ type: fc.constant('gossip'), rumors }),
)

const entry: fc.Arbitrary<SyncEntry> = plain({
  record: anyRecord,
  accusation: fc.option(anyAccusation, { nil: undefined }),
  ageMs: fc.nat(),
})
const bucketCount = fc.constantFrom(1, 2, 16, 256)
const sync: fc.Arbitrary<SyncMessage> = fc.oneof(
  bucketCount.chain(count =>
    plain({
      type: fc.constant('digest'),
      own: anyRecord,
      hashes: fc.uint32Array({ minLength: count * 2, maxLength: count * 2 }),
    }),
  ),
  plain({ type: fc.constant('same'), own: anyRecord }),
  plain({
    type: fc.constant('differ'),
    own: anyRecord,
    buckets: fc.uniqueArray(fc.nat(15), { maxLength: 16 }),
    bucketCount: fc.constant(16),
    entries: fc.array(entry, { maxLength: 5 }),
  }),
  plain({
    type: fc.constant('entries'),
    own: anyRecord,
    entries: fc.array(entry, { maxLength: 5 }),
  }),
)

test('a datagram is read as it was written, and as long as it was reckoned', () => {
  fc.assert(
    fc.property(swim, message => {
      const bytes = encodeSwim(message)
      assert.deepEqual(decodeSwim(bytes), message)
      assert.equal(messageBytes(message), bytes.length)
    }),
  )
})

test('a comparison is read as it was written', () => {
  fc.assert(
    fc.property(sync, message => assert.deepEqual(decodeSync(encodeSync(message)), message)),
  )
})

test('records and accusations are as long as they say', () => {
  fc.assert(
    fc.property(anyRecord, anyAccusation, (someRecord, someAccusation) => {
      const writer = new BinaryWriter(4_096)
      writeRecord(writer, someRecord)
      assert.equal(writer.size, someRecord.sizeBytes)
      writeAccusation(writer, someAccusation)
      assert.equal(writer.size, someRecord.sizeBytes + someAccusation.sizeBytes)
    }),
  )
})

/** Reads or refuses, and nothing else. */
function isTotal(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void {
  try {
    decode(bytes)
  } catch (error) {
    assert.ok(['MALFORMED', 'TOO_LARGE'].includes(codeOf(error) ?? ''), String(error))
  }
}

for (const [what, decode, message] of [
  ['datagram', decodeSwim, swim.map(encodeSwim)],
  ['comparison', decodeSync, sync.map(encodeSync)],
] as const) {
  test(`any bytes are a ${what} or a refusal`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1_300 }), bytes => isTotal(decode, bytes)),
      { numRuns: 2_000 },
    )
  })

  test(`a ${what} with a wrong byte is read or refused`, () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.nat(255), (bytes, at, byte) => {
        const broken = bytes.slice()
        broken[at % broken.length] = byte
        isTotal(decode, broken)
      }),
      { numRuns: 2_000 },
    )
  })

  test(`a ${what} that is cut short or goes on is refused`, () => {
    fc.assert(
      fc.property(message, fc.nat(), (bytes, at) => {
        assert.throws(() => decode(bytes.subarray(0, at % bytes.length)))
        assert.throws(() => decode(new Uint8Array([...bytes, 0])))
      }),
    )
  })
}

test('what no clock can say is refused', () => {
  const clock = { ...noVitals.clock, boundUs: CLOCK_US_MAX * 4 }
  const message = { type: 'ack', seq: 1, vitals: { ...noVitals, clock }, rumors: [] } as const
  assert.throws(() => decodeSwim(encodeSwim(message)), { code: 'MALFORMED' })
})

test('nonsense of its own is clamped before it is sent', () => {
  const nonsense = {
    ...noVitals,
    load: Number.NaN,
    loopLagMs: Number.POSITIVE_INFINITY,
    usedBytes: -5,
    clock: { status: 'SYNCED', offsetUs: Number.NEGATIVE_INFINITY, boundUs: Number.NaN },
  } as const
  const clamped = clampVitals(nonsense)
  assert.equal(clamped.load, 0)
  assert.equal(clamped.usedBytes, 0)
  assert.equal(clamped.clock.offsetUs, -CLOCK_US_MAX)
  assert.equal(clamped.clock.boundUs, 0)
})

test('the longest record fits into a message beside the longest accusation', () => {
  const peer = 'p'.repeat(52)
  const meta = new Uint8Array(500)
  checkDescription(peer, { ...description, meta })
  const word = accusation('dead', 'p'.repeat(128), { accuser: 'q'.repeat(128) })
  const largest = { ...record(peer), sizeBytes: RECORD_BODY_BYTES_MAX + 66 }
  assert.ok(largest.sizeBytes + word.sizeBytes + 2 + 56 <= 1_200)
})

for (const [what, wrong] of [
  ['addresses', { addresses: Array.from({ length: 9 }, () => '/ip4/1.2.3.4/tcp/1') }],
  ['an address', { addresses: ['x'.repeat(129)] }],
  ['a zone', { zone: 'z'.repeat(65) }],
  ['a version', { version: 'v'.repeat(33) }],
  ['meta', { meta: new Uint8Array(META_BYTES_MAX + 1) }],
  ['altogether', { addresses: Array.from({ length: 8 }, () => 'x'.repeat(100)) }],
] as const) {
  test(`a description with too much (${what}) is refused`, () =>
    assert.throws(() => checkDescription('me', { ...description, ...wrong }), {
      code: 'TOO_LARGE',
    }))
}
