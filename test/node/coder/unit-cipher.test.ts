import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Prng } from '../../../src/base/prng.ts'
import { createUnitKey, unwrapKey, wrapKey } from '../../../src/node/coder/data-key.ts'
import { UnitCipher } from '../../../src/node/coder/unit-cipher.ts'
import { someKey } from './support.ts'

const cipher = new UnitCipher(someKey)
const plain = new Prng(3).bytes(1000)
const sealed = (index: number, isLast = false): Uint8Array => {
  const { ciphertext, tag } = cipher.seal({ index, isLast }, plain)
  return Buffer.concat([ciphertext, tag])
}

test('a unit opens in its place', () => {
  assert.deepEqual(new Uint8Array(cipher.open({ index: 5, isLast: false }, sealed(5))), plain)
  const last = 2 ** 32 - 1
  assert.deepEqual(
    new Uint8Array(cipher.open({ index: last, isLast: true }, sealed(last, true))),
    plain,
  )
})

const other = { ...someKey, associatedData: new Uint8Array(17) }
for (const [what, open] of [
  ['in another place', () => cipher.open({ index: 6, isLast: false }, sealed(5))],
  ['as the last one', () => cipher.open({ index: 5, isLast: true }, sealed(5))],
  ['as not the last one', () => cipher.open({ index: 5, isLast: false }, sealed(5, true))],
  ['cut', () => cipher.open({ index: 5, isLast: false }, sealed(5).subarray(0, -1))],
  [
    'with a tag of 4 bytes',
    () => cipher.open({ index: 5, isLast: false }, sealed(5).subarray(0, -12)),
  ],
  ['shorter than a tag', () => cipher.open({ index: 5, isLast: false }, sealed(5).subarray(0, 7))],
  ['of another object', () => new UnitCipher(other).open({ index: 5, isLast: false }, sealed(5))],
] as const)
  test(`a unit ${what} does not open`, () => assert.throws(open, { code: 'CORRUPT' }))

function flip(bytes: Uint8Array, at: number): void {
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
}

test('every flipped bit of a unit is found', () => {
  const unit = sealed(1)
  for (let at = 0; at < unit.length; at++) {
    flip(unit, at)
    assert.throws(() => cipher.open({ index: 1, isLast: false }, unit), { code: 'CORRUPT' })
    flip(unit, at)
  }
})

test('two write attempts have nothing in common', () => {
  const [a, b] = [createUnitKey(new Uint8Array(17)), createUnitKey(new Uint8Array(17))]
  assert.notDeepEqual(a.key, b.key)
  assert.notDeepEqual(a.noncePrefix, b.noncePrefix)
})

test('a wrapped key is unwrapped by the same key for the same object only', () => {
  const [wrapping, about] = [new Prng(1).bytes(32), new Prng(2).bytes(17)]
  const wrapped = wrapKey(wrapping, someKey.key, about)
  assert.equal(wrapped.length, 60)
  assert.deepEqual(new Uint8Array(unwrapKey(wrapping, wrapped, about)), someKey.key)
  assert.notDeepEqual(wrapKey(wrapping, someKey.key, about), wrapped)
  const denied = { code: 'KEY_WRONG' }
  assert.throws(() => unwrapKey(new Prng(9).bytes(32), wrapped, about), denied)
  assert.throws(() => unwrapKey(wrapping, wrapped, new Prng(9).bytes(17)), denied)
  for (let at = 0; at < wrapped.length; at++) {
    const flipped = wrapped.with(at, (wrapped[at] ?? 0) ^ 1)
    assert.throws(() => unwrapKey(wrapping, flipped, about), denied)
  }
})
