import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { fromHex, toHex } from '../../src/base/bytes.ts'
import {
  decodeFragmentId,
  encodeFragmentId,
  formatFragmentId,
  ID_BYTES,
  parseFragmentId,
} from '../../src/erasure/fragment-id.ts'

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 })
const algorithm = fc.constantFrom('blake3' as const, 'sha2-256' as const)

test('an id survives bytes and text', () =>
  fc.assert(
    fc.property(fc.record({ algorithm, digest }, { noNullPrototype: true }), id => {
      assert.equal(encodeFragmentId(id).length, ID_BYTES)
      assert.equal(formatFragmentId(id).length, 59)
      assert.deepEqual(decodeFragmentId(encodeFragmentId(id)), id)
      assert.deepEqual(parseFragmentId(formatFragmentId(id)), id)
    }),
  ))

test('the id of sha2-256 is a CIDv1 of raw bytes', () => {
  const empty = fromHex('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  const id = { algorithm: 'sha2-256' as const, digest: empty }
  assert.equal(toHex(encodeFragmentId(id)), `01551220${toHex(empty)}`)
  assert.equal(formatFragmentId(id), 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')
})

test('the tag of blake3 is 0x1e', () =>
  assert.equal(encodeFragmentId({ algorithm: 'blake3', digest: new Uint8Array(32) })[2], 0x1e))

const good = encodeFragmentId({ algorithm: 'blake3', digest: new Uint8Array(32).fill(9) })
const changed = (at: number, value: number): Uint8Array =>
  good.map((b, i) => (i === at ? value : b))

for (const [what, bytes, code] of [
  ['an unknown hash', changed(2, 0x13), 'HASH_UNKNOWN'],
  ['another version', changed(0, 2), 'MALFORMED'],
  ['another content', changed(1, 0x70), 'MALFORMED'],
  ['another length', changed(3, 31), 'MALFORMED'],
  ['one byte less', good.subarray(1), 'MALFORMED'],
  ['no bytes', new Uint8Array(), 'MALFORMED'],
  ['one byte more', Uint8Array.of(...good, 0), 'MALFORMED'],
] as const)
  test(`an id with ${what} is refused`, () =>
    assert.throws(() => decodeFragmentId(bytes), { code }))

test('an id as text has one form only', () => {
  const text = formatFragmentId(decodeFragmentId(good))
  for (const other of [
    text.toUpperCase(),
    `z${text.slice(1)}`,
    `${text.slice(0, -1)}=`,
    `${text}=`,
    `${text.slice(0, -1)}1`,
    text.slice(1),
    ` ${text.slice(1)}`,
    '',
  ])
    assert.throws(() => parseFragmentId(other), { code: 'MALFORMED' }, other)
})

test('no text is read without being an id or refused', () =>
  fc.assert(
    fc.property(fc.stringMatching(/^b[a-z2-7]{58}$/), text => {
      try {
        assert.equal(formatFragmentId(parseFragmentId(text)), text)
      } catch (error) {
        assert.ok(error instanceof Error && 'code' in error)
        assert.ok(error.code === 'MALFORMED' || error.code === 'HASH_UNKNOWN')
      }
    }),
  ))

test('a digest of another size is misuse', () =>
  assert.throws(
    () => encodeFragmentId({ algorithm: 'blake3', digest: new Uint8Array(20) }),
    RangeError,
  ))
