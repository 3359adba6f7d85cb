import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { HoldfastError } from '../base/errors.ts'
import {
  KV_KEY_BYTES_MAX,
  KV_VALUE_BYTES_MAX,
  type KvEntry,
  readFlag,
  readKvEntry,
  readKvKey,
  readTag,
  writeKvEntry,
} from './kv-command.ts'

/**
 * What can be asked of the key-value machine without changing it.
 *
 *     question  type u8 | get: key | list: prefix, after, limit | changes: prefix, after, limit
 *     reply     type u8 | entry: flag, entry | entries: count, entry…, isMore
 *               | changes: count, change…, through | trimmed: oldest
 */
export type KvQuestion =
  | { readonly type: 'get'; readonly key: string }
  /** Keys that begin with `prefix` and come behind `after`, in order. */
  | {
      readonly type: 'list'
      readonly prefix: string
      readonly after: string
      readonly limit: number
    }
  /** What changed under `prefix` by commands above index `after`, in order. */
  | {
      readonly type: 'changes'
      readonly prefix: string
      readonly after: number
      readonly limit: number
    }

export type KvReply =
  | { readonly type: 'entry'; readonly entry: KvEntry | undefined }
  | { readonly type: 'entries'; readonly entries: readonly KvEntry[]; readonly isMore: boolean }
  /** All there was up to index `through`: ask for what comes after it next. */
  | { readonly type: 'changes'; readonly changes: readonly KvChange[]; readonly through: number }
  /** Changes up to index `oldest` are no longer known: read the keys, then watch from there. */
  | { readonly type: 'trimmed'; readonly oldest: number }

export interface KvChange {
  readonly key: string
  /** Undefined where the key was deleted. */
  readonly value: Uint8Array | undefined
  readonly revision: number
}

/** Entries or changes in one reply; their bytes are bounded as well. */
export const KV_REPLY_ITEMS_MAX = 1_000
export const KV_REPLY_BYTES_MAX = 524_288
const QUESTION_BYTES_MAX = 2 * KV_KEY_BYTES_MAX + 32
/** The last item may overshoot the bound. */
const ENCODED_BYTES_MAX = KV_REPLY_BYTES_MAX + KV_VALUE_BYTES_MAX + KV_KEY_BYTES_MAX + 64

const questionTags = ['get', 'list', 'changes'] as const
const replyTags = ['entry', 'entries', 'changes', 'trimmed'] as const

/** @throws {HoldfastError} `TOO_LARGE` for a key or prefix above its bound. */
export function encodeKvQuestion(question: KvQuestion): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(QUESTION_BYTES_MAX)
  writer.u8(questionTags.indexOf(question.type))
  if (question.type === 'get') writer.string(question.key)
  else {
    writer.string(question.prefix)
    if (question.type === 'list') writer.string(question.after)
    else writer.varint(question.after)
    writer.varint(question.limit)
  }
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function decodeKvQuestion(bytes: Uint8Array): KvQuestion {
  const reader = new BinaryReader(bytes)
  const question = readQuestion(reader)
  reader.end()
  return question
}

function readQuestion(reader: BinaryReader): KvQuestion {
  const type = readTag(reader, questionTags)
  if (type === 'get') return { type, key: readKvKey(reader) }
  const prefix = reader.string(KV_KEY_BYTES_MAX)
  if (type === 'list') {
    return { type, prefix, after: reader.string(KV_KEY_BYTES_MAX), limit: readCount(reader) }
  }
  return { type, prefix, after: reader.varint(), limit: readCount(reader) }
}

export function encodeKvReply(reply: KvReply): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(ENCODED_BYTES_MAX)
  writer.u8(replyTags.indexOf(reply.type))
  switch (reply.type) {
    case 'entry':
      writer.u8(reply.entry === undefined ? 0 : 1)
      if (reply.entry !== undefined) writeKvEntry(writer, reply.entry)
      break
    case 'entries':
      writer.varint(reply.entries.length)
      for (const entry of reply.entries) writeKvEntry(writer, entry)
      writer.u8(reply.isMore ? 1 : 0)
      break
    case 'changes':
      writer.varint(reply.changes.length)
      for (const change of reply.changes) writeKvChange(writer, change)
      writer.varint(reply.through)
      break
    case 'trimmed':
      writer.varint(reply.oldest)
  }
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function decodeKvReply(bytes: Uint8Array): KvReply {
  const reader = new BinaryReader(bytes)
  const reply = readReply(reader)
  reader.end()
  return reply
}

function readReply(reader: BinaryReader): KvReply {
  const type = readTag(reader, replyTags)
  switch (type) {
    case 'entry':
      return { type, entry: readFlag(reader) ? readKvEntry(reader) : undefined }
    case 'entries': {
      const entries = Array.from({ length: readCount(reader) }, () => readKvEntry(reader))
      return { type, entries, isMore: readFlag(reader) }
    }
    case 'changes': {
      const changes = Array.from({ length: readCount(reader) }, () => readKvChange(reader))
      return { type, changes, through: reader.varint() }
    }
    case 'trimmed':
      return { type, oldest: reader.varint() }
  }
}

/** key | revision varint | hasValue u8 | value */
export function writeKvChange(writer: BinaryWriter, { key, value, revision }: KvChange): void {
  writer.string(key)
  writer.varint(revision)
  writer.u8(value === undefined ? 0 : 1)
  if (value !== undefined) writer.bytes(value)
}

/** The value is a copy. */
export function readKvChange(reader: BinaryReader): KvChange {
  const key = readKvKey(reader)
  const revision = reader.varint()
  const value = readFlag(reader) ? reader.bytes(KV_VALUE_BYTES_MAX).slice() : undefined
  return { key, revision, value }
}

function readCount(reader: BinaryReader): number {
  const { offset } = reader
  const count = reader.varint()
  if (count <= KV_REPLY_ITEMS_MAX) return count
  throw new HoldfastError(`Cannot decode count: ${count} at offset ${offset}`, {
    code: 'MALFORMED',
    what: 'count',
    offset,
  })
}
