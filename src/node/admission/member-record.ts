/**
 * What the authority of a network says about a peer, signed, so that it may come from anybody:
 *
 *     certificate | 1 | 1 | peer | role | zone | serial | notAfter | signature |
 *     revocation  | 1 | 2 | peer | serial | at |                     signature |
 *                   |   kind
 *                   version
 *
 * A certificate admits a peer until `notAfter`. Of two for one peer the higher serial counts. A
 * revocation bans the peer for good: it needs a new identity to come back, and a new invite.
 */
import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { concat, fromUtf8 } from '../../base/bytes.ts'
import type { PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { type Signer, SIGNATURE_BYTES } from './ed25519.ts'
import { inNetwork, type Trust } from './trust.ts'

/** Full members may vote, serve and decrypt; storage members only hold fragments. */
export type Role = 'full' | 'storage'

export interface Certificate {
  readonly kind: 'certificate'
  readonly peer: PeerId
  readonly role: Role
  readonly zone: string
  /** Grows with each certificate and revocation of a network. */
  readonly serial: number
  readonly notAfterMs: number
}

export interface Revocation {
  readonly kind: 'revocation'
  readonly peer: PeerId
  readonly serial: number
  readonly atMs: number
}

export type MemberRecord = Certificate | Revocation

/** The largest record: names are the only fields without a fixed size. */
export const RECORD_BYTES_MAX = 512
export const PEER_BYTES_MAX = 128
export const ZONE_BYTES_MAX = 64

/** Whether a zone fits where it is written: what is too long could not be read again. */
export const isZone = (text: string): boolean => fromUtf8(text).length <= ZONE_BYTES_MAX

const VERSION = 1
const kinds = ['certificate', 'revocation'] as const
const roles: readonly Role[] = ['full', 'storage']

/** The bytes of a record with the authority's signature. */
export function signRecord(
  record: MemberRecord,
  networkId: Uint8Array,
  signer: Signer,
): Uint8Array {
  const body = encode(record)
  return concat([body, signer.sign(inNetwork(networkId, body))])
}

/**
 * The record in these bytes, if an authority of this network signed it.
 * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`; `UNTRUSTED` if nobody trusted signed it
 */
export function openRecord(bytes: Uint8Array, trust: Trust): MemberRecord {
  const bodyBytes = Math.max(0, bytes.length - SIGNATURE_BYTES)
  const body = bytes.subarray(0, bodyBytes)
  const record = decode(body)
  if (trust.verify(body, bytes.subarray(bodyBytes))) return record
  throw new HoldfastError(
    `Cannot accept ${record.kind} of ${record.peer}: not signed by this network`,
    {
      code: 'UNTRUSTED',
      what: record.kind,
      peer: record.peer,
    },
  )
}

export const writeRole = (writer: BinaryWriter, role: Role): void => writer.u8(roles.indexOf(role))

/** @throws {HoldfastError} `MALFORMED` */
export const readRole = (reader: BinaryReader): Role => choice(reader, roles, 'role')

function encode(record: MemberRecord): Uint8Array {
  const writer = new BinaryWriter(RECORD_BYTES_MAX)
  writer.u8(VERSION)
  writer.u8(kinds.indexOf(record.kind))
  writer.string(record.peer)
  if (record.kind === 'certificate') {
    writeRole(writer, record.role)
    writer.string(record.zone)
    writer.u64(record.serial)
    writer.u64(record.notAfterMs)
  } else {
    writer.u64(record.serial)
    writer.u64(record.atMs)
  }
  return writer.finish()
}

function decode(body: Uint8Array): MemberRecord {
  const reader = new BinaryReader(body)
  if (reader.u8() !== VERSION) throw malformed('record version', 0)
  const kind = choice(reader, kinds, 'record kind')
  const peer = reader.string(PEER_BYTES_MAX)
  const record: MemberRecord =
    kind === 'certificate'
      ? {
          kind,
          peer,
          role: readRole(reader),
          zone: reader.string(ZONE_BYTES_MAX),
          serial: reader.u64(),
          notAfterMs: reader.u64(),
        }
      : { kind, peer, serial: reader.u64(), atMs: reader.u64() }
  reader.end()
  return record
}

function choice<Item>(reader: BinaryReader, items: readonly Item[], what: string): Item {
  const { offset } = reader
  const item = items[reader.u8()]
  if (item === undefined) throw malformed(what, offset)
  return item
}

const malformed = (what: string, offset: number): HoldfastError =>
  new HoldfastError(`Cannot decode ${what}: at offset ${offset}`, {
    code: 'MALFORMED',
    what,
    offset,
  })
