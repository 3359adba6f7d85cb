import type { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter, varintSize } from '../base/binary-writer.ts'
import { fromUtf8 } from '../base/bytes.ts'
import type { PeerId } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import { INCARNATION_MAX, PEER_BYTES_MAX, type Seal, SIGNATURE_BYTES } from './record.ts'

/**
 * One peer's word that another does not answer, signed by the accuser, so that nobody can accuse in
 * another's name and make one voice sound like many.
 *
 * ```
 * kind u8 (0 suspect, 1 dead, 3 dead by hearsay) | subject string | incarnation varint | accuser string | signature, 64 bytes
 * ```
 */
export interface Accusation {
  readonly kind: 'suspect' | 'dead'
  readonly subject: PeerId
  /** Of the subject; a later incarnation clears it. */
  readonly incarnation: number
  readonly accuser: PeerId
  /**
   * Passed on by one who only suspects because of it: it may be old, so it is no verdict to anybody
   * else either. Not signed, for it is the teller's word.
   */
  readonly isHearsay: boolean
  readonly signature: Uint8Array
  readonly sizeBytes: number
}

const HEARSAY = 2

type Content = Pick<Accusation, 'kind' | 'subject' | 'incarnation' | 'accuser'>

const kinds = ['suspect', 'dead'] as const
const DOMAIN = 'holdfast membership accusation 1'
const CONTENT_BYTES_MAX = 2 * (PEER_BYTES_MAX + 2) + 16

export function signAccusation(seal: Seal, network: string, content: Content): Accusation {
  return withSize({ ...content, isHearsay: false }, seal.sign(accusationPayload(network, content)))
}

/** The same word, told on without vouching for it. */
export const asHearsay = (accusation: Accusation): Accusation =>
  accusation.kind === 'dead' ? { ...accusation, isHearsay: true } : accusation

/** Whether the accuser signed it for this network. */
export const isGenuineAccusation = (seal: Seal, network: string, accusation: Accusation): boolean =>
  seal.verify(accusation.accuser, accusationPayload(network, accusation), accusation.signature)

export function writeAccusation(writer: BinaryWriter, accusation: Accusation): void {
  writeContent(writer, accusation, accusation.isHearsay ? HEARSAY : 0)
  writer.fixed(accusation.signature)
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function readAccusation(reader: BinaryReader): Accusation {
  const { offset } = reader
  const tag = reader.u8()
  const isHearsay = tag === (HEARSAY | kinds.indexOf('dead'))
  const kind = kinds[isHearsay ? tag - HEARSAY : tag]
  const subject = reader.string(PEER_BYTES_MAX)
  const incarnation = reader.varint()
  const accuser = reader.string(PEER_BYTES_MAX)
  if (kind === undefined || incarnation > INCARNATION_MAX || accuser === subject) {
    throw new HoldfastError(`Cannot decode accusation: at offset ${offset}`, {
      code: 'MALFORMED',
      what: 'accusation',
      offset,
    })
  }
  const signature = reader.fixed(SIGNATURE_BYTES).slice()
  return withSize({ kind, subject, incarnation, accuser, isHearsay }, signature)
}

function accusationPayload(network: string, content: Content): Uint8Array {
  const prefix = fromUtf8(`${DOMAIN}\n${network}\n`)
  const writer = new BinaryWriter(prefix.length + CONTENT_BYTES_MAX)
  writer.fixed(prefix)
  writeContent(writer, content, 0)
  return writer.finish()
}

function writeContent(writer: BinaryWriter, content: Content, flags: number): void {
  writer.u8(kinds.indexOf(content.kind) | flags)
  writer.string(content.subject)
  writer.varint(content.incarnation)
  writer.string(content.accuser)
}

function withSize(
  { kind, subject, incarnation, accuser, isHearsay }: Content & { isHearsay: boolean },
  signature: Uint8Array,
): Accusation {
  const names = textBytes(subject) + textBytes(accuser)
  const sizeBytes = 1 + names + varintSize(incarnation) + SIGNATURE_BYTES
  return { kind, subject, incarnation, accuser, isHearsay, signature, sizeBytes }
}

function textBytes(text: string): number {
  const { length } = fromUtf8(text)
  return varintSize(length) + length
}
