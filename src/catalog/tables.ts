import { concat, fromUtf8 } from '../base/bytes.ts'
import type { Position } from './position.ts'
import type { RowRange } from './rows.ts'

/**
 * The rows there are. Those of a range are spread over several tables, each in the order of
 * positions, so that a range is one run of rows in each:
 *
 *     b ‖ bucket                          a bucket's record
 *     n ‖ bucket                          its usage
 *     e ‖ bucket ‖ 0 ‖ name               a document of its settings, opaque
 *     o ‖ position                        the head of an object: its current version
 *     v ‖ position ‖ 0 ‖ ~stamp           an older version; the newest first
 *     i ‖ position ‖ 0 ‖ stamp            the bytes of a version that needs no fragments
 *     c ‖ home ‖ 0 ‖ content              what an object's bytes are: open, kept or released
 *     u ‖ home ‖ 0 ‖ content              an open content: intent or upload; or a fence
 *     d ‖ home ‖ 0 ‖ content ‖ part       a part of a content; part 0: the sizes of all
 *     r ‖ home ‖ 0 ‖ content ‖ holder     a reference to a content
 *     s ‖ home ‖ 0 ‖ content ‖ blob ‖ seq a segment and its placement
 *     g ‖ home ‖ 0 ‖ content ‖ blob ‖ seq ‖ generation ‖ index ‖ seat   to be dropped there
 *     x ‖ home ‖ 0 ‖ content [‖ blob]     a content, or one blob of it, to be taken apart
 *     z ‖ position ‖ 0 ‖ content ‖ holder a reference to be given up in another range
 *
 *     p ‖ seat ‖ s-key                    which fragment of that segment the peer holds   derived
 *     w ‖ s-key                           how many fragments that segment lacks           derived
 *
 *     0 ‖ group ‖ name                    what belongs to the group itself: `range`, `mirror`, …
 *     1 ‖ …                               the system group's own: shards, registers
 *
 * Derived rows follow from `s` rows and are not in snapshots.
 */
export type TableName =
  | 'b'
  | 'c'
  | 'd'
  | 'e'
  | 'g'
  | 'i'
  | 'n'
  | 'o'
  | 'r'
  | 's'
  | 'u'
  | 'v'
  | 'x'
  | 'z'

/** In ascending order. */
export const tables: readonly TableName[] = [
  'b',
  'c',
  'd',
  'e',
  'g',
  'i',
  'n',
  'o',
  'r',
  's',
  'u',
  'v',
  'x',
  'z',
]

export const CONTENT_ID_BYTES = 16
export const BLOB_ID_BYTES = 8

const NUL = new Uint8Array(1)
const codes = new Map([...tables, 'p', 'w'].map(name => [name, fromUtf8(name)]))

const codeOf = (table: TableName | 'p' | 'w'): Uint8Array => codes.get(table) as Uint8Array

/** A row that stands at a position. */
export const rowAt = (table: TableName, position: Position): Uint8Array =>
  concat([codeOf(table), position])

/** A row below a position. */
export const rowUnder = (
  table: TableName,
  position: Position,
  ...rest: readonly Uint8Array[]
): Uint8Array => concat([codeOf(table), position, NUL, ...rest])

/** Every row whose key begins with `prefix` and goes on. */
export const rowsBehind = (prefix: Uint8Array, limit: number): RowRange => ({
  after: prefix,
  before: following(prefix),
  limit,
})

/** The rows of a table between two positions; an empty `hi` is the end. */
export const tableRange = (
  table: TableName | 'w',
  lo: Position,
  hi: Position,
): { readonly after: Uint8Array; readonly before: Uint8Array } => ({
  after: justBefore(concat([codeOf(table), lo])),
  before: hi.length > 0 ? concat([codeOf(table), hi]) : following(codeOf(table)),
})

/** The rows of the reverse index that are one peer's, between two positions. */
export const seatRange = (
  seat: number,
  lo: Position,
  hi: Position,
): { readonly after: Uint8Array; readonly before: Uint8Array } => {
  const prefix = concat([codeOf('p'), u32(seat)])
  return {
    after: justBefore(concat([prefix, lo])),
    before: hi.length > 0 ? concat([prefix, hi]) : following(prefix),
  }
}

/** Both derived rows of a segment are named after its row. */
export const holderRow = (seat: number, segmentRow: Uint8Array): Uint8Array =>
  concat([codeOf('p'), u32(seat), segmentRow.subarray(1)])
export const debtRow = (segmentRow: Uint8Array): Uint8Array =>
  concat([codeOf('w'), segmentRow.subarray(1)])
export const segmentRowOf = (derivedRow: Uint8Array): Uint8Array =>
  concat([codeOf('s'), derivedRow.subarray(derivedRow[0] === 0x70 ? 5 : 1)])

/** A row of the group itself. */
export const groupRow = (group: number, name: string): Uint8Array =>
  concat([Uint8Array.of(0), u32(group), fromUtf8(name)])

/** A row of the system group. */
export const systemRow = (table: 'shard' | 'register', name: Uint8Array): Uint8Array =>
  concat([Uint8Array.of(1), fromUtf8(table), NUL, name])

export function u32(value: number): Uint8Array<ArrayBuffer> {
  const encoded = new Uint8Array(4)
  new DataView(encoded.buffer).setUint32(0, value)
  return encoded
}

/** More bytes of 0xff than any row has behind a table or a seat. */
const top = new Uint8Array(16).fill(0xff)

/**
 * A key that sorts before `key` with no row between them: a range that leaves its start out then
 * begins with `key` itself. What follows in a row is a hash of 8 bytes and then UTF-8, which knows
 * no 0xff.
 */
export function justBefore(key: Uint8Array): Uint8Array {
  const last = key.at(-1) ?? 0
  if (last === 0) return key.slice(0, -1)
  return concat([key.subarray(0, -1), Uint8Array.of(last - 1), top])
}

/** The first key above all that begin with `prefix`. */
export function following(prefix: Uint8Array): Uint8Array {
  let size = prefix.length
  while (prefix[size - 1] === 0xff) size--
  const next = prefix.slice(0, size)
  next[size - 1] = (next[size - 1] ?? 0) + 1
  return next
}
