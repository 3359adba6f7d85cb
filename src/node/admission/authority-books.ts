import type { BinaryReader } from '../../base/binary-reader.ts'
import type { BinaryWriter } from '../../base/binary-writer.ts'
import type { PeerId } from '../../base/environment.ts'
import { INVITE_ID_BYTES, INVITE_SECRET_BYTES } from './invite.ts'
import { PEER_BYTES_MAX, readRole, type Role, writeRole, ZONE_BYTES_MAX } from './member-record.ts'

/** What the authority must not forget. */
export interface AuthorityBooks {
  readonly lastSerial: number
  readonly invites: readonly InviteEntry[]
}

export interface InviteEntry {
  readonly id: Uint8Array
  readonly secret: Uint8Array
  readonly role: Role
  readonly uses: number
  readonly zone: string
  readonly expiresAtMs: number
  /** Never more than `uses`. */
  readonly usedBy: readonly PeerId[]
}

export function writeBooks(writer: BinaryWriter, { lastSerial, invites }: AuthorityBooks): void {
  writer.u64(lastSerial)
  writer.varint(invites.length)
  for (const invite of invites) writeEntry(writer, invite)
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function readBooks(reader: BinaryReader): AuthorityBooks {
  const lastSerial = reader.u64()
  const count = reader.varint()
  const invites: InviteEntry[] = []
  for (let index = 0; index < count; index++) invites.push(readEntry(reader))
  return { lastSerial, invites }
}

function writeEntry(writer: BinaryWriter, entry: InviteEntry): void {
  writer.fixed(entry.id)
  writer.fixed(entry.secret)
  writeRole(writer, entry.role)
  writer.varint(entry.uses)
  writer.string(entry.zone)
  writer.u64(entry.expiresAtMs)
  writer.varint(entry.usedBy.length)
  for (const peer of entry.usedBy) writer.string(peer)
}

function readEntry(reader: BinaryReader): InviteEntry {
  const fixed = {
    id: reader.fixed(INVITE_ID_BYTES),
    secret: reader.fixed(INVITE_SECRET_BYTES),
    role: readRole(reader),
    uses: reader.varint(),
    zone: reader.string(ZONE_BYTES_MAX),
    expiresAtMs: reader.u64(),
  }
  const usedBy: PeerId[] = []
  for (let left = reader.varint(); left > 0; left--) usedBy.push(reader.string(PEER_BYTES_MAX))
  return { ...fixed, usedBy }
}
