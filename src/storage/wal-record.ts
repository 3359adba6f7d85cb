import { BinaryReader } from '../base/binary-reader.ts'
import type { BinaryWriter } from '../base/binary-writer.ts'
import { HoldfastError } from '../base/errors.ts'

/**
 * What a group writes into the shared log. Replaying all records of a group, in order, gives its
 * state; replaying from its last `base` gives the same.
 */
export type WalRecord =
  /** A log entry. Its index is at most one above the last; entries from there on are replaced. */
  | {
      readonly type: 'entry'
      readonly group: number
      readonly index: number
      readonly term: number
      readonly payload: Uint8Array
    }
  /** The group's small durable state (term, vote); the newest counts. Opaque to the log. */
  | { readonly type: 'state'; readonly group: number; readonly payload: Uint8Array }
  /** Entries above `index` are void. */
  | { readonly type: 'truncate'; readonly group: number; readonly index: number }
  /** Entries up to `index` are safe in a snapshot and need not be kept. */
  | {
      readonly type: 'trim'
      readonly group: number
      readonly index: number
      readonly term: number
    }
  /** Everything earlier of this group is void, its state too; the log goes on after `index`. */
  | {
      readonly type: 'base'
      readonly group: number
      readonly index: number
      readonly term: number
    }
  /** The group is gone from this peer. */
  | { readonly type: 'drop'; readonly group: number }

/** The largest entry or state. */
export const PAYLOAD_BYTES_MAX = 2_097_152

/** What a record takes at most beside its payload: a type and four varints. */
export const RECORD_OVERHEAD_BYTES_MAX = 33

const tags = { entry: 1, state: 2, truncate: 3, trim: 4, base: 5, drop: 6 } as const

/** type u8 | group varint | index varint | term varint | payload, each where the type has it. */
export function encodeRecord(writer: BinaryWriter, record: WalRecord): void {
  writer.u8(tags[record.type])
  writer.varint(record.group)
  if ('index' in record) writer.varint(record.index)
  if ('term' in record) writer.varint(record.term)
  if ('payload' in record) writer.bytes(record.payload)
}

/**
 * Reads one record. Its payload is a view of the input.
 * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`
 */
export function decodeRecord(reader: BinaryReader): WalRecord {
  const { offset } = reader
  const tag = reader.u8()
  const group = reader.varint()
  switch (tag) {
    case tags.entry: {
      const index = reader.varint()
      const term = reader.varint()
      return { type: 'entry', group, index, term, payload: reader.bytes(PAYLOAD_BYTES_MAX) }
    }
    case tags.state:
      return { type: 'state', group, payload: reader.bytes(PAYLOAD_BYTES_MAX) }
    case tags.truncate:
      return { type: 'truncate', group, index: reader.varint() }
    case tags.trim:
      return { type: 'trim', group, index: reader.varint(), term: reader.varint() }
    case tags.base:
      return { type: 'base', group, index: reader.varint(), term: reader.varint() }
    case tags.drop:
      return { type: 'drop', group }
    default:
      throw new HoldfastError(`Cannot decode record: type ${tag}`, {
        code: 'MALFORMED',
        what: 'log record',
        offset,
      })
  }
}

/** Calls `visit` for each record of a frame's body, with its offset. */
export function eachRecord(
  body: Uint8Array,
  visit: (record: WalRecord, offset: number) => void,
): void {
  const reader = new BinaryReader(body)
  while (reader.remaining > 0) {
    const { offset } = reader
    visit(decodeRecord(reader), offset)
  }
}

/** Reads the record at an offset of a frame's body. */
export const recordAt = (body: Uint8Array, offset: number): WalRecord =>
  decodeRecord(new BinaryReader(body.subarray(offset)))
