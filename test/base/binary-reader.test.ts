import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { BinaryReader } from '../../src/base/binary-reader.ts'
import { BinaryWriter } from '../../src/base/binary-writer.ts'
import { concat, equals, fromHex, fromUtf8 } from '../../src/base/bytes.ts'
import { codeOf } from '../../src/base/errors.ts'
import { anyField, type Field, LENGTH_MAX } from '../support/fields.ts'

const someFields = fc.array(anyField, { minLength: 1, maxLength: 12 })
const hostileBytes = fc.uint8Array({ maxLength: 40 })

function encode(fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter(4_096)
  for (const field of fields) field.write(writer)
  return writer.finish()
}

/** What each read returned, up to the first failure, whose code comes last. */
function outcome(fields: readonly Field[], bytes: Uint8Array): unknown[] {
  const reader = new BinaryReader(bytes)
  const seen: unknown[] = []
  for (const field of fields) {
    const before = reader.offset
    try {
      seen.push(field.read(reader))
    } catch (error) {
      const code = codeOf(error)
      if (code !== 'MALFORMED' && code !== 'TOO_LARGE') throw error
      assert.equal(reader.offset, before, 'a failed read stays where it was')
      return [...seen, code]
    }
    assert.ok(reader.offset >= before && reader.offset <= bytes.length)
    assert.equal(reader.remaining, bytes.length - reader.offset)
  }
  return seen
}

test('arbitrary bytes are read or refused, whatever lies around them', () =>
  fc.assert(
    fc.property(someFields, hostileBytes, hostileBytes, (fields, bytes, around) => {
      const alone = outcome(fields, bytes)
      const inside = concat([around, bytes, around]).subarray(
        around.length,
        around.length + bytes.length,
      )
      assert.deepEqual(outcome(fields, inside), alone)
    }),
    { numRuns: 1_000 },
  ))

test('changed bytes are read or refused', () =>
  fc.assert(
    fc.property(someFields, fc.nat(), fc.integer({ min: 1, max: 255 }), (fields, where, flip) => {
      const bytes = Uint8Array.from(encode(fields))
      if (bytes.length > 0) {
        const index = where % bytes.length
        bytes[index] = (bytes[index] as number) ^ flip
      }
      outcome(fields, bytes)
    }),
    { numRuns: 1_000 },
  ))

test('a truncated encoding is malformed', () =>
  fc.assert(
    fc.property(someFields, fc.nat(), (fields, where) => {
      const bytes = encode(fields)
      fc.pre(bytes.length > 0)
      const short = bytes.subarray(0, where % bytes.length)
      assert.equal(outcome(fields, short).at(-1), 'MALFORMED')
    }),
  ))

test('a number has one varint: what is read is written the same', () =>
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 10 }), bytes => {
      const reader = new BinaryReader(bytes)
      try {
        const writer = new BinaryWriter(8)
        writer.varint(reader.varint())
        assert.deepEqual(writer.finish(), bytes.subarray(0, reader.offset))
      } catch (error) {
        assert.equal(codeOf(error), 'MALFORMED')
      }
    }),
    { numRuns: 1_000 },
  ))

const badVarints = [
  ['no bytes', ''],
  ['no last byte', '80'],
  ['a zero in front', '8000'],
  ['zeros in front', 'ff808000'],
  ['2^53', '8080808080808010'],
  ['eight bytes and more', 'ffffffffffffff8f01'],
  ['no end', 'ffffffffffffffffffff'],
] as const
for (const [what, hex] of badVarints) {
  test(`a varint with ${what} is malformed`, () => {
    const reader = new BinaryReader(fromHex(hex))
    assert.throws(() => reader.varint(), {
      details: { code: 'MALFORMED', what: 'varint', offset: 0 },
    })
    assert.equal(reader.offset, 0)
  })
}

test('a u64 above 2^53 - 1 is malformed', () => {
  assert.equal(new BinaryReader(fromHex('ffffffffffff1f00')).u64(), Number.MAX_SAFE_INTEGER)
  for (const hex of ['0000000000002000', 'ffffffffffffffff']) {
    assert.throws(() => new BinaryReader(fromHex(hex)).u64(), { code: 'MALFORMED' })
  }
})

/** The start of a field that says how long it is, and nothing behind it. */
function announce(size: number): BinaryReader {
  const writer = new BinaryWriter(8)
  writer.varint(size)
  return new BinaryReader(writer.finish())
}

test('an announced length is checked before anything is made of it', () => {
  for (const size of [LENGTH_MAX + 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    assert.throws(() => announce(size).bytes(LENGTH_MAX), {
      details: { code: 'TOO_LARGE', what: 'bytes', size, limit: LENGTH_MAX },
    })
  }
  assert.throws(() => new BinaryReader(Uint8Array.of(2, 7, 8)).bytes(1), { code: 'TOO_LARGE' })
  assert.throws(() => announce(LENGTH_MAX).bytes(LENGTH_MAX), {
    details: { code: 'MALFORMED', what: 'bytes', offset: 0 },
  })
  assert.throws(() => announce(2 ** 52).bytes(Infinity), { code: 'MALFORMED' })
})

test('bytes are views of the input: nothing is copied', () => {
  const input = Uint8Array.of(2, 7, 8, 9)
  const reader = new BinaryReader(input)
  const pair = reader.bytes(2)
  const last = reader.fixed(1)
  assert.equal(pair.buffer, input.buffer)
  assert.deepEqual([pair.byteOffset, pair.length], [1, 2])
  assert.deepEqual([last.byteOffset, last.length], [3, 1])
})

test('text is read only from well-formed UTF-8', () => {
  fc.assert(
    fc.property(hostileBytes, bytes => {
      const writer = new BinaryWriter(64)
      writer.bytes(bytes)
      const [text] = outcome(
        [{ kind: 'string', value: '', write: () => {}, read: reader => reader.string(64) }],
        writer.finish(),
      )
      const isWellFormed = equals(fromUtf8(Buffer.from(bytes).toString()), bytes)
      assert.equal(text, isWellFormed ? Buffer.from(bytes).toString() : 'MALFORMED')
    }),
  )
  const replacement = new BinaryReader(fromHex('03efbfbd'))
  assert.equal(replacement.string(3), '\uFFFD')
})

for (const size of [-1, 0.5, NaN, 4, Infinity]) {
  test(`fixed of ${size} in 3 bytes is malformed`, () =>
    assert.throws(() => new BinaryReader(new Uint8Array(3)).fixed(size), { code: 'MALFORMED' }))
}

test('end refuses what follows the last field', () => {
  const reader = new BinaryReader(Uint8Array.of(1, 2))
  reader.u8()
  assert.throws(() => reader.end(), {
    details: { code: 'MALFORMED', what: 'end of input', offset: 1 },
  })
  reader.u8()
  reader.end()
})
