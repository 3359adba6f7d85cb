import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { codeOf, HoldfastError } from '../base/errors.ts'

/**
 * What stands in the log around a command, so that a client may send it again, and what it gets back.
 *
 *     request  type u8 | timeMs f64 | plain: payload | register: – | command: session, sequence,
 *              ackedBelow, payload | touch: session, ackedBelow | close: session
 *     reply    type u8 | registered: session | done: payload | nothing else
 */
export type SessionRequest =
  /** Outside of any session: done again if it is sent again. */
  | { readonly type: 'plain'; readonly timeMs: number; readonly payload: Uint8Array }
  | { readonly type: 'register'; readonly timeMs: number }
  | {
      readonly type: 'command'
      readonly timeMs: number
      readonly session: number
      /** Counts the session's commands from 1. */
      readonly sequence: number
      /** The client knows the answers of all its commands below this. */
      readonly ackedBelow: number
      readonly payload: Uint8Array
    }
  /** Keeps the session alive. */
  | {
      readonly type: 'touch'
      readonly timeMs: number
      readonly session: number
      readonly ackedBelow: number
    }
  | { readonly type: 'close'; readonly timeMs: number; readonly session: number }

export type SessionReply =
  /** The session's number: the index of its registration. */
  | { readonly type: 'registered'; readonly session: number }
  /** The machine's answer: the first one, however often the command came. */
  | { readonly type: 'done'; readonly payload: Uint8Array }
  /** The session is there, or is closed now. */
  | { readonly type: 'ok' }
  /**
   * There is no such session any more. This copy of the command did nothing and no later one ever
   * will; whether an earlier one did, nobody knows.
   */
  | { readonly type: 'expired' }
  /** The client said itself that it knows the answer. This copy did nothing. */
  | { readonly type: 'acked' }
  /** Too far above `ackedBelow`. This copy did nothing; another may. */
  | { readonly type: 'ahead' }
  /** Not understood, and so not done. */
  | { readonly type: 'malformed' }

/** What the log's entries may hold beside this header. */
const SESSION_PAYLOAD_BYTES_MAX = 1_048_576
const TIME_BYTES = 8
const REQUEST_BYTES_MAX = SESSION_PAYLOAD_BYTES_MAX + 64

const HEADER_BYTES = 36

/** What it takes, about. */
const sizeOf = (message: SessionRequest | SessionReply): number =>
  HEADER_BYTES + ('payload' in message ? message.payload.length : 0)

const requestTags = ['plain', 'register', 'command', 'touch', 'close'] as const
const replyTags = ['registered', 'done', 'ok', 'expired', 'acked', 'ahead', 'malformed'] as const

/** @throws {HoldfastError} `TOO_LARGE` */
export function encodeSessionRequest(request: SessionRequest): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(REQUEST_BYTES_MAX, sizeOf(request))
  writer.u8(requestTags.indexOf(request.type))
  writer.f64(request.timeMs)
  if ('session' in request) writer.varint(request.session)
  if ('sequence' in request) writer.varint(request.sequence)
  if ('ackedBelow' in request) writer.varint(request.ackedBelow)
  if ('payload' in request) writer.bytes(request.payload)
  return writer.finish()
}

/** The request in these bytes; undefined if they are none. */
export function understoodRequest(bytes: Uint8Array): SessionRequest | undefined {
  try {
    return decodeSessionRequest(bytes)
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return undefined
  }
}

/** The same request at another time; a copy. What is too short to be one stays as it is. */
export function withTime(request: Uint8Array, timeMs: number): Uint8Array {
  const copy = request.slice()
  if (copy.length >= 1 + TIME_BYTES) new DataView(copy.buffer).setFloat64(1, timeMs, true)
  return copy
}

/** The payload is a view of the input. @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
function decodeSessionRequest(bytes: Uint8Array): SessionRequest {
  const reader = new BinaryReader(bytes)
  const type = readTag(reader, requestTags)
  const { offset } = reader
  const timeMs = reader.f64()
  if (!(timeMs >= 0 && timeMs <= Number.MAX_SAFE_INTEGER)) throw malformed('time', offset)
  const request = readRequest(reader, type, timeMs)
  reader.end()
  return request
}

function readRequest(
  reader: BinaryReader,
  type: SessionRequest['type'],
  timeMs: number,
): SessionRequest {
  if (type === 'register') return { type, timeMs }
  if (type === 'plain') return { type, timeMs, payload: reader.bytes(SESSION_PAYLOAD_BYTES_MAX) }
  const session = reader.varint()
  switch (type) {
    case 'close':
      return { type, timeMs, session }
    case 'touch':
      return { type, timeMs, session, ackedBelow: reader.varint() }
    case 'command': {
      const sequence = reader.varint()
      const ackedBelow = reader.varint()
      const payload = reader.bytes(SESSION_PAYLOAD_BYTES_MAX)
      return { type, timeMs, session, sequence, ackedBelow, payload }
    }
  }
}

export function encodeSessionReply(reply: SessionReply): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(REQUEST_BYTES_MAX, sizeOf(reply))
  writer.u8(replyTags.indexOf(reply.type))
  if (reply.type === 'registered') writer.varint(reply.session)
  if (reply.type === 'done') writer.bytes(reply.payload)
  return writer.finish()
}

/** The payload is a view of the input. @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function decodeSessionReply(bytes: Uint8Array): SessionReply {
  const reader = new BinaryReader(bytes)
  const type = readTag(reader, replyTags)
  const reply: SessionReply =
    type === 'registered'
      ? { type, session: reader.varint() }
      : type === 'done'
        ? { type, payload: reader.bytes(SESSION_PAYLOAD_BYTES_MAX) }
        : { type }
  reader.end()
  return reply
}

function readTag<Tag>(reader: BinaryReader, tags: readonly Tag[]): Tag {
  const { offset } = reader
  const at = reader.u8()
  if (at >= tags.length) throw malformed('tag', offset)
  return tags[at] as Tag
}

const malformed = (what: string, offset: number): HoldfastError =>
  new HoldfastError(`Cannot decode ${what}: at offset ${offset}`, {
    code: 'MALFORMED',
    what,
    offset,
  })
