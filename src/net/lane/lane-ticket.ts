import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { toHex } from '../../base/bytes.ts'
import { malformed } from '../failures.ts'

export const TICKET_ID_BYTES = 16
export const TICKET_KEY_BYTES = 32
const TICKET_BYTES_MAX = 64

/** What lets a caller in at the lane of the peer that made it, once, for a while. */
export interface LaneTicket {
  readonly port: number
  /** Hexadecimal. */
  readonly id: string
  readonly key: Uint8Array
}

/** `u32 port | 16 bytes id | 32 bytes key`. */
export function encodeTicket({ port, key }: LaneTicket, id: Uint8Array): Uint8Array {
  const writer = new BinaryWriter(TICKET_BYTES_MAX)
  writer.u32(port)
  writer.fixed(id)
  writer.fixed(key)
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED` */
export function decodeTicket(bytes: Uint8Array): LaneTicket {
  const reader = new BinaryReader(bytes)
  const port = reader.u32()
  if (port === 0 || port > 65_535) throw malformed('lane ticket: port')
  const id = toHex(reader.fixed(TICKET_ID_BYTES))
  const key = reader.fixed(TICKET_KEY_BYTES).slice()
  reader.end()
  return { port, id, key }
}
