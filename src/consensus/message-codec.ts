/**
 * Messages as bytes. Many travel in one frame between two peers, of many groups:
 *
 *     version u8 | message*
 *     message: group varint | from string | to string | type u8 | term varint | fields
 *     entry:   term varint | kind u8 | bytes                      indexes follow from `previous`
 *
 * Nobody vouches for what comes in: everything is bounded, and what is wrong is `MALFORMED`.
 */
import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { HoldfastError } from '../base/errors.ts'
import type { Entry, EntryKind, LogMark } from './entry.ts'
import type { Append, AppendAnswer, Body, Message } from './message.ts'

export interface Envelope {
  readonly group: number
  readonly message: Message
}

/** The largest frame: a stream's message, of many groups. */
export const FRAME_BYTES_MAX = 8_388_608
const VERSION = 1
const REPLICA_ID_BYTES_MAX = 256
const ENTRIES_MAX = 65_536
const MESSAGES_MAX = 65_536

const kinds: readonly EntryKind[] = ['noop', 'command', 'configuration']
const types = [
  'preVote',
  'preVoteAnswer',
  'vote',
  'voteAnswer',
  'append',
  'appendAnswer',
  'heartbeat',
  'heartbeatAnswer',
  'timeoutNow',
] as const satisfies readonly Body['type'][]

export function encodeMessages(
  envelopes: readonly Envelope[],
  limitBytes: number = FRAME_BYTES_MAX,
): Uint8Array {
  const writer = new BinaryWriter(limitBytes)
  writer.u8(VERSION)
  for (const { group, message } of envelopes) {
    writer.varint(group)
    writer.string(message.from)
    writer.string(message.to)
    writer.u8(types.indexOf(message.type))
    writer.varint(message.term)
    writeFields(writer, message)
  }
  return writer.finish()
}

/**
 * Entries' data are views of `bytes`.
 * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`
 */
export function decodeMessages(bytes: Uint8Array): Envelope[] {
  const reader = new BinaryReader(bytes)
  if (reader.u8() !== VERSION) throw malformed('version', 0)
  const envelopes: Envelope[] = []
  while (reader.remaining > 0) {
    if (envelopes.length === MESSAGES_MAX) throw malformed('end of input', reader.offset)
    envelopes.push(readEnvelope(reader))
  }
  return envelopes
}

function writeFields(writer: BinaryWriter, body: Body): void {
  switch (body.type) {
    case 'preVote':
      return writeMark(writer, body.last)
    case 'vote':
      writeMark(writer, body.last)
      return writer.u8(body.isTransfer ? 1 : 0)
    case 'preVoteAnswer':
    case 'voteAnswer':
      return writer.u8(body.isGranted ? 1 : 0)
    case 'append':
      return writeAppend(writer, body)
    case 'appendAnswer':
      return writeAppendAnswer(writer, body)
    case 'heartbeat':
      writer.varint(body.commit)
      return writer.varint(body.round)
    case 'heartbeatAnswer':
      return writer.varint(body.round)
    case 'timeoutNow':
  }
}

function readEnvelope(reader: BinaryReader): Envelope {
  const group = reader.varint()
  const from = reader.string(REPLICA_ID_BYTES_MAX)
  const to = reader.string(REPLICA_ID_BYTES_MAX)
  const { offset } = reader
  const type = types[reader.u8()]
  if (type === undefined) throw malformed('message type', offset)
  return { group, message: { from, to, ...readBody(reader, type, reader.varint()) } }
}

function readBody(reader: BinaryReader, type: Body['type'], term: number): Body {
  switch (type) {
    case 'preVote':
      return { type, term, last: readMark(reader) }
    case 'vote':
      return { type, term, last: readMark(reader), isTransfer: readFlag(reader) }
    case 'preVoteAnswer':
    case 'voteAnswer':
      return { type, term, isGranted: readFlag(reader) }
    case 'append':
      return readAppend(reader, term)
    case 'appendAnswer':
      return readAppendAnswer(reader, term)
    case 'heartbeat':
      return { type, term, commit: reader.varint(), round: reader.varint() }
    case 'heartbeatAnswer':
      return { type, term, round: reader.varint() }
    case 'timeoutNow':
      return { type, term }
  }
}

function writeAppend(writer: BinaryWriter, { previous, entries, commit }: Append): void {
  writeMark(writer, previous)
  writer.varint(commit)
  writer.varint(entries.length)
  for (const { term, kind, data } of entries) {
    writer.varint(term)
    writer.u8(kinds.indexOf(kind))
    writer.bytes(data)
  }
}

function readAppend(reader: BinaryReader, term: number): Append {
  const previous = readMark(reader)
  const commit = reader.varint()
  const { offset } = reader
  const count = reader.varint()
  if (count > ENTRIES_MAX) throw malformed('entries', offset)
  const entries: Entry[] = []
  let last = previous
  for (let at = 0; at < count; at++) {
    const entry = readEntry(reader, last)
    if (entry.term > term) throw malformed('entry', reader.offset)
    entries.push(entry)
    last = entry
  }
  return { type: 'append', term, previous, entries, commit }
}

function readEntry(reader: BinaryReader, previous: LogMark): Entry {
  const { offset } = reader
  const term = reader.varint()
  const kind = kinds[reader.u8()]
  if (kind === undefined || term < previous.term) throw malformed('entry', offset)
  return { index: previous.index + 1, term, kind, data: reader.bytes(reader.remaining) }
}

function writeAppendAnswer(writer: BinaryWriter, { match, miss }: AppendAnswer): void {
  writer.u8(miss === undefined ? 0 : 1)
  if (miss === undefined) return writer.varint(match)
  writer.varint(miss.index)
  writeMark(writer, miss.hint)
}

function readAppendAnswer(reader: BinaryReader, term: number): AppendAnswer {
  const isMiss = readFlag(reader)
  if (!isMiss) return { type: 'appendAnswer', term, match: reader.varint(), miss: undefined }
  const miss = { index: reader.varint(), hint: readMark(reader) }
  return { type: 'appendAnswer', term, match: 0, miss }
}

function writeMark(writer: BinaryWriter, { index, term }: LogMark): void {
  writer.varint(index)
  writer.varint(term)
}

const readMark = (reader: BinaryReader): LogMark => ({
  index: reader.varint(),
  term: reader.varint(),
})

function readFlag(reader: BinaryReader): boolean {
  const { offset } = reader
  const flag = reader.u8()
  if (flag > 1) throw malformed('flag', offset)
  return flag === 1
}

function malformed(what: string, offset: number): HoldfastError {
  const details = { code: 'MALFORMED', what, offset } as const
  return new HoldfastError(`Cannot decode message: ${what} at offset ${offset}`, details)
}
