import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { REQUEST_BYTES_MAX } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import { readAccusation, writeAccusation } from './accusation.ts'
import { isBucketCount } from './knowledge.ts'
import { MEMBERS_MAX } from './member-table.ts'
import { BUCKETS_MAX, type SyncEntry, type SyncMessage } from './message.ts'
import { readRecord, writeRecord } from './record.ts'

/**
 * Bodies of requests and answers:
 *
 * ```
 * digest:  tag u8 | own record | count varint | hashes: two u32 each
 * same:    tag u8 | own record
 * differ:  tag u8 | own record | of how many varint | count varint | buckets: varint each | entries
 * entries: tag u8 | own record | entries
 * entries: count varint | each: record | age ms varint | accused u8 | accusation if 1
 * ```
 */
const tags = { digest: 1, same: 2, differ: 3, entries: 4 } as const

export function encodeSync(message: SyncMessage): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(REQUEST_BYTES_MAX)
  writer.u8(tags[message.type])
  writeRecord(writer, message.own)
  if (message.type === 'digest') {
    writer.varint(message.hashes.length / 2)
    for (const word of message.hashes) writer.u32(word)
  }
  if (message.type === 'differ') {
    writer.varint(message.bucketCount)
    writer.varint(message.buckets.length)
    for (const bucket of message.buckets) writer.varint(bucket)
  }
  if ('entries' in message) writeEntries(writer, message.entries)
  return writer.finish()
}

/**
 * Bytes from anybody.
 * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`: no message that any honest peer sends
 */
export function decodeSync(bytes: Uint8Array): SyncMessage {
  const reader = new BinaryReader(bytes)
  const message = readSync(reader)
  reader.end()
  return message
}

function readSync(reader: BinaryReader): SyncMessage {
  const tag = reader.u8()
  const own = readRecord(reader)
  switch (tag) {
    case tags.digest:
      return { type: 'digest', own, hashes: readHashes(reader) }
    case tags.same:
      return { type: 'same', own }
    case tags.differ: {
      const bucketCount = readBucketCount(reader)
      const buckets = readBuckets(reader, bucketCount)
      return { type: 'differ', own, bucketCount, buckets, entries: readEntries(reader) }
    }
    case tags.entries:
      return { type: 'entries', own, entries: readEntries(reader) }
    default:
      throw malformed(`sync message: type ${tag}`, 0)
  }
}

function readHashes(reader: BinaryReader): Uint32Array {
  const buckets = readBucketCount(reader)
  const words = buckets * 2
  if (words * 4 > reader.remaining) throw malformed('hashes', reader.offset)
  const hashes = new Uint32Array(words)
  for (let index = 0; index < words; index++) hashes[index] = reader.u32()
  return hashes
}

function readBucketCount(reader: BinaryReader): number {
  const count = countUpTo(BUCKETS_MAX, reader)
  if (!isBucketCount(count)) throw malformed(`${count} buckets`, reader.offset)
  return count
}

function readBuckets(reader: BinaryReader, bucketCount: number): number[] {
  const count = countUpTo(bucketCount, reader)
  const buckets: number[] = []
  for (let index = 0; index < count; index++) buckets.push(reader.varint())
  return buckets
}

function writeEntries(writer: BinaryWriter, entries: readonly SyncEntry[]): void {
  writer.varint(entries.length)
  for (const { record, accusation, ageMs } of entries) {
    writeRecord(writer, record)
    writer.varint(ageMs)
    writer.u8(accusation === undefined ? 0 : 1)
    if (accusation !== undefined) writeAccusation(writer, accusation)
  }
}

function readEntries(reader: BinaryReader): SyncEntry[] {
  const count = countUpTo(MEMBERS_MAX, reader)
  const entries: SyncEntry[] = []
  for (let index = 0; index < count; index++) {
    const record = readRecord(reader)
    const ageMs = reader.varint()
    const accused = reader.u8()
    if (accused > 1) throw malformed('sync entry', reader.offset - 1)
    entries.push({ record, ageMs, accusation: accused === 1 ? readAccusation(reader) : undefined })
  }
  return entries
}

function countUpTo(limit: number, reader: BinaryReader): number {
  const { offset } = reader
  const count = reader.varint()
  if (count > limit) throw malformed(`count ${count}`, offset)
  return count
}

const malformed = (what: string, offset: number): HoldfastError =>
  new HoldfastError(`Cannot decode ${what}: at offset ${offset}`, {
    code: 'MALFORMED',
    what,
    offset,
  })
