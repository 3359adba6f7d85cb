import { crc32 } from 'node:zlib'

import { assert } from '../base/assert.ts'
import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { compare, equals, fromUtf8 } from '../base/bytes.ts'
import { HoldfastError } from '../base/errors.ts'
import { ID_BYTES } from './fragment-names.ts'
import type { KeyRange } from './key-value.ts'

/**
 * What the key-value store holds:
 *
 *     f ‖ id             the record of a fragment (below)
 *     c ‖ id             the cell of a fragment that has only one; verified by its id
 *     e ‖ time u64be ‖ id   nothing: at that time some reference of the fragment ends
 *     m ‖ name           one of: format, totals, scrub
 *
 *     record: | version u8 | flags u8 | sizeBytes | number | count | reference … | crc u32 |
 *     reference: | segment, 1 to 64 bytes | index u8 | untilMs, 0 = kept | sealed, to 2 KiB |
 *
 * Numbers are varints, byte strings stand behind their length. The checksum of every value but a
 * cell covers its key too, so that a value under another key is as bad as a flipped bit.
 */
export interface FragmentRecord {
  readonly sizeBytes: number
  /** Drawn anew by each put that stores it; its file comes in under it (`fragment-files.ts`). */
  readonly number: number
  /** Its bytes are known not to be what they were: it is to be put again. */
  readonly isRotten: boolean
  /** Who needs it. A fragment that nobody needs any more is being removed. */
  readonly references: readonly FragmentReference[]
}

/** One holder of a fragment: equal fragments have one id and several of these. */
export interface FragmentReference {
  /** The segment's identity, 1 to 64 bytes; opaque. */
  readonly segment: Uint8Array
  /** Which fragment of the segment. */
  readonly index: number
  /** Wall time at which it ends unless committed or renewed; 0 for one that is kept. */
  readonly untilMs: number
  /** What a lost catalog is rebuilt from (`fragment-origin.ts`), encrypted; opaque. */
  readonly sealed: Uint8Array
}

export const SEGMENT_ID_BYTES_MAX = 64
export const SEALED_BYTES_MAX = 2_048
/** k + m of a segment is at most this, and with it the equal fragments of one. */
export const REFERENCES_MAX = 256
const RECORD_BYTES_MAX = 1 << 20

const VERSION = 1
const ROTTEN = 1
const HINT = 'e'.charCodeAt(0)
/** Of a record but its references, and of a reference but its byte strings. */
const FIXED_BYTES = 32

/**
 * Stands for a record that cannot be read. Nobody knows who needs the fragment: it stays until the
 * grace that the scrubber gives it is over.
 */
export const UNREADABLE: FragmentRecord = {
  sizeBytes: 0,
  number: 0,
  isRotten: true,
  references: [],
}

/** Every put makes several of these. */
function prefixed(prefix: 'f' | 'c' | 'm', rest: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + rest.length)
  key[0] = prefix.charCodeAt(0)
  key.set(rest, 1)
  return key
}

export const recordKey = (id: Uint8Array): Uint8Array => prefixed('f', id)
export const cellKey = (id: Uint8Array): Uint8Array => prefixed('c', id)
export const metaKey = (name: 'format' | 'totals' | 'scrub'): Uint8Array =>
  prefixed('m', fromUtf8(name))

/** The records of the ids above `after`. */
export const recordsAfter = (after: Uint8Array, limit: number): KeyRange => ({
  after: recordKey(after),
  before: fromUtf8('g'),
  limit,
})

/** Says that some reference of the fragment ends then; due at once for time 0. */
export function hintKey(untilMs: number, id: Uint8Array): Uint8Array {
  const key = new Uint8Array(9 + id.length)
  key[0] = HINT
  const view = new DataView(key.buffer)
  view.setUint32(1, untilMs / 2 ** 32)
  view.setUint32(5, untilMs)
  key.set(id, 9)
  return key
}

/** The hints up to a time, that time included. */
export const hintsUntil = (untilMs: number, limit: number): KeyRange => ({
  after: fromUtf8('e'),
  before: hintKey(untilMs + 1, new Uint8Array(0)),
  limit,
})

/** What a hint says. */
export function hintIn(key: Uint8Array): { readonly untilMs: number; readonly id: Uint8Array } {
  const time = new DataView(key.buffer, key.byteOffset + 1, 8).getBigUint64(0)
  return { untilMs: Number(time), id: key.slice(9) }
}

/** When something is to be looked at: what nobody needs at once, what is kept never. */
export function hintTimes({ references }: FragmentRecord): number[] {
  if (references.length === 0) return [0]
  const [only] = references
  if (references.length === 1 && only !== undefined) return only.untilMs > 0 ? [only.untilMs] : []
  return [...new Set(references.map(({ untilMs }) => untilMs))].filter(untilMs => untilMs > 0)
}

export const isSameReference = (
  a: Pick<FragmentReference, 'segment' | 'index'>,
  b: Pick<FragmentReference, 'segment' | 'index'>,
): boolean => a.index === b.index && compare(a.segment, b.segment) === 0

export function encodeRecord(key: Uint8Array, record: FragmentRecord): Uint8Array {
  const writer = new BinaryWriter(RECORD_BYTES_MAX, capacityFor(record))
  writer.u8(VERSION)
  writer.u8(record.isRotten ? ROTTEN : 0)
  writer.varint(record.sizeBytes)
  writer.varint(record.number)
  writer.varint(record.references.length)
  for (const { segment, index, untilMs, sealed } of record.references) {
    writer.bytes(segment)
    writer.u8(index)
    writer.varint(untilMs)
    writer.bytes(sealed)
  }
  return withCheck(key, writer)
}

/** Enough to write a record without growing. */
const capacityFor = ({ references }: FragmentRecord): number =>
  references.reduce(
    (size, { segment, sealed }) => size + FIXED_BYTES + segment.length + sealed.length,
    FIXED_BYTES,
  )

/** The record under a key, or `UNREADABLE`. */
export function decodeRecord(key: Uint8Array, value: Uint8Array): FragmentRecord {
  const reader = checked(key, value)
  if (reader === undefined) return UNREADABLE
  reader.u8()
  const flags = reader.u8()
  const sizeBytes = reader.varint()
  const number = reader.varint()
  const count = reader.varint()
  const references: FragmentReference[] = []
  while (references.length < count) {
    references.push({
      segment: reader.bytes(SEGMENT_ID_BYTES_MAX).slice(),
      index: reader.u8(),
      untilMs: reader.varint(),
      sealed: reader.bytes(SEALED_BYTES_MAX).slice(),
    })
  }
  return { sizeBytes, number, isRotten: (flags & ROTTEN) !== 0, references }
}

/** What the store holds, as every batch leaves it. */
export interface Totals {
  readonly fragments: number
  readonly bytes: number
  /** All ids, mixed: where one has vanished and another returned, the number alone would not tell. */
  readonly fingerprint: number
}

export const NO_TOTALS: Totals = { fragments: 0, bytes: 0, fingerprint: 0 }

/** What one fragment adds to the totals. */
export const totalsOf = (id: Uint8Array, { sizeBytes }: FragmentRecord): Totals => ({
  fragments: 1,
  bytes: sizeBytes,
  // The end of a digest, so as good as drawn at random.
  fingerprint: new DataView(id.buffer, id.byteOffset + id.length - 4, 4).getUint32(0),
})

/** `a` and `b` together; `sign` -1 takes `b` away. */
export const addTotals = (a: Totals, b: Totals, sign: 1 | -1 = 1): Totals => ({
  fragments: a.fragments + sign * b.fragments,
  bytes: a.bytes + sign * b.bytes,
  fingerprint: (a.fingerprint ^ b.fingerprint) >>> 0,
})

export function encodeTotals({ fragments, bytes, fingerprint }: Totals): Uint8Array {
  const writer = new BinaryWriter(32)
  writer.u8(VERSION)
  // Below zero only while lost records are not made up for.
  writer.varint(Math.max(0, fragments))
  writer.varint(Math.max(0, bytes))
  writer.u32(fingerprint)
  return withCheck(metaKey('totals'), writer)
}

/** Undefined where they cannot be read: then they are to be counted anew. */
export function decodeTotals(value: Uint8Array | undefined): Totals | undefined {
  const reader = value && checked(metaKey('totals'), value)
  if (reader === undefined) return undefined
  reader.u8()
  return { fragments: reader.varint(), bytes: reader.varint(), fingerprint: reader.u32() }
}

/** Whose store this is, and how it cuts fragments. */
export interface StoreFormat {
  readonly networkId: Uint8Array
  readonly cellBytes: number
}

export const NETWORK_ID_BYTES = 32

export function encodeFormat({ networkId, cellBytes }: StoreFormat): Uint8Array {
  const writer = new BinaryWriter(64)
  writer.u8(VERSION)
  writer.fixed(networkId)
  writer.u32(cellBytes)
  return withCheck(metaKey('format'), writer)
}

/** @throws {HoldfastError} `FOREIGN_STORE` if it is not the expected one, `CORRUPT` */
export function checkFormat(value: Uint8Array | undefined, expected: StoreFormat): void {
  const reader = value && checked(metaKey('format'), value)
  if (reader === undefined) {
    throw new HoldfastError('Cannot open the fragment store: its format cannot be read', {
      code: 'CORRUPT',
      what: 'format of the fragment store',
    })
  }
  const version = reader.u8()
  if (version !== VERSION) throw foreign(`its format is version ${version}`)
  if (!equals(reader.fixed(NETWORK_ID_BYTES), expected.networkId)) {
    throw foreign('it belongs to another network')
  }
  const cellBytes = reader.u32()
  if (cellBytes !== expected.cellBytes) throw foreign(`its cells have ${cellBytes} bytes`)
}

/** Where the scrubber goes on; the start where that cannot be read. */
export function decodeCursor(value: Uint8Array | undefined): Uint8Array {
  const reader = value && checked(metaKey('scrub'), value)
  if (reader === undefined) return new Uint8Array(0)
  reader.u8()
  return reader.bytes(ID_BYTES).slice()
}

export function encodeCursor(cursor: Uint8Array): Uint8Array {
  const writer = new BinaryWriter(64)
  writer.u8(VERSION)
  writer.bytes(cursor)
  return withCheck(metaKey('scrub'), writer)
}

function withCheck(key: Uint8Array, writer: BinaryWriter): Uint8Array {
  const offset = writer.reserve(4)
  const value = writer.finish()
  const check = crc32(value.subarray(0, offset), crc32(key))
  new DataView(value.buffer, value.byteOffset).setUint32(offset, check, true)
  return value
}

/** A reader of what was written under this key; undefined if it was something else. */
function checked(key: Uint8Array, value: Uint8Array): BinaryReader | undefined {
  const size = value.length - 4
  if (size < 1) return undefined
  const body = value.subarray(0, size)
  const check = new DataView(value.buffer, value.byteOffset).getUint32(size, true)
  if (crc32(body, crc32(key)) !== check) return undefined
  assert(size <= RECORD_BYTES_MAX, 'what passed its check is what we wrote')
  return new BinaryReader(body)
}

const foreign = (reason: string): HoldfastError =>
  new HoldfastError(`Cannot open the fragment store: ${reason}`, {
    code: 'FOREIGN_STORE',
    path: '.',
    reason,
  })
