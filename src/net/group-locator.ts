import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { concat, fromUtf8 } from '../base/bytes.ts'
import type { PeerId } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import { type Identity, isPeerId, isSignedBy } from './identity.ts'

/**
 * Where a group is served, as one of its voters signed it.
 *
 *     u8 version = 1 | string group | varint epoch | varint expiry (wall ms) | string signer
 *     u8 count | count × string voter | 64 bytes signature of all before, behind the domain
 *
 * A reader believes one that is for the group it asked for, has not expired, and is signed by a
 * voter it names whom the policy lets speak for groups; of several the highest epoch wins. That a
 * member lies about a group is possible: it leads to a peer that says it does not serve it.
 */
export interface GroupLocator {
  readonly group: string
  /** Grows with every change of the voters. */
  readonly epoch: number
  readonly voters: readonly PeerId[]
  readonly expiresAtMs: number
  readonly signer: PeerId
}

const VERSION = 1
const DOMAIN = fromUtf8('holdfast group locator 1\0')
const LOCATOR_BYTES_MAX = 4_096
const GROUP_BYTES_MAX = 256
const PEER_BYTES_MAX = 64
const VOTERS_MAX = 16
const SIGNATURE_BYTES = 64
/** Longer than any clock is wrong and any locator lives. */
export const LOCATOR_LIFE_MS_MAX = 3_600_000

/** Encodes and signs. */
export function signLocator(identity: Identity, locator: Omit<GroupLocator, 'signer'>): Uint8Array {
  const { group, epoch, voters, expiresAtMs } = locator
  if (voters.length > VOTERS_MAX) throw new RangeError(`a group has at most ${VOTERS_MAX} voters`)
  const writer = new BinaryWriter(LOCATOR_BYTES_MAX - SIGNATURE_BYTES)
  writer.u8(VERSION)
  writer.string(group)
  writer.varint(epoch)
  writer.varint(expiresAtMs)
  writer.string(identity.peer)
  writer.u8(voters.length)
  for (const voter of voters) writer.string(voter)
  const body = writer.finish()
  return concat([body, identity.sign(concat([DOMAIN, body]))])
}

/**
 * Decodes and verifies the signature; who may sign, and when it expires, the caller must judge.
 * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`
 */
export function readLocator(bytes: Uint8Array): GroupLocator {
  if (bytes.length > LOCATOR_BYTES_MAX) throw tooLarge(bytes.length)
  const body = bytes.subarray(0, Math.max(0, bytes.length - SIGNATURE_BYTES))
  const reader = new BinaryReader(body)
  if (reader.u8() !== VERSION) throw malformed('version', 0)
  const group = reader.string(GROUP_BYTES_MAX)
  const epoch = reader.varint()
  const expiresAtMs = reader.varint()
  const signer = readPeer(reader)
  const count = reader.u8()
  if (count > VOTERS_MAX) throw malformed('voters', reader.offset)
  const voters = Array.from({ length: count }, () => readPeer(reader))
  reader.end()
  if (!voters.includes(signer)) throw malformed('signer', body.length)
  const signature = bytes.subarray(body.length)
  if (!isSignedBy(signer, concat([DOMAIN, body]), signature))
    throw malformed('signature', body.length)
  return { group, epoch, voters, expiresAtMs, signer }
}

function readPeer(reader: BinaryReader): PeerId {
  const { offset } = reader
  const peer = reader.string(PEER_BYTES_MAX)
  if (!isPeerId(peer)) throw malformed('peer id', offset)
  return peer
}

const malformed = (what: string, offset: number): HoldfastError =>
  new HoldfastError(`Cannot read group locator: bad ${what} at offset ${offset}`, {
    code: 'MALFORMED',
    what: `group locator: ${what}`,
    offset,
  })

const tooLarge = (size: number): HoldfastError =>
  new HoldfastError(`Cannot read group locator: ${size} bytes, limit ${LOCATOR_BYTES_MAX}`, {
    code: 'TOO_LARGE',
    what: 'group locator',
    size,
    limit: LOCATOR_BYTES_MAX,
  })
