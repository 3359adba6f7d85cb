import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { HoldfastError } from '../base/errors.ts'
import { readAccusation, writeAccusation } from './accusation.ts'
import {
  isAccusation,
  type Rumor,
  RUMORS_PER_MESSAGE_MAX,
  SWIM_BYTES_MAX,
  type SwimMessage,
} from './message.ts'
import { PEER_BYTES_MAX, readRecord, writeRecord } from './record.ts'
import { readVitals, writeVitals } from './vitals.ts'

/**
 * Datagrams:
 *
 * ```
 * ping, ack:     tag u8 | seq u32 | vitals | rumours
 * ping-req:      tag u8 | seq u32 | target string
 * relayed, nack: tag u8 | seq u32
 * gossip:        tag u8 | rumours
 * rumours:       count u8 | each: tag u8 (1 record, 2 accusation) | the thing itself
 * ```
 */
const tags = { ping: 1, ack: 2, 'ping-req': 3, relayed: 4, nack: 5, gossip: 6 } as const
const RECORD = 1
const ACCUSATION = 2

/** At most `SWIM_BYTES_MAX`, for the core counts as it fills. */
export function encodeSwim(message: SwimMessage): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(SWIM_BYTES_MAX)
  writer.u8(tags[message.type])
  if ('seq' in message) writer.u32(message.seq)
  if ('target' in message) writer.string(message.target)
  if ('vitals' in message) writeVitals(writer, message.vitals)
  if ('rumors' in message) writeRumors(writer, message.rumors)
  return writer.finish()
}

/**
 * Bytes from anybody.
 * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`: no message that any honest peer sends
 */
export function decodeSwim(bytes: Uint8Array): SwimMessage {
  if (bytes.length > SWIM_BYTES_MAX) throw tooLarge(bytes.length)
  const reader = new BinaryReader(bytes)
  const message = readSwim(reader)
  reader.end()
  return message
}

function readSwim(reader: BinaryReader): SwimMessage {
  const tag = reader.u8()
  switch (tag) {
    case tags.ping:
    case tags.ack: {
      const type = tag === tags.ping ? 'ping' : 'ack'
      return { type, seq: reader.u32(), vitals: readVitals(reader), rumors: readRumors(reader) }
    }
    case tags['ping-req']:
      return { type: 'ping-req', seq: reader.u32(), target: reader.string(PEER_BYTES_MAX) }
    case tags.relayed:
      return { type: 'relayed', seq: reader.u32() }
    case tags.nack:
      return { type: 'nack', seq: reader.u32() }
    case tags.gossip:
      return { type: 'gossip', rumors: readRumors(reader) }
    default:
      throw malformed(`message: type ${tag}`, 0)
  }
}

function writeRumors(writer: BinaryWriter, rumors: readonly Rumor[]): void {
  writer.u8(rumors.length)
  for (const rumor of rumors) {
    if (isAccusation(rumor)) {
      writer.u8(ACCUSATION)
      writeAccusation(writer, rumor)
    } else {
      writer.u8(RECORD)
      writeRecord(writer, rumor)
    }
  }
}

function readRumors(reader: BinaryReader): Rumor[] {
  const count = reader.u8()
  if (count > RUMORS_PER_MESSAGE_MAX) throw malformed(`${count} rumours`, reader.offset - 1)
  const rumors: Rumor[] = []
  for (let index = 0; index < count; index++) {
    const tag = reader.u8()
    if (tag === RECORD) rumors.push(readRecord(reader))
    else if (tag === ACCUSATION) rumors.push(readAccusation(reader))
    else throw malformed(`rumour: type ${tag}`, reader.offset - 1)
  }
  return rumors
}

const malformed = (what: string, offset: number): HoldfastError =>
  new HoldfastError(`Cannot decode ${what}: at offset ${offset}`, {
    code: 'MALFORMED',
    what,
    offset,
  })

const tooLarge = (size: number): HoldfastError =>
  new HoldfastError(`Cannot decode datagram: ${size} bytes, limit ${SWIM_BYTES_MAX}`, {
    code: 'TOO_LARGE',
    what: 'membership datagram',
    size,
    limit: SWIM_BYTES_MAX,
  })
