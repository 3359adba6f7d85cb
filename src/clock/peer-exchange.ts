import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { codeOf, HoldfastError } from '../base/errors.ts'
import type { Basis, Status } from './status.ts'

/**
 * What peers ask each other about time: two datagrams, each a kind of its own, so that an answer
 * never takes the place of a question that still waits for a slow connection.
 *
 *     clock-ask    u8 version | u64 id
 *     clock-tell   u8 version | u64 id | f64 T2 | f64 T3 | f64 bound | f64 root age | u8 status | u8 basis
 *
 * The connection authenticates the sender. T2 and T3 are readings of the virtual clock; the bound is
 * its bound, so that the asker's is at least as wide and errors add up along a chain. The root age
 * says how long ago the chain touched a true source: without it peers would keep each other
 * SYNCED for ever after the last server has gone.
 */
export const ASK_KIND = 'clock-ask'
export const TELL_KIND = 'clock-tell'

export interface PeerTelling {
  readonly id: number
  readonly receivedMs: number
  readonly sentMs: number
  /** Infinity while nothing is known. */
  readonly boundMs: number
  readonly rootAgeMs: number
  readonly status: Status
  readonly basis: Basis
}

const VERSION = 1
const MESSAGE_BYTES_MAX = 64
const statuses: readonly Status[] = ['INIT', 'SYNCED', 'HOLDOVER', 'UNSYNCED', 'DISRUPTED']
const bases: readonly Basis[] = ['utc', 'network']

export function encodeAsk(id: number): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX)
  writer.u8(VERSION)
  writer.u64(id)
  return writer.finish()
}

/** The question's id; undefined if it is none. */
export const decodeAsk = (bytes: Uint8Array): number | undefined =>
  decoded(bytes, reader => reader.u64())

export function encodeTelling(telling: PeerTelling): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(MESSAGE_BYTES_MAX, MESSAGE_BYTES_MAX)
  writer.u8(VERSION)
  writer.u64(telling.id)
  writer.f64(telling.receivedMs)
  writer.f64(telling.sentMs)
  writer.f64(telling.boundMs)
  writer.f64(telling.rootAgeMs)
  writer.u8(statuses.indexOf(telling.status))
  writer.u8(bases.indexOf(telling.basis))
  return writer.finish()
}

/** The answer; undefined if it is none. Its numbers may still be nonsense: see `sampleOf`. */
export const decodeTelling = (bytes: Uint8Array): PeerTelling | undefined =>
  decoded(bytes, reader => {
    const id = reader.u64()
    const [receivedMs, sentMs] = [reader.f64(), reader.f64()]
    const [boundMs, rootAgeMs] = [reader.f64(), reader.f64()]
    const status = statuses[reader.u8()]
    const basis = bases[reader.u8()]
    const isSane = sentMs >= receivedMs && boundMs >= 0 && rootAgeMs >= 0
    if (status === undefined || basis === undefined || !isSane) throw malformed(reader.offset)
    return { id, receivedMs, sentMs, boundMs, rootAgeMs, status, basis }
  })

function decoded<Result>(
  bytes: Uint8Array,
  read: (reader: BinaryReader) => Result,
): Result | undefined {
  const reader = new BinaryReader(bytes)
  try {
    if (reader.u8() !== VERSION) return undefined
    const result = read(reader)
    reader.end()
    return result
  } catch (error) {
    if (codeOf(error) !== 'MALFORMED') throw error
    return undefined
  }
}

const malformed = (offset: number): HoldfastError =>
  new HoldfastError(`Cannot decode ${TELL_KIND}: at offset ${offset}`, {
    code: 'MALFORMED',
    what: TELL_KIND,
    offset,
  })
