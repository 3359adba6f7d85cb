import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import type { Disk, PeerId, Timer, Timers } from '../base/environment.ts'
import { codeOf } from '../base/errors.ts'
import { malformed } from './failures.ts'
import { isPeerId } from './identity.ts'
import { ADDRESS_BYTES_MAX, BOOK_ADDRESSES_MAX, BOOK_PEERS_MAX } from './limits.ts'

const PATH = 'addresses'
const VERSION = 1
/** Addresses of a peer that hearsay does not displace. */
const TRUSTED_MAX = 4
const PEER_BYTES_MAX = 64
/** Nothing is lost that could not be learnt again, so changes are gathered for a while. */
const SAVE_AFTER_MS = 2_000
const FILE_BYTES_MAX =
  BOOK_PEERS_MAX * (BOOK_ADDRESSES_MAX * (ADDRESS_BYTES_MAX + 2) + PEER_BYTES_MAX + 4)

/**
 * Where members could be reached when they were last heard of, kept across restarts. The peer last
 * confirmed comes last and is forgotten last; of one peer's addresses the best comes first.
 *
 * The file is `u8 version | varint peers | peers × (string id | u8 count | count × string address)`.
 */
export class AddressBook {
  readonly #disk: Disk
  readonly #timers: Timers
  readonly #onFailure: (error: unknown) => void
  readonly #entries = new Map<PeerId, readonly string[]>()
  /** Runs until what was changed is written. */
  #due: Timer | undefined
  #saving: Promise<void> = Promise.resolve()

  private constructor(options: AddressBookOptions) {
    this.#disk = options.disk
    this.#timers = options.timers
    this.#onFailure = options.onFailure
  }

  /** A book that cannot be read begins anew: it is a memory aid, not a truth. */
  static async open(options: AddressBookOptions): Promise<AddressBook> {
    const book = new AddressBook(options)
    try {
      await book.#load()
    } catch (error) {
      if (codeOf(error) !== 'FILE_NOT_FOUND') options.onFailure(error)
    }
    return book
  }

  peers(): PeerId[] {
    return [...this.#entries.keys()]
  }

  get(peer: PeerId): readonly string[] {
    return this.#entries.get(peer) ?? []
  }

  /**
   * Puts these addresses before those that are known. True if that was news. What others say of a
   * peer comes after its best addresses, so that no liar can crowd those out.
   */
  add(peer: PeerId, addresses: readonly string[], isHearsay: boolean = false): boolean {
    const before = this.get(peer)
    const trusted = isHearsay ? before.slice(0, TRUSTED_MAX) : []
    const merged = new Set([...trusted, ...addresses, ...before])
    const after = [...merged].slice(0, BOOK_ADDRESSES_MAX)
    this.#entries.delete(peer)
    if (after.length === 0) return false
    this.#entries.set(peer, after)
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= BOOK_PEERS_MAX) break
      this.#entries.delete(oldest)
    }
    const isNews = after.length !== before.length || after.some((text, at) => text !== before[at])
    if (isNews) this.#saveSoon()
    return isNews
  }

  forget(peer: PeerId): void {
    if (this.#entries.delete(peer)) this.#saveSoon()
  }

  /** Writes what has not been written. */
  async close(): Promise<void> {
    if (this.#due !== undefined) this.#save()
    await this.#saving
  }

  #saveSoon(): void {
    this.#due ??= this.#timers.after(SAVE_AFTER_MS, () => this.#save())
  }

  #save(): void {
    this.#due?.cancel()
    this.#due = undefined
    this.#saving = this.#saving
      .then(() => this.#disk.replace(PATH, this.#encode()))
      .catch(this.#onFailure)
  }

  #encode(): Uint8Array {
    const writer = new BinaryWriter(FILE_BYTES_MAX)
    writer.u8(VERSION)
    writer.varint(this.#entries.size)
    for (const [peer, addresses] of this.#entries) {
      writer.string(peer)
      writer.u8(addresses.length)
      for (const address of addresses) writer.string(address)
    }
    return writer.finish()
  }

  async #load(): Promise<void> {
    const file = await this.#disk.open(PATH, 'read')
    try {
      const size = Math.min(await file.sizeBytes(), FILE_BYTES_MAX)
      this.#decode(new BinaryReader(await file.read(0, size)))
    } finally {
      await file.close()
    }
  }

  #decode(reader: BinaryReader): void {
    if (reader.u8() !== VERSION) throw malformed('address book: version')
    const count = Math.min(reader.varint(), BOOK_PEERS_MAX)
    for (let at = 0; at < count; at++) {
      const peer = reader.string(PEER_BYTES_MAX)
      const addresses = Array.from({ length: reader.u8() }, () => reader.string(ADDRESS_BYTES_MAX))
      if (isPeerId(peer)) this.#entries.set(peer, addresses.slice(0, BOOK_ADDRESSES_MAX))
    }
  }
}

export interface AddressBookOptions {
  readonly disk: Disk
  readonly timers: Timers
  readonly onFailure: (error: unknown) => void
}
