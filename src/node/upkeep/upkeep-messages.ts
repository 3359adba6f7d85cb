/**
 * What peers say to each other about upkeep; all of it requests.
 *
 *     upkeep/fault/1      fault       → nothing       look at this fragment, whoever leads its group
 *     upkeep/lost/1       seat        → nothing       it lacks something: compare it with your lists
 *     upkeep/debts/1      nothing     → nothing       there is something new among the debts
 *     upkeep/claim/1      claim       → isListed u8   is this listed under me?
 *     upkeep/holds/1      seat        → holdings      has this peer anything in groups you lead?
 *     upkeep/repairs/1    limit       → records       your ledger, newest first
 *     upkeep/rebalance/1  isDry u8    → plan          move, or only say what you would
 *     upkeep/health/1     nothing     → JSON          how safe is what you lead?
 *     upkeep/standing/1   content     → JSON          when did you verify what of it?
 *
 *     fault     | bucket | key | content 16 | blob 8 | segment | index u8 | seat |
 *     claim     | isWeak u8 | segment | index u8 | sealed |
 *     holdings  | count | group, isEmpty u8 … |
 *     records   | count | JSON … |
 *     plan      | moves | bytes | count | from, to, bytes … |
 *
 * Numbers are varints, texts and byte strings stand behind their length.
 */
import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { BUCKET_BYTES_MAX, KEY_BYTES_MAX } from '../../catalog/position.ts'
import { BLOB_ID_BYTES, CONTENT_ID_BYTES } from '../../catalog/tables.ts'
import { SEALED_BYTES_MAX, SEGMENT_ID_BYTES_MAX } from '../../storage/fragment-record.ts'
import type { RepairRecord } from '../store/upkeep.ts'
import type { FragmentFault } from './fault-desk.ts'
import type { Claim } from './fragment-claims.ts'
import { decodeRecord, encodeRecord } from './repair-ledger.ts'

export const FAULT = 'upkeep/fault/1'
export const LOST = 'upkeep/lost/1'
export const DEBTS = 'upkeep/debts/1'
export const CLAIM = 'upkeep/claim/1'
export const HOLDS = 'upkeep/holds/1'
export const REPAIRS = 'upkeep/repairs/1'
export const STANDING = 'upkeep/standing/1'
export const HEALTH = 'upkeep/health/1'
export const REBALANCE = 'upkeep/rebalance/1'

/** The largest of the questions. */
export const QUESTION_BYTES_MAX = 4_096
const ANSWER_BYTES_MAX = 786_432
const RECORD_BYTES_MAX = 65_536
const GROUPS_MAX = 10_000
/** Moves of one plan, over all groups that a peer leads. */
const SHIFTS_MAX = 10_000
export const REPAIRS_MAX = 1_000

type Told = Omit<FragmentFault, 'isHearsay'>

export function encodeFault({ name, index, seat }: Told): Uint8Array {
  const writer = new BinaryWriter(QUESTION_BYTES_MAX)
  writer.string(name.bucket)
  writer.string(name.key)
  writer.fixed(name.content)
  writer.fixed(name.blob)
  writer.varint(name.segment)
  writer.u8(index)
  writer.varint(seat)
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`, as all of these do */
export function decodeFault(bytes: Uint8Array): Told {
  const reader = new BinaryReader(bytes)
  const name = {
    bucket: reader.string(BUCKET_BYTES_MAX),
    key: reader.string(KEY_BYTES_MAX),
    content: reader.fixed(CONTENT_ID_BYTES).slice(),
    blob: reader.fixed(BLOB_ID_BYTES).slice(),
    segment: reader.varint(),
  }
  const told = { name, index: reader.u8(), seat: reader.varint() }
  reader.end()
  return told
}

export function encodeClaim({ segment, index, sealed }: Claim, isWeak: boolean): Uint8Array {
  const writer = new BinaryWriter(QUESTION_BYTES_MAX)
  writer.u8(isWeak ? 1 : 0)
  writer.bytes(segment)
  writer.u8(index)
  writer.bytes(sealed)
  return writer.finish()
}

export function decodeClaim(bytes: Uint8Array): {
  readonly claim: Claim
  readonly isWeak: boolean
} {
  const reader = new BinaryReader(bytes)
  const isWeak = reader.u8() !== 0
  const claim = {
    segment: reader.bytes(SEGMENT_ID_BYTES_MAX).slice(),
    index: reader.u8(),
    sealed: reader.bytes(SEALED_BYTES_MAX).slice(),
  }
  reader.end()
  return { claim, isWeak }
}

export function encodeNumber(value: number): Uint8Array {
  const writer = new BinaryWriter(16)
  writer.varint(value)
  return writer.finish()
}

export function decodeNumber(bytes: Uint8Array): number {
  const reader = new BinaryReader(bytes)
  const value = reader.varint()
  reader.end()
  return value
}

/** What a peer still holds of a group, by the word of its leader. */
export interface Holding {
  readonly group: number
  readonly isEmpty: boolean
}

export function encodeHoldings(holdings: readonly Holding[]): Uint8Array {
  const writer = new BinaryWriter(ANSWER_BYTES_MAX)
  writer.varint(holdings.length)
  for (const { group, isEmpty } of holdings) {
    writer.varint(group)
    writer.u8(isEmpty ? 1 : 0)
  }
  return writer.finish()
}

export const decodeHoldings = (bytes: Uint8Array): Holding[] =>
  decodeList(bytes, GROUPS_MAX, reader => ({
    group: reader.varint(),
    isEmpty: reader.u8() === 1,
  }))

/** As many of the newest as there is room for. */
export function encodeRecords(records: readonly RepairRecord[]): Uint8Array {
  const texts: string[] = []
  let bytes = 0
  for (const record of records.slice(0, REPAIRS_MAX)) {
    const text = encodeRecord(record)
    // A character has at most three bytes here, for what is beyond has two of them.
    bytes += 3 * text.length + 8
    if (bytes > ANSWER_BYTES_MAX) break
    texts.push(text)
  }
  const writer = new BinaryWriter(ANSWER_BYTES_MAX)
  writer.varint(texts.length)
  for (const text of texts) writer.string(text)
  return writer.finish()
}

export const decodeRecords = (bytes: Uint8Array): RepairRecord[] =>
  decodeList(bytes, REPAIRS_MAX, reader => decodeRecord(reader.string(RECORD_BYTES_MAX))).filter(
    record => record !== undefined,
  )

/** What a leader moves, or would. */
export interface RebalanceShare {
  readonly moves: number
  readonly bytes: number
  readonly shifts: readonly {
    readonly from: number
    readonly to: number
    readonly bytes: number
  }[]
}

export function encodeShare({ moves, bytes, shifts }: RebalanceShare): Uint8Array {
  const writer = new BinaryWriter(ANSWER_BYTES_MAX)
  writer.varint(moves)
  writer.varint(bytes)
  writer.varint(shifts.length)
  for (const shift of shifts) {
    writer.varint(shift.from)
    writer.varint(shift.to)
    writer.varint(shift.bytes)
  }
  return writer.finish()
}

export function decodeShare(bytes: Uint8Array): RebalanceShare {
  const reader = new BinaryReader(bytes)
  const [moves, total] = [reader.varint(), reader.varint()]
  const shifts = decodeList(bytes.subarray(bytes.length - reader.remaining), SHIFTS_MAX, rest => ({
    from: rest.varint(),
    to: rest.varint(),
    bytes: rest.varint(),
  }))
  return { moves, bytes: total, shifts }
}

function decodeList<Item>(
  bytes: Uint8Array,
  most: number,
  read: (reader: BinaryReader) => Item,
): Item[] {
  const reader = new BinaryReader(bytes)
  const count = Math.min(reader.varint(), most)
  const items: Item[] = []
  while (items.length < count) items.push(read(reader))
  reader.end()
  return items
}
