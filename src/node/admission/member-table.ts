/**
 * Who belongs to the network, as far as this peer has heard: for each peer the newest certificate,
 * or its revocation, as signed records.
 *
 * Peers exchange records in any order and any number of times, and end up with the same table:
 * what it holds depends only on which records were offered, never on when. Hence time decides
 * nothing here but the answer to `statusOf`: an expired certificate stays, as what it is.
 *
 * Invariants: a revocation is never replaced; a certificate only by one with a higher serial, or by
 * a revocation. `digest` is the same for two tables with the same records.
 */
import { createHash } from 'node:crypto'

import { toHex } from '../../base/bytes.ts'
import type { PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import {
  type Certificate,
  type MemberRecord,
  openRecord,
  type Revocation,
} from './member-record.ts'
import type { Trust } from './trust.ts'

/** Only the authority can add to the table, so this bounds its mistakes, not an attacker. */
export const MEMBERS_MAX = 10_000
/** Certificates outlive their end by this much, for clocks that are a little wrong. */
export const CLOCK_SKEW_MS = 600_000
/** What records are called when peers compare their tables: the start of their hash. */
export const RECORD_NAME_BYTES = 8

export type MemberStatus =
  | { readonly state: 'member'; readonly certificate: Certificate }
  | { readonly state: 'expired'; readonly certificate: Certificate }
  | { readonly state: 'banned'; readonly revocation: Revocation }
  | { readonly state: 'unknown' }

interface Entry {
  readonly record: MemberRecord
  readonly bytes: Uint8Array
  readonly name: string
}

export class MemberTable {
  readonly trust: Trust
  readonly #entries = new Map<PeerId, Entry>()
  readonly #names = new Map<string, Entry>()
  readonly #digest = new Uint8Array(RECORD_NAME_BYTES)
  #lastSerial = 0

  constructor(trust: Trust) {
    this.trust = trust
  }

  get size(): number {
    return this.#entries.size
  }

  /** The highest serial there is. */
  get lastSerial(): number {
    return this.#lastSerial
  }

  /** Equal for equal tables; a new array. */
  get digest(): Uint8Array {
    return this.#digest.slice()
  }

  /**
   * Takes a record in unless the table knows as much or more; returns it if it was news.
   * @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`, `UNTRUSTED`, `BUSY` if the table is full
   */
  offer(bytes: Uint8Array): MemberRecord | undefined {
    const name = nameOf(bytes)
    if (this.#names.has(name)) return undefined
    const record = openRecord(bytes, this.trust)
    const before = this.#entries.get(record.peer)
    if (before !== undefined && !supersedes(record, before.record)) return undefined
    if (before === undefined && this.size >= MEMBERS_MAX) throw tableFull()
    if (before !== undefined) this.#forget(before)
    this.#keep({ record, bytes: bytes.slice(), name })
    return record
  }

  statusOf(peer: PeerId, wallMs: number): MemberStatus {
    const record = this.#entries.get(peer)?.record
    if (record === undefined) return { state: 'unknown' }
    if (record.kind === 'revocation') return { state: 'banned', revocation: record }
    const isOver = record.notAfterMs + CLOCK_SKEW_MS < wallMs
    return { state: isOver ? 'expired' : 'member', certificate: record }
  }

  /** The record of a peer as it was signed. */
  recordOf(peer: PeerId): Uint8Array | undefined {
    return this.#entries.get(peer)?.bytes
  }

  /** What there is about every peer, in order of their ids. */
  records(): readonly MemberRecord[] {
    return this.#sorted().map(entry => entry.record)
  }

  /** All records as they were signed. */
  signedRecords(): readonly Uint8Array[] {
    return this.#sorted().map(entry => entry.bytes)
  }

  /** Names of all records, for another peer to compare. */
  names(): readonly string[] {
    return [...this.#names.keys()].toSorted()
  }

  /** The signed record of this name. */
  named(name: string): Uint8Array | undefined {
    return this.#names.get(name)?.bytes
  }

  #sorted(): readonly Entry[] {
    return [...this.#entries.values()].toSorted((a, b) => (a.record.peer < b.record.peer ? -1 : 1))
  }

  #keep(entry: Entry): void {
    this.#entries.set(entry.record.peer, entry)
    this.#names.set(entry.name, entry)
    this.#lastSerial = Math.max(this.#lastSerial, entry.record.serial)
    this.#mix(entry.name)
  }

  #forget(entry: Entry): void {
    this.#names.delete(entry.name)
    this.#mix(entry.name)
  }

  /** Exclusive or: what goes in twice goes out, and order does not matter. */
  #mix(name: string): void {
    for (const [index, byte] of Buffer.from(name, 'hex').entries())
      this.#digest[index] = (this.#digest[index] as number) ^ byte
  }
}

/** What a record is called when tables are compared. */
const nameOf = (bytes: Uint8Array): string =>
  toHex(createHash('sha256').update(bytes).digest().subarray(0, RECORD_NAME_BYTES))

function supersedes(record: MemberRecord, before: MemberRecord): boolean {
  if (record.kind !== before.kind) return record.kind === 'revocation'
  // Two revocations of one peer say the same; the same one must win everywhere.
  return record.serial > before.serial
}

function tableFull(): HoldfastError {
  const details = { code: 'BUSY', what: 'member table', limit: MEMBERS_MAX } as const
  return new HoldfastError(`Cannot admit: ${MEMBERS_MAX} peers are known`, details)
}
