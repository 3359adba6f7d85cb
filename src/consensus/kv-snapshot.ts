import { fromUtf8 } from '../base/bytes.ts'
import { KV_CHANGES_MAX } from './kv-changes.ts'
import { type KvEntry, readKvEntry, writeKvEntry } from './kv-command.ts'
import { type KvChange, readKvChange, writeKvChange } from './kv-question.ts'
import { brokenSnapshot, type ItemWriter, PieceReader, piecesOf } from './snapshot-pieces.ts'
import { StateHash } from './state-hash.ts'

/** What a key-value machine is made of. */
export interface KvState {
  /** Of the last command applied. */
  readonly index: number
  /** In the order of their keys. */
  readonly entries: readonly KvEntry[]
  readonly changes: readonly KvChange[]
  /** Changes up to here are forgotten. */
  readonly oldest: number
  readonly hash: string
}

/**
 * The state in pieces, made as they are asked for. Each piece is a run of whole items:
 *
 *     version u8 | index | oldest | entries varint | changes varint | hash string
 *     entry… change…
 */
export const writeKvSnapshot = (state: KvState): Iterable<Uint8Array> => piecesOf(itemsOf(state))

const VERSION = 1
const HASH_BYTES = 16

function* itemsOf({ index, oldest, entries, changes, hash }: KvState): Generator<ItemWriter> {
  yield writer => {
    writer.u8(VERSION)
    for (const number of [index, oldest, entries.length, changes.length]) writer.varint(number)
    writer.string(hash)
  }
  for (const entry of entries) yield writer => writeKvEntry(writer, entry)
  for (const change of changes) yield writer => writeKvChange(writer, change)
}

/**
 * The state a snapshot holds; its values are copies.
 * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` for anything `writeKvSnapshot` did not write.
 */
export function readKvSnapshot(pieces: readonly Uint8Array[], keysMax: number): KvState {
  const items = new PieceReader(pieces)
  const head = items.next()
  if (head.u8() !== VERSION) throw brokenSnapshot('version')
  const index = head.varint()
  const oldest = head.varint()
  const entryCount = head.varint()
  const changeCount = head.varint()
  if (entryCount > keysMax || changeCount > KV_CHANGES_MAX) throw brokenSnapshot('counts')
  const hash = head.string(HASH_BYTES)
  const entries: KvEntry[] = []
  for (let at = 0; at < entryCount; at++) entries.push(readKvEntry(items.next()))
  const changes: KvChange[] = []
  for (let at = 0; at < changeCount; at++) changes.push(readKvChange(items.next()))
  if (items.rest().length > 0) throw brokenSnapshot('end')
  const state = { index, oldest, entries, changes, hash }
  checkState(state)
  return state
}

/** What the hash of the state depends on. */
export const hashedParts = ({ key, value, revision }: KvEntry): (number | Uint8Array)[] => [
  fromUtf8(key),
  value,
  revision,
]

function checkState({ index, oldest, entries, changes, hash }: KvState): void {
  const isOrdered = entries.every(
    (entry, at) => at === 0 || (entries[at - 1]?.key ?? '') < entry.key,
  )
  const revisions = [oldest, ...changes.map(({ revision }) => revision)]
  const isRising = revisions.every(
    (revision, at) => at === 0 || (revisions[at - 1] ?? 0) < revision,
  )
  const isPast =
    entries.every(({ revision }) => revision <= index) && (revisions.at(-1) ?? 0) <= index
  const found = new StateHash()
  for (const entry of entries) found.add(hashedParts(entry))
  if (!isOrdered || !isRising || !isPast) throw brokenSnapshot('order')
  if (found.digest() !== hash) throw brokenSnapshot('hash')
}
