import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { toHex } from '../../../src/base/bytes.ts'
import { signerOf } from '../../../src/node/admission/ed25519.ts'
import { type MemberRecord, signRecord } from '../../../src/node/admission/member-record.ts'
import { CLOCK_SKEW_MS, MemberTable } from '../../../src/node/admission/member-table.ts'
import { trustIn } from '../../../src/node/admission/trust.ts'

const signer = signerOf(new Uint8Array(32).fill(1))
const trust = trustIn(signer.publicKey)
const sign = (record: MemberRecord): Uint8Array => signRecord(record, trust.networkId, signer)

const peers = ['a', 'b', 'c'] as const
const anyRecord: fc.Arbitrary<MemberRecord> = fc.oneof(
  fc.record({
    kind: fc.constant('certificate' as const),
    peer: fc.constantFrom(...peers),
    role: fc.constantFrom('full' as const, 'storage' as const),
    zone: fc.constantFrom('', 'z'),
    serial: fc.integer({ min: 1, max: 9 }),
    notAfterMs: fc.constant(1e12),
  }),
  fc.record({
    kind: fc.constant('revocation' as const),
    peer: fc.constantFrom(...peers),
    serial: fc.integer({ min: 1, max: 9 }),
    atMs: fc.constant(5e11),
  }),
)
/** As the authority makes them: no serial twice. */
const anyRecords = fc.uniqueArray(anyRecord, { selector: ({ serial }) => serial, maxLength: 9 })

const tableOf = (records: readonly Uint8Array[]): MemberTable => {
  const table = new MemberTable(trust)
  for (const record of records) table.offer(record)
  return table
}

test('tables that were offered the same records are the same, in whatever order and how often', () =>
  fc.assert(
    fc.property(
      anyRecords.chain(records =>
        fc.tuple(
          fc.constant(records.map(sign)),
          fc.shuffledSubarray([...records, ...records].map(sign), {
            minLength: records.length * 2,
          }),
        ),
      ),
      ([once, shuffled]) => {
        const [left, right] = [tableOf(once), tableOf(shuffled)]
        assert.deepEqual(left.records(), right.records())
        assert.deepEqual(left.digest, right.digest)
        assert.deepEqual(left.names(), right.names())
      },
    ),
    { numRuns: 100 },
  ))

test('tables with different records have different digests', () =>
  fc.assert(
    fc.property(anyRecords, anyRecords, (left, right) => {
      const [one, other] = [tableOf(left.map(sign)), tableOf(right.map(sign))]
      const isSame = JSON.stringify(one.names()) === JSON.stringify(other.names())
      assert.equal(toHex(one.digest) === toHex(other.digest), isSame)
    }),
    { numRuns: 100 },
  ))

test('no certificate brings a banned peer back', () =>
  fc.assert(
    fc.property(anyRecords, records => {
      const table = tableOf(records.map(sign))
      for (const peer of peers) {
        const own = records.filter(record => record.peer === peer)
        const isBanned = own.some(({ kind }) => kind === 'revocation')
        const { state } = table.statusOf(peer, 0)
        assert.equal(state, isBanned ? 'banned' : own.length > 0 ? 'member' : 'unknown')
      }
    }),
    { numRuns: 100 },
  ))

test('of two certificates the one with the higher serial counts', () => {
  const certificate = { kind: 'certificate', peer: 'a', zone: '', notAfterMs: 1e12 } as const
  const table = tableOf([
    sign({ ...certificate, role: 'full', serial: 8 }),
    sign({ ...certificate, role: 'storage', serial: 7 }),
  ])
  const status = table.statusOf('a', 0)
  assert.ok(status.state === 'member' && status.certificate.role === 'full')
})

test('a certificate ends with its time, and a little later for clocks that are wrong', () => {
  const end = 1000
  const table = tableOf([
    sign({ kind: 'certificate', peer: 'a', role: 'full', zone: '', serial: 1, notAfterMs: end }),
  ])
  assert.equal(table.statusOf('a', end + CLOCK_SKEW_MS).state, 'member')
  assert.equal(table.statusOf('a', end + CLOCK_SKEW_MS + 1).state, 'expired')
})
