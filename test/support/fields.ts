import * as fc from 'fast-check'

import type { BinaryReader } from '../../src/base/binary-reader.ts'
import type { BinaryWriter } from '../../src/base/binary-writer.ts'

/** Above every length that `anyField` makes. */
export const LENGTH_MAX = 64

/** One field of an encoding: its value, and how it is written and read. */
export interface Field {
  readonly kind: string
  readonly value: unknown
  write(writer: BinaryWriter): void
  read(reader: BinaryReader): unknown
}

const field = <Value>(
  kind: string,
  values: fc.Arbitrary<Value>,
  write: (writer: BinaryWriter, value: Value) => void,
  read: (reader: BinaryReader, value: Value) => unknown,
): fc.Arbitrary<Field> =>
  values.map(value => ({
    kind,
    value,
    write: writer => write(writer, value),
    read: reader => read(reader, value),
  }))

/** Natural numbers up to 2^`bits` - 1, as likely short as long. */
const natural = (bits: number): fc.Arbitrary<number> =>
  fc.integer({ min: 0, max: bits }).chain(most => fc.maxSafeNat().map(value => value % 2 ** most))

const someBytes = fc.uint8Array({ maxLength: 20 })

/** Any field that the codec knows, with any value that it may hold. */
export const anyField: fc.Arbitrary<Field> = fc.oneof(
  field(
    'u8',
    natural(8),
    (writer, value) => writer.u8(value),
    reader => reader.u8(),
  ),
  field(
    'u32',
    natural(32),
    (writer, value) => writer.u32(value),
    reader => reader.u32(),
  ),
  field(
    'u64',
    natural(53),
    (writer, value) => writer.u64(value),
    reader => reader.u64(),
  ),
  field(
    'f64',
    fc.double(),
    (writer, value) => writer.f64(value),
    reader => reader.f64(),
  ),
  field(
    'varint',
    natural(53),
    (writer, value) => writer.varint(value),
    reader => reader.varint(),
  ),
  field(
    'fixed',
    someBytes,
    (writer, value) => writer.fixed(value),
    (reader, { length }) => reader.fixed(length),
  ),
  field(
    'bytes',
    someBytes,
    (writer, value) => writer.bytes(value),
    reader => reader.bytes(LENGTH_MAX),
  ),
  field(
    'string',
    fc.string({ unit: 'binary', maxLength: 10 }),
    (writer, value) => writer.string(value),
    reader => reader.string(LENGTH_MAX),
  ),
)
