/**
 * How a group's log and ballot lie in the records of the shared log.
 *
 *     state:  version u8 | replica string | term varint | vote string | commit varint
 *     entry:  kind u8 | data
 */
import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { HoldfastError } from '../../base/errors.ts'
import type { Entry, EntryKind, HardState, ReplicaId } from '../../consensus/entry.ts'
import type { Persist } from '../../consensus/raft-effect.ts'
import { encodedBytesMax, type WalRecord } from '../../storage/wal-record.ts'
import type { WalEntry } from '../../storage/wal.ts'

const VERSION = 1
const STATE_BYTES_MAX = 1_024
const REPLICA_ID_BYTES_MAX = 256
const kinds: readonly EntryKind[] = ['noop', 'command', 'configuration']

/** Records that fit into one append, with room to spare below the log's largest frame. */
const APPEND_BYTES_MAX = 3_145_728

export interface GroupState {
  /** Under which name this log has promised what it has. */
  readonly replica: ReplicaId
  readonly hard: HardState
}

export function encodeState({ replica, hard }: GroupState): Uint8Array {
  const writer = new BinaryWriter(STATE_BYTES_MAX)
  writer.u8(VERSION)
  writer.string(replica)
  writer.varint(hard.term)
  writer.string(hard.vote ?? '')
  writer.varint(hard.commit)
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function decodeState(bytes: Uint8Array): GroupState {
  const reader = new BinaryReader(bytes)
  const version = reader.u8()
  if (version !== VERSION) throw malformed('group state', 0)
  const replica = reader.string(REPLICA_ID_BYTES_MAX)
  const term = reader.varint()
  const vote = reader.string(REPLICA_ID_BYTES_MAX)
  const commit = reader.varint()
  reader.end()
  return { replica, hard: { term, vote: vote === '' ? undefined : vote, commit } }
}

export function encodeEntry({ kind, data }: Entry): Uint8Array {
  const payload = new Uint8Array(1 + data.length)
  payload[0] = kinds.indexOf(kind)
  payload.set(data, 1)
  return payload
}

/** @throws {HoldfastError} `MALFORMED` */
export function decodeEntry({ index, term, payload }: WalEntry): Entry {
  const kind = kinds[payload[0] ?? kinds.length]
  if (kind === undefined) throw malformed('group entry', 0)
  return { index, term, kind, data: payload.subarray(1) }
}

/** The records of a write, in appends that each fit into a frame; none if nothing is to be written. */
export function recordsOf(
  group: number,
  replica: ReplicaId,
  { hard, base, entries, trim }: Persist,
): WalRecord[][] {
  const records: WalRecord[] = []
  if (base !== undefined) records.push({ type: 'base', group, ...base })
  if (hard !== undefined) {
    records.push({ type: 'state', group, payload: encodeState({ replica, hard }) })
  }
  for (const entry of entries) {
    const { index, term } = entry
    records.push({ type: 'entry', group, index, term, payload: encodeEntry(entry) })
  }
  if (trim !== undefined) records.push({ type: 'trim', group, ...trim })
  return inAppends(records)
}

function inAppends(records: readonly WalRecord[]): WalRecord[][] {
  const appends: WalRecord[][] = []
  let sizeBytes = Number.POSITIVE_INFINITY
  for (const record of records) {
    const recordBytes = encodedBytesMax([record])
    if (sizeBytes + recordBytes > APPEND_BYTES_MAX) {
      appends.push([])
      sizeBytes = 0
    }
    appends.at(-1)?.push(record)
    sizeBytes += recordBytes
  }
  return appends
}

function malformed(what: string, offset: number): HoldfastError {
  const details = { code: 'MALFORMED', what, offset } as const
  return new HoldfastError(`Cannot decode ${what}: at offset ${offset}`, details)
}
