import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import { REQUEST_BYTES_MAX } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { RECORD_BYTES_MAX } from './member-record.ts'
import { MEMBERS_MAX, RECORD_NAME_BYTES } from './member-table.ts'

/** Records in one message; what is left over comes with the next comparison. */
export const RECORDS_PER_MESSAGE_MAX = 1000

export type SpreadRequest =
  /** These are the records I have: send me the others, and say which of mine you want. */
  | { readonly type: 'compare'; readonly names: readonly string[] }
  /** Here are some. */
  | { readonly type: 'push'; readonly records: readonly Uint8Array[] }

export interface Comparison {
  readonly records: readonly Uint8Array[]
  readonly wanted: readonly string[]
}

const VERSION = 1

export function encodeSpreadRequest(request: SpreadRequest): Uint8Array {
  const writer = new BinaryWriter(REQUEST_BYTES_MAX)
  writer.u8(VERSION)
  writer.u8(request.type === 'compare' ? 0 : 1)
  if (request.type === 'compare') writeNames(writer, request.names)
  else writeRecords(writer, request.records)
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function decodeSpreadRequest(bytes: Uint8Array): SpreadRequest {
  const reader = new BinaryReader(bytes)
  if (reader.u8() !== VERSION) throw malformed('version of a member message', 0)
  const kind = reader.u8()
  if (kind > 1) throw malformed('kind of a member message', 1)
  const request: SpreadRequest =
    kind === 0
      ? { type: 'compare', names: readNames(reader) }
      : { type: 'push', records: readRecords(reader) }
  reader.end()
  return request
}

export function encodeComparison({ records, wanted }: Comparison): Uint8Array {
  const writer = new BinaryWriter(REQUEST_BYTES_MAX)
  writeRecords(writer, records)
  writeNames(writer, wanted)
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function decodeComparison(bytes: Uint8Array): Comparison {
  const reader = new BinaryReader(bytes)
  const comparison = { records: readRecords(reader), wanted: readNames(reader) }
  reader.end()
  return comparison
}

function writeNames(writer: BinaryWriter, names: readonly string[]): void {
  writer.varint(names.length)
  for (const name of names) writer.fixed(fromHex(name))
}

function readNames(reader: BinaryReader): string[] {
  const { offset } = reader
  const count = reader.varint()
  if (count > MEMBERS_MAX || count * RECORD_NAME_BYTES > reader.remaining)
    throw malformed('names of records', offset)
  return Array.from({ length: count }, () => toHex(reader.fixed(RECORD_NAME_BYTES)))
}

function writeRecords(writer: BinaryWriter, records: readonly Uint8Array[]): void {
  writer.varint(records.length)
  for (const record of records) writer.bytes(record)
}

function readRecords(reader: BinaryReader): Uint8Array[] {
  const { offset } = reader
  const count = reader.varint()
  if (count > RECORDS_PER_MESSAGE_MAX) throw malformed('records', offset)
  return Array.from({ length: count }, () => reader.bytes(RECORD_BYTES_MAX))
}

const malformed = (what: string, offset: number): HoldfastError =>
  new HoldfastError(`Cannot decode ${what}: at offset ${offset}`, {
    code: 'MALFORMED',
    what,
    offset,
  })
