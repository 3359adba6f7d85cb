import { varintSize } from '../../../src/base/binary-writer.ts'
import { BinaryWriter } from '../../../src/base/binary-writer.ts'
import { fromUtf8 } from '../../../src/base/bytes.ts'
import { entryBytes } from '../../../src/membership/knowledge.ts'
import type { Rumor, SwimMessage, SyncMessage } from '../../../src/membership/message.ts'
import { type Vitals, VITALS_BYTES_MAX, writeVitals } from '../../../src/membership/vitals.ts'

/** What a message takes encoded, without encoding it: a thousand peers say much. */
export function messageBytes(message: SwimMessage): number {
  switch (message.type) {
    case 'ping':
    case 'ack':
      return 1 + 4 + vitalsBytes(message.vitals) + rumorsBytes(message.rumors)
    case 'ping-req': {
      const { length } = fromUtf8(message.target)
      return 1 + 4 + varintSize(length) + length
    }
    case 'relayed':
    case 'nack':
      return 1 + 4
    case 'gossip':
      return 1 + rumorsBytes(message.rumors)
  }
}

/** Within a few bytes. */
export function syncBytes(message: SyncMessage): number {
  let bytes = 1 + message.own.sizeBytes
  if (message.type === 'digest') bytes += 2 + message.hashes.length * 4
  if (message.type === 'differ') bytes += 4 + message.buckets.length * 2
  if ('entries' in message) for (const entry of message.entries) bytes += entryBytes(entry)
  return bytes
}

function rumorsBytes(rumors: readonly Rumor[]): number {
  let bytes = 1
  for (const { sizeBytes } of rumors) bytes += 1 + sizeBytes
  return bytes
}

/** Peers say the same of themselves for long. */
const known = new WeakMap<Vitals, number>()

function vitalsBytes(vitals: Vitals): number {
  let bytes = known.get(vitals)
  if (bytes === undefined) {
    const writer = new BinaryWriter(VITALS_BYTES_MAX)
    writeVitals(writer, vitals)
    bytes = writer.size
    known.set(vitals, bytes)
  }
  return bytes
}
