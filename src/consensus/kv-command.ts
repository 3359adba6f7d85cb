import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { fromUtf8 } from '../base/bytes.ts'
import { HoldfastError } from '../base/errors.ts'

/**
 * What can be asked of the key-value machine through the log, and what it answers.
 *
 *     command  type u8 | key | put: value | delete: – | cas: condition, hasValue u8, value
 *     answer   type u8 | written: revision | conflict: hasEntry u8, revision, value | refused: reason
 *
 * Strings and values stand behind their length. A decoder refuses what an encoder cannot write.
 */
export type KvCommand =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: string }
  /** Writes if the condition holds; an undefined value deletes. */
  | {
      readonly type: 'cas'
      readonly key: string
      readonly expected: KvCondition
      readonly value: Uint8Array | undefined
    }

export type KvCondition =
  | { readonly type: 'absent' }
  | { readonly type: 'revision'; readonly revision: number }
  | { readonly type: 'value'; readonly value: Uint8Array }

export type KvAnswer =
  /** It happened; `revision` is the log index of the command. */
  | { readonly type: 'written'; readonly revision: number }
  /** It changed nothing, for this is what was there; of a delete, nothing. */
  | { readonly type: 'conflict'; readonly entry: KvEntry | undefined }
  /** It never happens, now or later. */
  | { readonly type: 'refused'; readonly reason: KvRefusal }

export interface KvEntry {
  readonly key: string
  readonly value: Uint8Array
  /** Log index of the command that wrote it. */
  readonly revision: number
}

/** Not understood; too many keys; too many bytes in all. */
type KvRefusal = 'malformed' | 'keys' | 'bytes'

export const KV_KEY_BYTES_MAX = 512
export const KV_VALUE_BYTES_MAX = 65_536
const COMMAND_BYTES_MAX = 2 * KV_VALUE_BYTES_MAX + KV_KEY_BYTES_MAX + 64

const commandTags = ['put', 'delete', 'cas'] as const
const conditionTags = ['absent', 'revision', 'value'] as const
const answerTags = ['written', 'conflict', 'refused'] as const
const refusals = ['malformed', 'keys', 'bytes'] as const

/** What most answers take. */
const ANSWER_BYTES = 16
const OVERHEAD_BYTES = 16

/** What a command takes, about. */
const sizeOf = (command: KvCommand): number =>
  OVERHEAD_BYTES + command.key.length + ('value' in command ? (command.value?.length ?? 0) : 0)

/** @throws {HoldfastError} `TOO_LARGE` for a key or a value above its bound, or an empty key. */
export function encodeKvCommand(command: KvCommand): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(COMMAND_BYTES_MAX, sizeOf(command))
  writer.u8(commandTags.indexOf(command.type))
  writeKey(writer, command.key)
  if (command.type === 'put') writeValue(writer, command.value)
  if (command.type === 'cas') {
    writeCondition(writer, command.expected)
    writeOptional(writer, command.value)
  }
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function decodeKvCommand(bytes: Uint8Array): KvCommand {
  const reader = new BinaryReader(bytes)
  const type = readTag(reader, commandTags)
  const key = readKvKey(reader)
  const command = readRest(reader, type, key)
  reader.end()
  return command
}

function readRest(reader: BinaryReader, type: KvCommand['type'], key: string): KvCommand {
  switch (type) {
    case 'put':
      return { type, key, value: reader.bytes(KV_VALUE_BYTES_MAX) }
    case 'delete':
      return { type, key }
    case 'cas':
      return { type, key, expected: readCondition(reader), value: readOptional(reader) }
  }
}

export function encodeKvAnswer(answer: KvAnswer): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(COMMAND_BYTES_MAX, ANSWER_BYTES)
  writer.u8(answerTags.indexOf(answer.type))
  if (answer.type === 'written') writer.varint(answer.revision)
  if (answer.type === 'refused') writer.u8(refusals.indexOf(answer.reason))
  if (answer.type === 'conflict') {
    writer.u8(answer.entry === undefined ? 0 : 1)
    if (answer.entry !== undefined) writeKvEntry(writer, answer.entry)
  }
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function decodeKvAnswer(bytes: Uint8Array): KvAnswer {
  const reader = new BinaryReader(bytes)
  const answer = readAnswer(reader)
  reader.end()
  return answer
}

function readAnswer(reader: BinaryReader): KvAnswer {
  const type = readTag(reader, answerTags)
  switch (type) {
    case 'written':
      return { type, revision: reader.varint() }
    case 'conflict':
      return { type, entry: readFlag(reader) ? readKvEntry(reader) : undefined }
    case 'refused':
      return { type, reason: readTag(reader, refusals) }
  }
}

/** key | revision varint | value */
export function writeKvEntry(writer: BinaryWriter, { key, value, revision }: KvEntry): void {
  writer.string(key)
  writer.varint(revision)
  writer.bytes(value)
}

/** The value is a copy. */
export function readKvEntry(reader: BinaryReader): KvEntry {
  const key = readKvKey(reader)
  const revision = reader.varint()
  return { key, revision, value: reader.bytes(KV_VALUE_BYTES_MAX).slice() }
}

export function readKvKey(reader: BinaryReader): string {
  const start = reader.offset
  const key = reader.string(KV_KEY_BYTES_MAX)
  if (key === '') throw malformed('key', start)
  return key
}

export function readFlag(reader: BinaryReader): boolean {
  return readTag(reader, [false, true])
}

/** One of these, by its position. */
export function readTag<Tag>(reader: BinaryReader, tags: readonly Tag[]): Tag {
  const { offset } = reader
  const at = reader.u8()
  if (at >= tags.length) throw malformed('tag', offset)
  return tags[at] as Tag
}

function writeKey(writer: BinaryWriter, key: string): void {
  if (key === '' || !key.isWellFormed()) throw malformed('key', 0)
  checkSize('key', fromUtf8(key).length, KV_KEY_BYTES_MAX)
  writer.string(key)
}

function writeValue(writer: BinaryWriter, value: Uint8Array): void {
  checkSize('value', value.length, KV_VALUE_BYTES_MAX)
  writer.bytes(value)
}

function writeOptional(writer: BinaryWriter, value: Uint8Array | undefined): void {
  writer.u8(value === undefined ? 0 : 1)
  if (value !== undefined) writeValue(writer, value)
}

const readOptional = (reader: BinaryReader): Uint8Array | undefined =>
  readFlag(reader) ? reader.bytes(KV_VALUE_BYTES_MAX) : undefined

function writeCondition(writer: BinaryWriter, condition: KvCondition): void {
  writer.u8(conditionTags.indexOf(condition.type))
  if (condition.type === 'revision') writer.varint(condition.revision)
  if (condition.type === 'value') writeValue(writer, condition.value)
}

function readCondition(reader: BinaryReader): KvCondition {
  const type = readTag(reader, conditionTags)
  switch (type) {
    case 'absent':
      return { type }
    case 'revision':
      return { type, revision: reader.varint() }
    case 'value':
      return { type, value: reader.bytes(KV_VALUE_BYTES_MAX) }
  }
}

function checkSize(what: string, size: number, limit: number): void {
  if (size <= limit) return
  throw new HoldfastError(`Cannot encode ${what}: ${size} bytes, limit ${limit}`, {
    code: 'TOO_LARGE',
    what,
    size,
    limit,
  })
}

const malformed = (what: string, offset: number): HoldfastError =>
  new HoldfastError(`Cannot take ${what}: at offset ${offset}`, { code: 'MALFORMED', what, offset })
