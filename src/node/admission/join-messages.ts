/**
 * How a newcomer gets in: two questions to the host that its invite names.
 *
 *     newcomer                             host
 *        | -- hello: network, invite id -->  |
 *        | <-------- challenge: nonce -----  |   once, for this newcomer, for a few seconds
 *        | -- join: id, proof, zone ------>  |   proof = HMAC(secret; network, host, newcomer, nonce)
 *        | <-- welcome: certificate, … ----  |   once it is on the host's disk
 *
 * The secret never travels, and a proof is good for one newcomer and one nonce: who overhears or
 * repeats it gains nothing. `renew` asks for a fresh certificate; `present` shows one to a member
 * that has not heard of its bearer.
 */
import { createHmac } from 'node:crypto'

import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { concat, fromUtf8 } from '../../base/bytes.ts'
import type { PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { INVITE_ID_BYTES } from './invite.ts'
import { RECORD_BYTES_MAX, ZONE_BYTES_MAX } from './member-record.ts'
import { NETWORK_ID_BYTES } from './trust.ts'

/** The one protocol that is open to those who are no members. */
export const JOIN_PROTOCOL = 'join'

export const NONCE_BYTES = 16
const PROOF_BYTES = 32
export const NETWORK_KEY_BYTES = 32

export type JoinRequest =
  | { readonly type: 'hello'; readonly networkId: Uint8Array; readonly inviteId: Uint8Array }
  | {
      readonly type: 'join'
      readonly inviteId: Uint8Array
      readonly proof: Uint8Array
      readonly zone: string
    }
  | { readonly type: 'renew' }
  | { readonly type: 'present'; readonly record: Uint8Array }

/** What a newcomer is given. Storage members get no network key. */
export interface Welcome {
  /** Its own certificate. */
  readonly record: Uint8Array
  /** The host's, and those of other members, as many as fit: who dials it is no stranger then. */
  readonly others: readonly Uint8Array[]
  readonly networkKey: Uint8Array | undefined
}

/** Records that fit into a welcome whatever their size; the rest comes when members compare. */
export const WELCOME_RECORDS_MAX = 100

const VERSION = 1
const MESSAGE_BYTES_MAX = 1024
/** What a stranger may be sent in one answer. */
const WELCOME_BYTES_MAX = 60_000
const types = ['hello', 'join', 'renew', 'present'] as const

export function encodeJoinRequest(request: JoinRequest): Uint8Array {
  const writer = new BinaryWriter(MESSAGE_BYTES_MAX)
  writer.u8(VERSION)
  writer.u8(types.indexOf(request.type))
  switch (request.type) {
    case 'hello':
      writer.fixed(request.networkId)
      writer.fixed(request.inviteId)
      break
    case 'join':
      writer.fixed(request.inviteId)
      writer.fixed(request.proof)
      writer.string(request.zone)
      break
    case 'present':
      writer.bytes(request.record)
      break
    case 'renew':
  }
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function decodeJoinRequest(bytes: Uint8Array): JoinRequest {
  const reader = new BinaryReader(bytes)
  if (reader.u8() !== VERSION) throw malformed('version of a join request', 0)
  const request = decodeBody(types[reader.u8()], reader)
  reader.end()
  return request
}

function decodeBody(type: JoinRequest['type'] | undefined, reader: BinaryReader): JoinRequest {
  switch (type) {
    case 'hello':
      return {
        type,
        networkId: reader.fixed(NETWORK_ID_BYTES),
        inviteId: reader.fixed(INVITE_ID_BYTES),
      }
    case 'join':
      return {
        type,
        inviteId: reader.fixed(INVITE_ID_BYTES),
        proof: reader.fixed(PROOF_BYTES),
        zone: reader.string(ZONE_BYTES_MAX),
      }
    case 'present':
      return { type, record: reader.bytes(RECORD_BYTES_MAX) }
    case 'renew':
      return { type }
    case undefined:
      throw malformed('type of a join request', 1)
  }
}

export function encodeWelcome({ record, others, networkKey }: Welcome): Uint8Array {
  const writer = new BinaryWriter(WELCOME_BYTES_MAX)
  writer.bytes(record)
  writer.varint(others.length)
  for (const other of others) writer.bytes(other)
  writer.bytes(networkKey ?? new Uint8Array())
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function decodeWelcome(bytes: Uint8Array): Welcome {
  const reader = new BinaryReader(bytes)
  const record = reader.bytes(RECORD_BYTES_MAX)
  const count = reader.varint()
  if (count > WELCOME_RECORDS_MAX) throw malformed('records of a welcome', 0)
  const others = Array.from({ length: count }, () => reader.bytes(RECORD_BYTES_MAX))
  const networkKey = reader.bytes(NETWORK_KEY_BYTES)
  reader.end()
  if (networkKey.length === 0) return { record, others, networkKey: undefined }
  if (networkKey.length !== NETWORK_KEY_BYTES) throw malformed('network key', 0)
  return { record, others, networkKey }
}

/** Proves the secret of an invite to this host, for this newcomer, this once. */
export function proofOf(
  secret: Uint8Array,
  about: {
    readonly networkId: Uint8Array
    readonly host: PeerId
    readonly newcomer: PeerId
    readonly nonce: Uint8Array
  },
): Uint8Array {
  const writer = new BinaryWriter(MESSAGE_BYTES_MAX)
  writer.string(about.host)
  writer.string(about.newcomer)
  const names = writer.finish()
  const said = concat([fromUtf8('holdfast join 1\0'), about.networkId, about.nonce, names])
  return new Uint8Array(createHmac('sha256', secret).update(said).digest())
}

const malformed = (what: string, offset: number): HoldfastError =>
  new HoldfastError(`Cannot decode ${what}: at offset ${offset}`, {
    code: 'MALFORMED',
    what,
    offset,
  })
