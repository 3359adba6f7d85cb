import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { compare, concat, equals } from '../base/bytes.ts'
import { type Failure, HoldfastError } from '../base/errors.ts'
import { rangeRow } from './apply-ranges.ts'
import { SYSTEM_GROUP } from './apply-system.ts'
import { hash64, hashWords, POSITION_BYTES_MAX } from './position.ts'
import { type RangeState, rowOf } from './records.ts'
import { type Program, type Row, type RowChange, type RowRange, stored } from './rows.ts'
import { holdersOf } from './segments.ts'
import {
  debtRow,
  following,
  groupRow,
  holderRow,
  systemRow,
  tableRange,
  tables,
  u32,
} from './tables.ts'
import type { TableName } from './tables.ts'

/**
 * A group's state as chunks. Rows go in ascending order of their keys, as many as fit, so that the
 * same state gives the same chunks, and a transfer goes on wherever it was broken off: the chunk
 * after a key is asked for by that key.
 *
 *     chunk: | version u8 | group | flags u8 | count | row … | hash of all before, 8 bytes |
 *     row:   | key | value |
 *
 * Derived rows are not sent; the receiver derives them. The sender reads one state throughout: its
 * host holds a view of the store while the transfer lasts. The receiver starts over nothing:
 * `eraseRows` first.
 */
const VERSION = 1
const LAST = 1
const HASH_BYTES = 8
/** A chunk is closed once it has grown beyond this; in tests sooner. */
const CHUNK_BYTES = 262_144
const ROW_KEY_BYTES_MAX = POSITION_BYTES_MAX + 256
const ROW_VALUE_BYTES_MAX = 2 << 20
const CHUNK_BYTES_MAX: number = CHUNK_BYTES + ROW_VALUE_BYTES_MAX + 4_096
const PAGE_ROWS = 512

export interface Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** What to ask the next one by; undefined if this is the last. */
  readonly next: Uint8Array | undefined
}

/** The chunk after `after`; the first for undefined. */
export function* readChunk(
  group: number,
  after: Uint8Array | undefined,
  chunkBytes: number = CHUNK_BYTES,
): Program<Chunk> {
  const rows: Row[] = []
  let size = 0
  for (const section of yield* sectionsOf(group)) {
    let from = after === undefined || compare(after, section.after) < 0 ? section.after : after
    for (;;) {
      if (compare(from, section.before) >= 0) break
      const range: RowRange = { after: from, before: section.before, limit: PAGE_ROWS }
      const page = yield* stored.page(range)
      for (const row of page) {
        rows.push(row)
        size += row.key.length + row.value.length + 8
        if (size >= chunkBytes) return { bytes: encode(group, rows, false), next: row.key.slice() }
      }
      if (page.length < PAGE_ROWS) break
      from = page.at(-1)?.key ?? from
    }
  }
  return { bytes: encode(group, rows, true), next: undefined }
}

function encode(group: number, rows: readonly Row[], isLast: boolean): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(CHUNK_BYTES_MAX, CHUNK_BYTES)
  writer.u8(VERSION)
  writer.varint(group)
  writer.u8(isLast ? LAST : 0)
  writer.varint(rows.length)
  for (const { key, value } of rows) {
    writer.bytes(key)
    writer.bytes(value)
  }
  const body = writer.finish()
  return concat([body, hash64(body)])
}

export interface Restored {
  readonly changes: readonly RowChange[]
  /** The last row, by which the next chunk is asked for; undefined if this was the last chunk. */
  readonly next: Uint8Array | undefined
}

/**
 * What a chunk puts into the store of a receiver that has everything up to `after`.
 * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` for bytes that are no chunk, or not this one
 */
export function restoreChunk(
  bytes: Uint8Array,
  { group, after }: { group: number; after: Uint8Array | undefined },
): Restored {
  const body = bytes.subarray(0, Math.max(0, bytes.length - HASH_BYTES))
  if (!equals(hash64(body), bytes.subarray(body.length))) throw malformed('chunk hash', body.length)
  const reader = new BinaryReader(body)
  if (reader.u8() !== VERSION) throw malformed('chunk version', 0)
  if (reader.varint() !== group) throw malformed('chunk of this group', 1)
  const flags = reader.u8()
  const changes: RowChange[] = []
  let last = after ?? new Uint8Array(0)
  for (let count = reader.varint(); count > 0; count--) {
    const { offset } = reader
    const key = reader.bytes(ROW_KEY_BYTES_MAX).slice()
    const value = reader.bytes(ROW_VALUE_BYTES_MAX).slice()
    if (compare(key, last) <= 0 || !isPrimary(group, key)) throw malformed('row order', offset)
    changes.push({ key, value }, ...derivedFrom(key, value))
    last = key
  }
  reader.end()
  return { changes, next: flags === LAST ? undefined : last }
}

/** The rows that follow from a row. */
function derivedFrom(key: Uint8Array, value: Uint8Array): RowChange[] {
  if (key[0] !== SEGMENT_CODE) return []
  const { fragments } = rowOf.segment.decode(value)
  const owed = fragments.length - holdersOf(fragments)
  const holders = [...fragments.entries()]
    .filter(([, { seat }]) => seat !== 0)
    .map(([index, { seat }]) => ({ key: holderRow(seat, key), value: Uint8Array.of(index) }))
  return owed === 0 ? holders : [...holders, { key: debtRow(key), value: u32(owed) }]
}

const SEGMENT_CODE = 0x73
const codes = new Set(tables.map(name => name.charCodeAt(0)))

/** Whether a key may be in a snapshot of this group, wherever its range lies. */
function isPrimary(group: number, key: Uint8Array): boolean {
  const own = groupRow(group, '')
  if (key[0] === 0) return equals(key.subarray(0, own.length), own)
  return key[0] === 1 ? group === SYSTEM_GROUP : codes.has(key[0] ?? 0)
}

interface Section {
  readonly after: Uint8Array
  readonly before: Uint8Array
}

/** Where a group's rows lie, in ascending order: its own, the system's, then its range per table. */
function* sectionsOf(group: number): Program<readonly Section[]> {
  const row = yield* stored.get(rangeRow(group))
  const own = groupRow(group, '')
  const system = systemRow('register', new Uint8Array(0))
  const sections: Section[] = [{ after: own, before: following(own) }]
  if (group === SYSTEM_GROUP) {
    sections.push({ after: system.slice(0, 1), before: following(system.slice(0, 1)) })
  }
  if (row !== undefined) sections.push(...tableSections(rowOf.range.decode(row), tables))
  return sections
}

const tableSections = (
  { lo, hi }: Pick<RangeState, 'lo' | 'hi'>,
  names: readonly (TableName | 'w')[],
): Section[] => names.map(name => tableRange(name, lo, hi))

/**
 * Removes a group's rows, derived ones too, at most `limit` per call; done when it returns none. The
 * range row goes last, so that it can be gone on with after a crash.
 */
export function* eraseRows(group: number, limit: number): Program<readonly RowChange[]> {
  const row = yield* stored.get(rangeRow(group))
  const sections = [...(yield* sectionsOf(group))]
  const [own, ...others] = sections
  if (row !== undefined) others.push(...tableSections(rowOf.range.decode(row), ['w']))
  for (const section of others) {
    const page = yield* stored.page({ ...section, limit })
    const changes = page.flatMap(({ key, value }) => [
      { key, value: undefined },
      ...derivedFrom(key, value).map(derived => ({ key: derived.key, value: undefined })),
    ])
    if (changes.length > 0) return changes
  }
  if (own === undefined) return []
  const page = yield* stored.page({ ...own, limit })
  return page.map(({ key }) => ({ key, value: undefined }))
}

/** A digest of a group's state, the debts too: equal on replicas that applied the same. */
export function* stateHash(group: number): Program<string> {
  const row = yield* stored.get(rangeRow(group))
  const sections = [...(yield* sectionsOf(group))]
  if (row !== undefined) sections.push(...tableSections(rowOf.range.decode(row), ['w']))
  let state = new Uint8Array(8)
  for (const section of sections) {
    let from = section.after
    for (;;) {
      const page = yield* stored.page({ after: from, before: section.before, limit: PAGE_ROWS })
      for (const { key, value } of page) {
        state = hash64(concat([state, hash64(key), hash64(value)]))
      }
      if (page.length < PAGE_ROWS) break
      from = page.at(-1)?.key ?? from
    }
  }
  const [high, low] = hashWords(state)
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0')
}

function malformed(what: string, offset: number): HoldfastError {
  const details: Failure = { code: 'MALFORMED', what, offset }
  return new HoldfastError(`Cannot decode ${what}: at offset ${offset}`, details)
}
