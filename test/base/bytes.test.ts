import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import {
  compare,
  concat,
  equals,
  fromBase58,
  fromHex,
  fromUtf8,
  isZero,
  toBase58,
  toHex,
  toUtf8,
} from '../../src/base/bytes.ts'

const bytes = fc.uint8Array({ maxLength: 40 })

test('hexadecimal comes back as the same bytes and matches the platform', () =>
  fc.assert(
    fc.property(bytes, input => {
      const text = toHex(input)
      assert.equal(text, Buffer.from(input).toString('hex'))
      assert.deepEqual(Uint8Array.from(fromHex(text)), input)
    }),
  ))

const notHex = [
  ['odd length', 'abc', 3],
  ['upper case', 'ABcd', 0],
  ['padding', '==', 0],
  ['a foreign letter', 'ab0g', 3],
  ['a blank', 'ab cd1', 2],
  ['a line feed at the end', 'ab\n', 2],
] as const
for (const [what, text, offset] of notHex) {
  test(`hexadecimal with ${what} is malformed`, () =>
    assert.throws(() => fromHex(text), {
      name: 'HoldfastError',
      details: { code: 'MALFORMED', what: 'hex', offset },
    }))
}

test('well-formed text comes back as the same text, a byte order mark included', () =>
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => assert.equal(toUtf8(fromUtf8(text)), text)),
    { examples: [['\uFEFFtext'], ['\u0000'], ['\uFFFD']] },
  ))

test('a lone surrogate and ill-formed UTF-8 become the replacement character', () => {
  assert.equal(toUtf8(fromUtf8('\uD800')), '\uFFFD')
  assert.equal(toUtf8(Uint8Array.of(0x61, 0xff)), 'a\uFFFD')
})

test('order is by bytes, a prefix first, and agrees with equality', () => {
  assert.deepEqual(['b', 'ab', '', 'a', '\u00ff'].map(fromUtf8).toSorted(compare).map(toUtf8), [
    '',
    'a',
    'ab',
    'b',
    '\u00ff',
  ])
  fc.assert(
    fc.property(bytes, bytes, (left, right) => {
      assert.equal(compare(left, right) === 0, equals(left, right))
      assert.equal(compare(left, right) < 0, compare(right, left) > 0)
    }),
  )
})

test('concat joins in order', () =>
  assert.deepEqual(
    [...concat([Uint8Array.of(1, 2), Uint8Array.of(), Uint8Array.of(3)])],
    [1, 2, 3],
  ))

test('isZero sees a single bit anywhere', () => {
  assert.equal(isZero(new Uint8Array(0)), true)
  assert.equal(isZero(new Uint8Array(33)), true)
  for (let index = 0; index < 33; index++) {
    const bitSet = new Uint8Array(33)
    bitSet[index] = 1 << (index % 8)
    assert.equal(isZero(bitSet), false)
  }
})

test('base58 comes back as the same bytes, and knows no look-alikes', () => {
  fc.assert(
    fc.property(bytes, input => {
      const text = toBase58(input)
      assert.match(text, /^[1-9A-HJ-NP-Za-km-z]*$/)
      assert.deepEqual(Uint8Array.from(fromBase58(text)), input)
    }),
  )
  assert.equal(toBase58(fromUtf8('Hello World!')), '2NEpo7TZRRrLZSi2U')
  for (const text of ['0', 'O', 'I', 'l', '2NEpo 7'])
    assert.throws(() => fromBase58(text), { code: 'MALFORMED' })
})
