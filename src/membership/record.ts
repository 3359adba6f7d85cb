import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter, varintSize } from '../base/binary-writer.ts'
import { concat, fromUtf8 } from '../base/bytes.ts'
import type { PeerId } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'

/**
 * What a peer says of itself, signed, so that nobody else can raise its incarnation or take it from
 * the network. The body is kept and passed on as it came: a reader that knows fewer fields does not
 * break the signature.
 *
 * ```
 * body: peer string | incarnation u64 | flags u8 (1 = left) | protocol min, max, current: varint
 *       | zone string | version string | count u8, addresses: strings | meta bytes
 * record: body bytes | signature, 64 bytes
 * ```
 */
export interface PeerRecord extends Description {
  readonly peer: PeerId
  readonly incarnation: number
  /** The peer has left of its own accord. */
  readonly isLeft: boolean
  readonly body: Uint8Array
  readonly signature: Uint8Array
  /** What it takes in a message. */
  readonly sizeBytes: number
}

/** The part of a record that its peer is free to choose; a change is a new incarnation. */
export interface Description {
  /** Multiaddresses as text, best first; opaque here. */
  readonly addresses: readonly string[]
  /** Label of shared fate. */
  readonly zone: string
  /** Version of the program. */
  readonly version: string
  readonly protocol: ProtocolRange
  /** Whatever else the node wants known; opaque here. */
  readonly meta: Uint8Array
}

export interface ProtocolRange {
  readonly min: number
  readonly max: number
  readonly current: number
}

/** Signs for this peer and checks what others signed. Synchronous, without effects. */
export interface Seal {
  /** 64 bytes. */
  sign(bytes: Uint8Array): Uint8Array
  verify(peer: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean
}

export const PEER_BYTES_MAX = 128
const ADDRESSES_MAX = 8
const ADDRESS_BYTES_MAX = 128
const ZONE_BYTES_MAX = 64
const VERSION_BYTES_MAX = 32
export const META_BYTES_MAX = 512
export const SIGNATURE_BYTES = 64
/** So that any record and an accusation of its peer fit into one message. */
export const RECORD_BODY_BYTES_MAX = 720
/** Counts boots and refutations; 2^48 of them are never reached honestly. */
export const INCARNATION_MAX: number = 2 ** 48

const FLAG_LEFT = 1
const DOMAIN = 'holdfast membership record 1'

/**
 * Makes and signs a record.
 * @throws {HoldfastError} `TOO_LARGE` if the description exceeds a limit.
 */
export function signRecord(
  seal: Seal,
  network: string,
  content: Description & { peer: PeerId; incarnation: number; isLeft: boolean },
): PeerRecord {
  const body = encodeBody(content)
  const signature = seal.sign(recordPayload(network, body))
  return decodeRecord(body, signature)
}

/**
 * Whether a peer may describe itself so.
 * @throws {HoldfastError} `TOO_LARGE` if not
 */
export function checkDescription(peer: PeerId, description: Description): void {
  encodeBody({ ...description, peer, incarnation: 0, isLeft: false })
}

/** Whether the record's subject signed it for this network. */
export const isGenuineRecord = (seal: Seal, network: string, record: PeerRecord): boolean =>
  seal.verify(record.peer, recordPayload(network, record.body), record.signature)

export function writeRecord(writer: BinaryWriter, { body, signature }: PeerRecord): void {
  writer.bytes(body)
  writer.fixed(signature)
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function readRecord(reader: BinaryReader): PeerRecord {
  // Copies: the record outlives the message it came in.
  const body = reader.bytes(RECORD_BODY_BYTES_MAX).slice()
  return decodeRecord(body, reader.fixed(SIGNATURE_BYTES).slice())
}

const recordPayload = (network: string, body: Uint8Array): Uint8Array =>
  concat([fromUtf8(`${DOMAIN}\n${network}\n`), body])

function encodeBody(content: Description & { peer: PeerId; incarnation: number; isLeft: boolean }) {
  refuseAbove('addresses', content.addresses.length, ADDRESSES_MAX)
  const writer = new BinaryWriter(RECORD_BODY_BYTES_MAX)
  const text = (what: string, value: string, limit: number): void => {
    refuseAbove(what, fromUtf8(value).length, limit)
    writer.string(value)
  }
  text('peer id', content.peer, PEER_BYTES_MAX)
  writer.u64(content.incarnation)
  writer.u8(content.isLeft ? FLAG_LEFT : 0)
  writer.varint(content.protocol.min)
  writer.varint(content.protocol.max)
  writer.varint(content.protocol.current)
  text('zone', content.zone, ZONE_BYTES_MAX)
  text('version', content.version, VERSION_BYTES_MAX)
  writer.u8(content.addresses.length)
  for (const address of content.addresses) text('address', address, ADDRESS_BYTES_MAX)
  refuseAbove('meta', content.meta.length, META_BYTES_MAX)
  writer.bytes(content.meta)
  return writer.finish()
}

function decodeRecord(body: Uint8Array, signature: Uint8Array): PeerRecord {
  const reader = new BinaryReader(body)
  const peer = reader.string(PEER_BYTES_MAX)
  if (peer === '') throw malformed('peer id', 0)
  const incarnation = reader.u64()
  if (incarnation > INCARNATION_MAX) throw malformed('incarnation', reader.offset - 8)
  const isLeft = (reader.u8() & FLAG_LEFT) !== 0
  const protocol = { min: reader.varint(), max: reader.varint(), current: reader.varint() }
  const zone = reader.string(ZONE_BYTES_MAX)
  const version = reader.string(VERSION_BYTES_MAX)
  const count = reader.u8()
  if (count > ADDRESSES_MAX) throw malformed('number of addresses', reader.offset - 1)
  const addresses = Array.from({ length: count }, () => reader.string(ADDRESS_BYTES_MAX))
  const meta = reader.bytes(META_BYTES_MAX)
  // What follows is for readers that know more.
  const sizeBytes = varintSize(body.length) + body.length + SIGNATURE_BYTES
  return {
    peer,
    incarnation,
    isLeft,
    protocol,
    zone,
    version,
    addresses,
    meta,
    body,
    signature,
    sizeBytes,
  }
}

function refuseAbove(what: string, size: number, limit: number): void {
  if (size <= limit) return
  throw new HoldfastError(`Cannot describe this peer: ${what} takes ${size}, limit ${limit}`, {
    code: 'TOO_LARGE',
    what,
    size,
    limit,
  })
}

const malformed = (what: string, offset: number): HoldfastError =>
  new HoldfastError(`Cannot decode record: ${what} at offset ${offset}`, {
    code: 'MALFORMED',
    what: `record: ${what}`,
    offset,
  })
