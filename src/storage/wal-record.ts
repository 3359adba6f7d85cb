import { BinaryReader } from '../base/binary-reader.ts'
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

/**
 * Writes type u8 | group varint | index varint | term varint | payload, each where the type has it,
 * and returns where it ends. The room must suffice (`encodedBytesMax`).
 */
export function encodeRecord(into: Uint8Array, offset: number, record: WalRecord): number {
  into[offset] = tags[record.type]
  let end = putVarint(into, offset + 1, record.group)
  if ('index' in record) end = putVarint(into, end, record.index)
  if ('term' in record) end = putVarint(into, end, record.term)
  if (!('payload' in record)) return end
  end = putVarint(into, end, record.payload.length)
  into.set(record.payload, end)
  return end + record.payload.length
}

function putVarint(into: Uint8Array, offset: number, value: number): number {
  let end = offset
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) into[end++] = (rest % 0x80) | 0x80
  into[end++] = rest
  return end
}

/** What these records take in a frame at most. */
export function encodedBytesMax(records: readonly WalRecord[]): number {
  let size = 0
  for (const record of records) {
    size += RECORD_OVERHEAD_BYTES_MAX + ('payload' in record ? record.payload.length : 0)
  }
  return size
}

/**
 * Reads one record. Its payload is a view of the input.
 * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`
 */
function decodeRecord(reader: BinaryReader): WalRecord {
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
