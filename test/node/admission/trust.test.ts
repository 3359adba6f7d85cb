import assert from 'node:assert/strict'
import { test } from 'node:test'

import { codeOf } from '../../../src/base/errors.ts'
import { signerOf } from '../../../src/node/admission/ed25519.ts'
import {
  type Certificate,
  openRecord,
  signRecord,
} from '../../../src/node/admission/member-record.ts'
import { trustIn, trustOf } from '../../../src/node/admission/trust.ts'

const [old, next, other] = [1, 2, 3].map(fill => signerOf(new Uint8Array(32).fill(fill))) as [
  ReturnType<typeof signerOf>,
  ReturnType<typeof signerOf>,
  ReturnType<typeof signerOf>,
]
const { networkId } = trustIn(old.publicKey)
const certificate: Certificate = {
  kind: 'certificate',
  peer: 'a',
  role: 'full',
  zone: 'z',
  serial: 1,
  notAfterMs: 1e12,
}

test('while one authority takes over from another, both are believed, and then the new one alone', () => {
  const records = [old, next].map(signer => signRecord(certificate, networkId, signer))
  const during = trustOf(networkId, [old.publicKey, next.publicKey])
  for (const record of records) assert.deepEqual(openRecord(record, during), certificate)
  const after = trustOf(networkId, [next.publicKey])
  assert.throws(
    () => openRecord(records[0] as Uint8Array, after),
    (error: unknown) => codeOf(error) === 'UNTRUSTED',
  )
  assert.deepEqual(openRecord(records[1] as Uint8Array, after), certificate)
})

test('what is signed for one network, or by a stranger, means nothing in another', () => {
  const trust = trustIn(old.publicKey)
  const foreign = signRecord(certificate, trustIn(other.publicKey).networkId, old)
  const strange = signRecord(certificate, networkId, other)
  for (const record of [foreign, strange])
    assert.throws(
      () => openRecord(record, trust),
      (error: unknown) => codeOf(error) === 'UNTRUSTED',
    )
})

test('what is no key verifies nothing', () => {
  const record = signRecord(certificate, networkId, old)
  for (const size of [0, 31, 33])
    assert.throws(() => openRecord(record, trustOf(networkId, [new Uint8Array(size)])))
})
