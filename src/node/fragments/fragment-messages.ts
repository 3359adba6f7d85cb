/**
 * What peers say to each other about fragments. Small answers are requests, bulk goes by stream:
 *
 *     request fragments/put/1     put ‖ bytes                → outcome u8
 *     request fragments/read/1    read                       → found ‖ bytes
 *     request fragments/call/1    commit, release, stat, …   → what it is asked for
 *     stream  fragments/put/1     size u32 ‖ put, bytes      → size u32 ‖ answer
 *     stream  fragments/read/1    size u32 ‖ read            → size u32 ‖ answer, bytes
 *
 *     put      | id 36 | segment | index u8 | size | sealed | lease ms |
 *     read     | id 36 | from | to | leaves wanted u8 |
 *     found    | leaves | size |
 *     answer   | 0 u8 | outcome u8 or found |    or    | 1 u8 | failure as text |
 *
 * Numbers are varints, byte strings stand behind their length, times are whole milliseconds.
 */
import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { concat, fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import {
  decodeFragmentId,
  encodeFragmentId,
  formatFragmentId,
  ID_BYTES,
  parseFragmentId,
} from '../../erasure/fragment-id.ts'
import { DIGEST_BYTES } from '../../erasure/hash.ts'
import { CELL_BYTES } from '../../erasure/layout.ts'
import { LEAVES_MAX } from '../../erasure/leaves.ts'
import { failureFromText, failureToText } from '../../net/failures.ts'
import {
  REFERENCES_MAX,
  SEALED_BYTES_MAX,
  SEGMENT_ID_BYTES_MAX,
} from '../../storage/fragment-record.ts'
import { type FragmentInfo, NONCE_BYTES, type RevealedCell } from '../../storage/fragment-store.ts'

export const PUT = 'fragments/put/1'
export const READ = 'fragments/read/1'
export const CALL = 'fragments/call/1'

/** The largest of the messages above without the bytes behind it. */
export const MESSAGE_BYTES_MAX = 16_384
/** A fragment is put, or cells are read, by a request up to here, and by a stream above. */
export const REQUEST_CELLS_BYTES_MAX = 131_072
/** What is said of a fragment: all its references, each with its sealed header. */
const INFO_BYTES_MAX: number =
  REFERENCES_MAX * (SEALED_BYTES_MAX + SEGMENT_ID_BYTES_MAX + 32) + 1_024
const LEAVES_BYTES_MAX: number = LEAVES_MAX * DIGEST_BYTES
const FAILURE_BYTES_MAX = 8_192

export interface PutMessage {
  readonly id: string
  readonly segment: Uint8Array
  readonly index: number
  readonly sizeBytes: number
  readonly sealed: Uint8Array
  readonly leaseMs: number
}

export interface ReadMessage {
  readonly id: string
  readonly from: number
  readonly to: number
  readonly wantsLeaves: boolean
}

export interface Found {
  /** Of the whole fragment; empty where they were not wanted. */
  readonly leaves: Uint8Array
  /** Of the cells that follow. */
  readonly sizeBytes: number
}

export type CallMessage =
  | { readonly type: 'commit'; readonly id: string; readonly segment: Uint8Array; index: number }
  | {
      readonly type: 'release'
      readonly id: string
      readonly segment: Uint8Array
      readonly index: number
      readonly graceMs: number
    }
  | { readonly type: 'stat'; readonly id: string }
  | {
      readonly type: 'prove'
      readonly id: string
      readonly cell: number
      readonly nonce: Uint8Array
    }
  | { readonly type: 'reveal'; readonly id: string; readonly cell: number }

const calls = ['commit', 'release', 'stat', 'prove', 'reveal'] as const
const outcomes = ['stored', 'present'] as const
export type Outcome = (typeof outcomes)[number]

export function encodePut(message: PutMessage): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(MESSAGE_BYTES_MAX)
  writeId(writer, message.id)
  writer.bytes(message.segment)
  writer.u8(message.index)
  writer.varint(message.sizeBytes)
  writer.bytes(message.sealed)
  writer.varint(message.leaseMs)
  return writer.finish()
}

/** What is left behind it is the fragment, if it came by a request. */
export function readPut(reader: BinaryReader): PutMessage {
  return {
    id: readId(reader),
    segment: reader.bytes(SEGMENT_ID_BYTES_MAX).slice(),
    index: reader.u8(),
    sizeBytes: reader.varint(),
    sealed: reader.bytes(SEALED_BYTES_MAX).slice(),
    leaseMs: reader.varint(),
  }
}

export function encodeRead(message: ReadMessage): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(MESSAGE_BYTES_MAX)
  writeId(writer, message.id)
  writer.varint(message.from)
  writer.varint(message.to)
  writer.u8(message.wantsLeaves ? 1 : 0)
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED` */
export function decodeRead(bytes: Uint8Array): ReadMessage {
  const reader = new BinaryReader(bytes)
  const message = {
    id: readId(reader),
    from: reader.varint(),
    to: reader.varint(),
    wantsLeaves: reader.u8() !== 0,
  }
  reader.end()
  if (message.from <= message.to && message.to <= LEAVES_MAX) return message
  throw malformed('range of cells', 0)
}

export function encodeFound({ leaves, sizeBytes }: Found): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(LEAVES_BYTES_MAX + 32, leaves.length + 32)
  writer.bytes(leaves)
  writer.varint(sizeBytes)
  return writer.finish()
}

/** @param cells how many were asked for, and so may follow at most */
export function readFound(reader: BinaryReader, cells: number): Found {
  const leaves = reader.bytes(LEAVES_BYTES_MAX).slice()
  const sizeBytes = reader.varint()
  if (sizeBytes <= cells * CELL_BYTES) return { leaves, sizeBytes }
  throw malformed('size of cells', reader.offset)
}

export function encodeCall(message: CallMessage): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(MESSAGE_BYTES_MAX)
  writer.u8(calls.indexOf(message.type))
  writeId(writer, message.id)
  switch (message.type) {
    case 'commit':
    case 'release':
      writer.bytes(message.segment)
      writer.u8(message.index)
      if (message.type === 'release') writer.varint(message.graceMs)
      break
    case 'prove':
    case 'reveal':
      writer.varint(message.cell)
      if (message.type === 'prove') writer.fixed(message.nonce)
      break
    case 'stat':
      break
  }
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `HASH_UNKNOWN` */
export function decodeCall(bytes: Uint8Array): CallMessage {
  const reader = new BinaryReader(bytes)
  const message = readCall(reader)
  reader.end()
  return message
}

function readCall(reader: BinaryReader): CallMessage {
  const type = calls[reader.u8()]
  if (type === undefined) throw malformed('call', 0)
  const id = readId(reader)
  switch (type) {
    case 'commit':
      return { type, id, segment: readSegment(reader), index: reader.u8() }
    case 'release': {
      const [segment, index] = [readSegment(reader), reader.u8()]
      return { type, id, segment, index, graceMs: reader.varint() }
    }
    case 'stat':
      return { type, id }
    case 'prove':
      return { type, id, cell: readCell(reader), nonce: reader.fixed(NONCE_BYTES).slice() }
    case 'reveal':
      return { type, id, cell: readCell(reader) }
  }
}

export const encodeOutcome = (outcome: Outcome): Uint8Array<ArrayBuffer> =>
  Uint8Array.of(outcomes.indexOf(outcome))

/** @throws {HoldfastError} `MALFORMED` */
export function decodeOutcome(bytes: Uint8Array): Outcome {
  const outcome = outcomes[bytes[0] ?? outcomes.length]
  if (bytes.length === 1 && outcome !== undefined) return outcome
  throw malformed('outcome', 0)
}

/** Empty if there is none. */
export function encodeInfo(info: FragmentInfo | undefined): Uint8Array<ArrayBuffer> {
  if (info === undefined) return new Uint8Array(0)
  const writer = new BinaryWriter(INFO_BYTES_MAX)
  writeId(writer, info.id)
  writer.varint(info.sizeBytes)
  writer.u8(info.isRotten ? 1 : 0)
  writer.varint(info.references.length)
  for (const { segment, index, untilMs, sealed } of info.references) {
    writer.bytes(segment)
    writer.u8(index)
    writer.varint(untilMs)
    writer.bytes(sealed)
  }
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED` */
export function decodeInfo(bytes: Uint8Array): FragmentInfo | undefined {
  if (bytes.length === 0) return undefined
  const reader = new BinaryReader(bytes)
  const head = { id: readId(reader), sizeBytes: reader.varint(), isRotten: reader.u8() !== 0 }
  const count = reader.varint()
  if (count > REFERENCES_MAX) throw malformed('references', reader.offset)
  const references = Array.from({ length: count }, () => ({
    segment: reader.bytes(SEGMENT_ID_BYTES_MAX).slice(),
    index: reader.u8(),
    untilMs: reader.varint(),
    sealed: reader.bytes(SEALED_BYTES_MAX).slice(),
  }))
  reader.end()
  return { ...head, references }
}

export const encodeRevealed = ({ cell, leaves }: RevealedCell): Uint8Array => {
  const writer = new BinaryWriter(CELL_BYTES + LEAVES_BYTES_MAX + 32, cell.length + 16_384)
  writer.bytes(leaves)
  writer.bytes(cell)
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED` */
export function decodeRevealed(bytes: Uint8Array): RevealedCell {
  const reader = new BinaryReader(bytes)
  const leaves = reader.bytes(LEAVES_BYTES_MAX).slice()
  const cell = reader.bytes(CELL_BYTES).slice()
  reader.end()
  return { cell, leaves }
}

const DONE = 0
const FAILED = 1

/** What a stream is answered, as a frame. */
export const answerOf = (body: Uint8Array): Uint8Array<ArrayBuffer> =>
  frameOf(concat([Uint8Array.of(DONE), body]))

export const failureOf = (error: unknown, self: PeerId): Uint8Array<ArrayBuffer> =>
  frameOf(concat([Uint8Array.of(FAILED), fromUtf8(failureToText(error, self))]))

/** The body of an answer. @throws {HoldfastError} the failure in it, with its code */
export function openAnswer(bytes: Uint8Array, from: PeerId): Uint8Array {
  if (bytes[0] === DONE) return bytes.subarray(1)
  if (bytes[0] === FAILED && bytes.length <= FAILURE_BYTES_MAX)
    throw failureFromText(toUtf8(bytes.subarray(1)), from)
  throw malformed('answer', 0)
}

/** Behind its size; an array of its own. */
export function frameOf(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(4 + body.length)
  new DataView(frame.buffer).setUint32(0, body.length, true)
  frame.set(body, 4)
  return frame
}

const writeId = (writer: BinaryWriter, id: string): void =>
  writer.fixed(encodeFragmentId(parseFragmentId(id)))

const readId = (reader: BinaryReader): string =>
  formatFragmentId(decodeFragmentId(reader.fixed(ID_BYTES)))

const readSegment = (reader: BinaryReader): Uint8Array => reader.bytes(SEGMENT_ID_BYTES_MAX).slice()

function readCell(reader: BinaryReader): number {
  const cell = reader.varint()
  if (cell < LEAVES_MAX) return cell
  throw malformed('cell', reader.offset)
}

export const malformed = (what: string, offset: number): HoldfastError =>
  new HoldfastError(`Cannot read ${what} of a fragment: at offset ${offset}`, {
    code: 'MALFORMED',
    what,
    offset,
  })
