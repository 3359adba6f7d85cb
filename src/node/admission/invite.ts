/**
 * An invite as people pass it on: `hf1…`, some 160 characters without punctuation.
 *
 *     | 1 | authority 32 | id 8 | secret 16 | expires | role | uses | zone | host | addresses | sum 4 |
 *
 * It pins the key of the network's authority, says where its host can be reached, and holds a secret
 * that proves the invitation without being sent. What it says of role, uses and zone is for people:
 * the host goes by its own books, so that editing an invite gains nothing.
 */
import { createHash } from 'node:crypto'

import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { concat, equals, fromBase58, fromHex, toBase58 } from '../../base/bytes.ts'
import type { PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { PUBLIC_KEY_BYTES } from './ed25519.ts'
import { PEER_BYTES_MAX, readRole, type Role, writeRole, ZONE_BYTES_MAX } from './member-record.ts'

export interface Invite {
  readonly authority: Uint8Array
  readonly id: Uint8Array
  readonly secret: Uint8Array
  readonly expiresAtMs: number
  readonly role: Role
  readonly uses: number
  /** Empty if the newcomer may choose. */
  readonly zone: string
  /** The peer that lets in. */
  readonly host: PeerId
  /** Multiaddrs of the host, without its id. */
  readonly addresses: readonly string[]
}

export const INVITE_ID_BYTES = 8
export const INVITE_SECRET_BYTES = 16
/** More addresses than these would only make the token long. */
export const INVITE_ADDRESSES_MAX = 6

const PREFIX = 'hf1'
const VERSION = 1
const SUM_BYTES = 4
const INVITE_BYTES_MAX = 1024
const ADDRESS_BYTES_MAX = 128
/** What libp2p puts before an Ed25519 key to make it a peer id. */
const PEER_PREFIX = fromHex('002408011220')

/** The token of an invite. */
export function formatInvite(invite: Invite): string {
  const writer = new BinaryWriter(INVITE_BYTES_MAX)
  writer.u8(VERSION)
  writer.fixed(invite.authority)
  writer.fixed(invite.id)
  writer.fixed(invite.secret)
  writer.varint(Math.ceil(invite.expiresAtMs / 1000))
  writeRole(writer, invite.role)
  writer.varint(invite.uses)
  writer.string(invite.zone)
  writePeer(writer, invite.host)
  writer.u8(invite.addresses.length)
  for (const address of invite.addresses) writeAddress(writer, address)
  const body = writer.finish()
  return PREFIX + toBase58(concat([body, sumOf(body)]))
}

/**
 * The invite in a token; space around it is ignored.
 * @throws {HoldfastError} `INVITE_MALFORMED`: it was not copied whole, or is none
 */
export function parseInvite(token: string): Invite {
  try {
    return decode(bytesOf(token.trim()))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new HoldfastError(
      `Cannot read the invite: it is no invite, or was not copied whole (${reason})`,
      { code: 'INVITE_MALFORMED' },
      { cause },
    )
  }
}

function bytesOf(text: string): Uint8Array {
  if (!text.startsWith(PREFIX)) throw new Error(`it does not begin with ${PREFIX}`)
  // Base58 takes the square of the length, so that comes first.
  if (text.length > INVITE_BYTES_MAX * 1.4) throw new Error('it is too long')
  const bytes = fromBase58(text.slice(PREFIX.length))
  const body = bytes.subarray(0, -SUM_BYTES)
  if (!equals(sumOf(body), bytes.subarray(-SUM_BYTES))) throw new Error('its checksum is wrong')
  return body
}

function decode(body: Uint8Array): Invite {
  const reader = new BinaryReader(body)
  if (reader.u8() !== VERSION) throw new Error('it was made by a newer version')
  const invite: Invite = {
    authority: reader.fixed(PUBLIC_KEY_BYTES),
    id: reader.fixed(INVITE_ID_BYTES),
    secret: reader.fixed(INVITE_SECRET_BYTES),
    expiresAtMs: reader.varint() * 1000,
    role: readRole(reader),
    uses: reader.varint(),
    zone: reader.string(ZONE_BYTES_MAX),
    host: readPeer(reader),
    addresses: readAddresses(reader),
  }
  reader.end()
  return invite
}

const sumOf = (body: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(body).digest().subarray(0, SUM_BYTES))

/** A peer id is mostly its key; one of another make is written as it is. */
function writePeer(writer: BinaryWriter, peer: PeerId): void {
  const key = keyOf(peer)
  writer.u8(key === undefined ? 0 : 1)
  if (key === undefined) writer.string(peer)
  else writer.fixed(key)
}

function readPeer(reader: BinaryReader): PeerId {
  return reader.u8() === 0
    ? reader.string(PEER_BYTES_MAX)
    : toBase58(concat([PEER_PREFIX, reader.fixed(PUBLIC_KEY_BYTES)]))
}

function keyOf(peer: PeerId): Uint8Array | undefined {
  if (!/^12D3Koo[1-9A-HJ-NP-Za-km-z]{45}$/.test(peer)) return undefined
  const bytes = fromBase58(peer)
  const isKey = equals(bytes.subarray(0, PEER_PREFIX.length), PEER_PREFIX)
  const key = bytes.subarray(PEER_PREFIX.length)
  return isKey && key.length === PUBLIC_KEY_BYTES ? key : undefined
}

/** `/ip4/…/tcp/…` takes seven bytes. */
function writeAddress(writer: BinaryWriter, address: string): void {
  const [, host = '', port] = /^\/ip4\/(\d+\.\d+\.\d+\.\d+)\/tcp\/(\d+)$/.exec(address) ?? []
  writer.u8(port === undefined ? 0 : 4)
  if (port === undefined) {
    writer.string(address)
    return
  }
  for (const part of host.split('.')) writer.u8(Number(part))
  writer.varint(Number(port))
}

function readAddresses(reader: BinaryReader): string[] {
  const count = reader.u8()
  if (count > INVITE_ADDRESSES_MAX) throw new Error(`it has ${count} addresses`)
  return Array.from({ length: count }, () => readAddress(reader))
}

function readAddress(reader: BinaryReader): string {
  if (reader.u8() === 0) return reader.string(ADDRESS_BYTES_MAX)
  const host = reader.fixed(4).join('.')
  return `/ip4/${host}/tcp/${reader.varint()}`
}
