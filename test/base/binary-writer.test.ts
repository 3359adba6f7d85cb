import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { AssertionError } from '../../src/base/assert.ts'
import { BinaryReader } from '../../src/base/binary-reader.ts'
import { BinaryWriter, varintSize } from '../../src/base/binary-writer.ts'
import { toHex } from '../../src/base/bytes.ts'
import { anyField } from '../support/fields.ts'

const BYTES_MAX = 4_096

function encode(write: (writer: BinaryWriter) => void): string {
  const writer = new BinaryWriter(BYTES_MAX)
  write(writer)
  return toHex(writer.finish())
}

test('any sequence of fields comes back as it was written', () =>
  fc.assert(
    fc.property(fc.array(anyField, { maxLength: 30 }), fc.nat(64), (fields, capacityBytes) => {
      const writer = new BinaryWriter(BYTES_MAX, capacityBytes)
      for (const field of fields) field.write(writer)
      const bytes = writer.finish()
      assert.equal(writer.size, bytes.length)

      const reader = new BinaryReader(bytes)
      for (const field of fields) assert.deepEqual(field.read(reader), field.value)
      reader.end()
    }),
  ))

const layouts = [
  ['u8', writer => writer.u8(0xfe), 'fe'],
  ['u32, little-endian', writer => writer.u32(0x01020304), '04030201'],
  ['u64, little-endian', writer => writer.u64(0x1f_0203_0405_0607), '0706050403021f00'],
  ['f64, little-endian', writer => writer.f64(-2), '00000000000000c0'],
  ['varint of one byte', writer => writer.varint(0x7f), '7f'],
  ['varint of two bytes', writer => writer.varint(0x80), '8001'],
  ['varint of 32 bits', writer => writer.varint(2 ** 32 - 1), 'ffffffff0f'],
  ['varint of 33 bits', writer => writer.varint(2 ** 32), '8080808010'],
  ['varint of 53 bits', writer => writer.varint(2 ** 53 - 1), 'ffffffffffffff0f'],
  ['fixed', writer => writer.fixed(Uint8Array.of(1, 2)), '0102'],
  ['bytes', writer => writer.bytes(Uint8Array.of(1, 2)), '020102'],
  ['string', writer => writer.string('é'), '02c3a9'],
] as const satisfies [string, (writer: BinaryWriter) => void, string][]
for (const [what, write, hex] of layouts) {
  test(`the layout of ${what} is fixed`, () => assert.equal(encode(write), hex))
}

test('varintSize tells the size of every varint, from 1 to 8 bytes', () => {
  for (let bits = 0; bits <= 53; bits++) {
    for (const value of [2 ** bits - 1, 2 ** bits].filter(Number.isSafeInteger)) {
      assert.equal(varintSize(value) * 2, encode(writer => writer.varint(value)).length)
      assert.equal(varintSize(value), Math.max(1, Math.ceil(value.toString(2).length / 7)))
    }
  }
})

const unnatural = [
  ['u8', 256],
  ['u8', -1],
  ['u8', 0.5],
  ['u32', 2 ** 32],
  ['u32', -1],
  ['u32', NaN],
  ['u64', 2 ** 53],
  ['u64', -1],
  ['u64', 1.5],
  ['varint', 2 ** 53],
  ['varint', -1],
  ['varint', Infinity],
  ['reserve', -1],
] as const
for (const [kind, value] of unnatural) {
  test(`${kind} of ${value} is a bug, not a wrong number`, () => {
    const writer = new BinaryWriter(BYTES_MAX)
    assert.throws(() => writer[kind](value), AssertionError)
    assert.equal(writer.size, 0)
  })
}

test('a patch with more than 32 bits is a bug', () => {
  const writer = new BinaryWriter(BYTES_MAX)
  const offset = writer.reserve(4)
  assert.throws(() => writer.patchU32(offset, 2 ** 32), AssertionError)
})

test('text with a lone surrogate is a bug, for it would come back as other text', () =>
  assert.throws(() => new BinaryWriter(BYTES_MAX).string('a\uD800'), AssertionError))

test('a write past the limit fails and leaves what was written', () =>
  fc.assert(
    fc.property(fc.array(anyField, { maxLength: 30 }), fc.nat(100), (fields, limitBytes) => {
      const wanted = new BinaryWriter(BYTES_MAX)
      const writer = new BinaryWriter(limitBytes, 1)
      for (const field of fields) {
        const before = writer.size
        field.write(wanted)
        try {
          field.write(writer)
        } catch (error) {
          const details = {
            code: 'TOO_LARGE',
            what: 'encoding',
            size: wanted.size,
            limit: limitBytes,
          }
          assert.deepEqual((error as { details?: unknown }).details, details)
          assert.equal(writer.size, before)
          break
        }
      }
      assert.ok(writer.size <= limitBytes)
      assert.ok(writer.finish().buffer.byteLength <= limitBytes)
      assert.deepEqual(writer.finish(), wanted.finish().subarray(0, writer.size))
    }),
  ))

test('a reserved place is zero until it is patched', () => {
  const writer = new BinaryWriter(BYTES_MAX, 1)
  writer.u8(0xff)
  const offset = writer.reserve(4)
  writer.u8(0xee)
  assert.equal(toHex(writer.finish()), 'ff00000000ee')
  writer.patchU32(offset, 0x01020304)
  assert.equal(toHex(writer.finish()), 'ff04030201ee')
})

for (const offset of [-1, 1, 4]) {
  test(`a patch at ${offset} of 4 written bytes is a bug`, () => {
    const writer = new BinaryWriter(BYTES_MAX)
    writer.u32(7)
    assert.throws(() => writer.patchU32(offset, 1), AssertionError)
    assert.equal(toHex(writer.finish()), '07000000')
  })
}
