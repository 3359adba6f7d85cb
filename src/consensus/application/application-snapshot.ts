import type { BinaryReader } from '../../base/binary-reader.ts'
import { brokenSnapshot, type ItemWriter, PieceReader, piecesOf } from '../snapshot-pieces.ts'
import { KEY_UNITS_MAX, VALUE_BYTES_MAX } from './definition.ts'
import type { KeptEvent } from './event-backlog.ts'
import type { KeptAnswer } from './key-book.ts'
import type { StagedFile } from './machine-command.ts'
import type { Stage } from './stage-book.ts'
import type { SetTimer } from './timer-book.ts'

/**
 * The state of a machine in pieces of whole items:
 *
 *     format u8 | index | ms | count | version | oldest event | rows | keys | timers | stages | events
 *     for each row: key | text, for each key: key | print | type u8 | index | ms | count | text, …
 *     hash
 */
export interface ApplicationState {
  readonly index: number
  readonly stamp: { readonly ms: number; readonly count: number }
  readonly version: number
  readonly rows: readonly [string, string][]
  readonly keys: readonly [string, KeptAnswer][]
  readonly timers: readonly SetTimer[]
  readonly stages: readonly Stage[]
  readonly events: readonly KeptEvent[]
  /** Events up to this were forgotten. */
  readonly oldest: number
  readonly hash: string
}

const FORMAT = 1
const NAME_BYTES_MAX = KEY_UNITS_MAX * 3
const HASH_BYTES_MAX = 64

export const writeApplication = (state: ApplicationState): Iterable<Uint8Array> =>
  piecesOf(itemsOf(state))

function* itemsOf(state: ApplicationState): Generator<ItemWriter> {
  const { rows, keys, timers, stages, events } = state
  yield writer => {
    writer.u8(FORMAT)
    const { index, stamp, version, oldest } = state
    for (const each of [index, stamp.ms, stamp.count, version, oldest]) writer.varint(each)
    for (const { length } of [rows, keys, timers, stages, events]) writer.varint(length)
  }
  for (const [key, text] of rows) {
    yield writer => {
      writer.string(key)
      writer.string(text)
    }
  }
  for (const [key, { print, type, index, ms, count, text }] of keys) {
    yield writer => {
      writer.string(key)
      writer.string(print)
      writer.u8(type === 'done' ? 1 : 0)
      for (const each of [index, ms, count]) writer.varint(each)
      writer.string(text)
    }
  }
  for (const { name, dueMs, payload } of timers) {
    yield writer => {
      writer.string(name)
      writer.varint(dueMs)
      writer.string(payload)
    }
  }
  for (const { id, untilMs, isOver, files } of stages) {
    yield writer => {
      writer.string(id)
      writer.varint(untilMs)
      writer.u8(isOver ? 1 : 0)
      writer.string(JSON.stringify(files))
    }
  }
  for (const { index, ms, count, text, isLast } of events) {
    yield writer => {
      for (const each of [index, ms, count]) writer.varint(each)
      writer.u8(isLast ? 1 : 0)
      writer.string(text)
    }
  }
  yield writer => writer.string(state.hash)
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function readApplication(pieces: readonly Uint8Array[]): ApplicationState {
  const items = new PieceReader(pieces)
  const head = items.next()
  if (head.u8() !== FORMAT) throw brokenSnapshot('format')
  const [index, ms, count, version, oldest] = numbers(head)
  const [rowCount, keyCount, timerCount, stageCount, eventCount] = numbers(head)
  const rows = many(items, rowCount, (item): [string, string] => [
    item.string(NAME_BYTES_MAX),
    item.string(VALUE_BYTES_MAX),
  ])
  for (let at = 1; at < rows.length; at++) {
    if ((rows[at - 1]?.[0] ?? '') >= (rows[at]?.[0] ?? '')) throw brokenSnapshot('order of rows')
  }
  const keys = many(items, keyCount, readKey)
  const timers = many(items, timerCount, readTimer)
  const stages = many(items, stageCount, readStage)
  const events = many(items, eventCount, readEvent)
  const hash = items.next().string(HASH_BYTES_MAX)
  if (items.rest().length > 0) throw brokenSnapshot('end')
  const stamp = { ms, count }
  return { index, stamp, version, oldest, rows, keys, timers, stages, events, hash }
}

type Five = [number, number, number, number, number]

const numbers = (item: BinaryReader): Five => [
  item.varint(),
  item.varint(),
  item.varint(),
  item.varint(),
  item.varint(),
]

function many<Item>(items: PieceReader, count: number, read: (item: BinaryReader) => Item): Item[] {
  const found: Item[] = []
  // One after the other: what a count claims is not believed before it was read.
  for (let at = 0; at < count; at++) found.push(read(items.next()))
  return found
}

function readKey(item: BinaryReader): [string, KeptAnswer] {
  const key = item.string(NAME_BYTES_MAX)
  const print = item.string(NAME_BYTES_MAX)
  const type = item.u8() === 1 ? 'done' : 'refused'
  const [index, ms, count] = [item.varint(), item.varint(), item.varint()]
  return [key, { print, type, index, ms, count, text: item.string(VALUE_BYTES_MAX) }]
}

const readTimer = (item: BinaryReader): SetTimer => ({
  name: item.string(NAME_BYTES_MAX),
  dueMs: item.varint(),
  payload: item.string(VALUE_BYTES_MAX),
})

function readStage(item: BinaryReader): Stage {
  const id = item.string(NAME_BYTES_MAX)
  const untilMs = item.varint()
  const isOver = item.u8() === 1
  const files = JSON.parse(item.string(VALUE_BYTES_MAX)) as StagedFile[]
  return { id, untilMs, isOver, files }
}

function readEvent(item: BinaryReader): KeptEvent {
  const [index, ms, count] = [item.varint(), item.varint(), item.varint()]
  const isLast = item.u8() === 1
  return { index, ms, count, isLast, text: item.string(VALUE_BYTES_MAX) }
}
