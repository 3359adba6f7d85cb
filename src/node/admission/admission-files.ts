/**
 * What admission keeps on disk, in `admission/`, each file replaced as a whole:
 *
 *     members     the signed records of the member table
 *     authority   the key of the network and its books; on the peer that made the network only
 *     circle      the invite for, or of, those who found together, until all are in
 *     network     who the network is, and this peer's part in it; written last, so that it is there
 *                 only if everything else is
 *
 *     | magic 4 | version | body | sha-256 of all before, its first 8 bytes |
 */
import { createHash } from 'node:crypto'

import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { concat, equals, fromUtf8 } from '../../base/bytes.ts'
import type { Disk, PeerId } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { withFile } from '../../storage/disk.ts'
import { type AuthorityBooks, readBooks, writeBooks } from './authority-books.ts'
import { CIRCLE_BYTES_MAX } from './circle-messages.ts'
import { PUBLIC_KEY_BYTES, SEED_BYTES } from './ed25519.ts'
import { NETWORK_KEY_BYTES } from './join-messages.ts'
import { PEER_BYTES_MAX, RECORD_BYTES_MAX } from './member-record.ts'
import { MEMBERS_MAX } from './member-table.ts'

/** A peer's part in a network. */
export interface Credentials {
  /** The key that founded the network. */
  readonly authority: Uint8Array
  /** Who holds it. */
  readonly holder: PeerId
  readonly self: PeerId
  /** What wraps the keys of objects; full members only. */
  readonly networkKey: Uint8Array | undefined
}

export interface AuthorityFile {
  /** The private half of the network's key. */
  readonly seed: Uint8Array
  readonly books: AuthorityBooks
}

const DIRECTORY = 'admission'
const VERSION = 1
const MAGIC = fromUtf8('HFad')
const SUM_BYTES = 8
/** Room for a full member table. */
const FILE_BYTES_MAX = MEMBERS_MAX * (RECORD_BYTES_MAX + 2) + 64
const CREDENTIALS_BYTES_MAX = 1024

export class AdmissionFiles {
  readonly #disk: Disk

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** This peer's part in a network; undefined if it has none yet. */
  async readCredentials(): Promise<Credentials | undefined> {
    const reader = await this.#read('network')
    if (reader === undefined) return undefined
    const authority = reader.fixed(PUBLIC_KEY_BYTES)
    const holder = reader.string(PEER_BYTES_MAX)
    const self = reader.string(PEER_BYTES_MAX)
    const key = reader.bytes(NETWORK_KEY_BYTES)
    reader.end()
    return { authority, holder, self, networkKey: key.length === 0 ? undefined : key }
  }

  async writeCredentials({ authority, holder, self, networkKey }: Credentials): Promise<void> {
    const writer = new BinaryWriter(CREDENTIALS_BYTES_MAX)
    writer.fixed(authority)
    writer.string(holder)
    writer.string(self)
    writer.bytes(networkKey ?? new Uint8Array())
    await this.#write('network', writer)
  }

  /** The key of the network and its books, on the peer that has them. */
  async readAuthority(): Promise<AuthorityFile | undefined> {
    const reader = await this.#read('authority')
    if (reader === undefined) return undefined
    const seed = reader.fixed(SEED_BYTES)
    const books = readBooks(reader)
    reader.end()
    return { seed, books }
  }

  async writeAuthority({ seed, books }: AuthorityFile): Promise<void> {
    const writer = new BinaryWriter(FILE_BYTES_MAX)
    writer.fixed(seed)
    writeBooks(writer, books)
    await this.#write('authority', writer)
  }

  async readRecords(): Promise<Uint8Array[]> {
    const reader = await this.#read('members')
    const records: Uint8Array[] = []
    if (reader === undefined) return records
    while (reader.remaining > 0) records.push(reader.bytes(RECORD_BYTES_MAX))
    return records
  }

  async writeRecords(records: readonly Uint8Array[]): Promise<void> {
    const writer = new BinaryWriter(FILE_BYTES_MAX)
    for (const record of records) writer.bytes(record)
    await this.#write('members', writer)
  }

  /** What is left of founding together: the invite that founders hand out and others join with. */
  async readCircle(): Promise<string | undefined> {
    const reader = await this.#read('circle')
    const invite = reader?.string(CIRCLE_BYTES_MAX)
    reader?.end()
    return invite === '' ? undefined : invite
  }

  /** Empty when all are in. */
  async writeCircle(invite: string): Promise<void> {
    const writer = new BinaryWriter(CIRCLE_BYTES_MAX)
    writer.string(invite)
    await this.#write('circle', writer)
  }

  async #read(name: string): Promise<BinaryReader | undefined> {
    const bytes = await this.#bytesOf(`${DIRECTORY}/${name}`)
    if (bytes === undefined) return undefined
    const body = bytes.subarray(0, -SUM_BYTES)
    const isWhole =
      equals(body.subarray(0, MAGIC.length), MAGIC) &&
      equals(sumOf(body), bytes.subarray(-SUM_BYTES))
    if (!isWhole) throw corrupt(name)
    if (body[MAGIC.length] !== VERSION) throw foreign(name, body[MAGIC.length] as number)
    return new BinaryReader(body.subarray(MAGIC.length + 1))
  }

  async #bytesOf(path: string): Promise<Uint8Array | undefined> {
    try {
      return await withFile(this.#disk, path, 'read', async file =>
        file.read(0, Math.min(await file.sizeBytes(), FILE_BYTES_MAX)),
      )
    } catch (error) {
      if (codeOf(error) === 'FILE_NOT_FOUND') return undefined
      throw error
    }
  }

  async #write(name: string, writer: BinaryWriter): Promise<void> {
    await this.#makeDirectory()
    const body = concat([MAGIC, Uint8Array.of(VERSION), writer.finish()])
    // The disk takes the array over; `concat` may have lent its memory to others.
    await this.#disk.replace(`${DIRECTORY}/${name}`, concat([body, sumOf(body)]).slice())
  }

  async #makeDirectory(): Promise<void> {
    try {
      await this.#disk.makeDirectory(DIRECTORY)
      await this.#disk.syncDirectory('.')
    } catch (error) {
      if (codeOf(error) !== 'FILE_EXISTS') throw error
    }
  }
}

const sumOf = (body: Uint8Array): Uint8Array =>
  new Uint8Array(createHash('sha256').update(body).digest().subarray(0, SUM_BYTES))

const corrupt = (name: string): HoldfastError =>
  new HoldfastError(`Cannot read ${DIRECTORY}/${name}: it is damaged`, {
    code: 'CORRUPT',
    what: `${DIRECTORY}/${name}`,
  })

const foreign = (name: string, version: number): HoldfastError =>
  new HoldfastError(`Cannot read ${DIRECTORY}/${name}: it has version ${version}`, {
    code: 'FOREIGN_STORE',
    path: `${DIRECTORY}/${name}`,
    reason: `version ${version}`,
  })
