import type { Disk, DiskFile } from '../base/environment.ts'
import { codeOf } from '../base/errors.ts'
import { FragmentFile, removeIfThere } from './fragment-file.ts'
import { digestIn, type FragmentNames, textOf } from './fragment-names.ts'
import { type FragmentRecord, UNREADABLE } from './fragment-record.ts'
import { SharedSync } from './shared-sync.ts'

/**
 * Where the files of fragments lie:
 *
 *     incoming/<number>.<id>     being written, or written and not yet moved
 *     frag/<2 hex digits>/<id>   at home, under the first byte of the digest
 *
 * A file is made durable where it comes in: its bytes by a sync of its own, its name by one sync of
 * `incoming` that it shares with all others of that moment. Then the record is written, which names
 * the number, and with that the fragment is stored; a power cut from now on finds the file here or
 * at home, for a file system moves a name at once or not at all. The move itself is never synced.
 * So no put syncs one of 256 directories, and what a crash left behind lies in one short list:
 * at the next opening each of its files is moved home if the record names its number, and removed if
 * not. Numbers are drawn at random and never again, so a half-written file cannot be taken for the
 * one the record means. Where the record cannot be read, the bytes of the file must tell.
 */
export class FragmentFiles {
  readonly #disk: Disk
  readonly #names: FragmentNames
  readonly #syncs: SharedSync
  /** Files that a record names and that are not at home yet, by id. */
  readonly #away = new Map<string, string>()

  constructor(disk: Disk, names: FragmentNames) {
    this.#disk = disk
    this.#names = names
    this.#syncs = new SharedSync(disk)
  }

  /** Makes the directories that are missing, and durable. */
  async prepare(): Promise<void> {
    await this.#makeDirectories('.', [INCOMING, HOME])
    await this.#makeDirectories(
      HOME,
      Array.from({ length: 256 }, (_, byte) => hexOf(byte)),
    )
  }

  /**
   * Deals with what a crash left in `incoming`. Returns how many files were moved home, and how many
   * removed.
   * @param isSound whether a file is that of the fragment, to the last byte
   */
  async recover(
    recordOf: (id: Uint8Array) => Promise<FragmentRecord | undefined>,
    isSound: (id: Uint8Array, file: FragmentFile) => Promise<boolean>,
  ): Promise<{ moved: number; removed: number }> {
    const found = { moved: 0, removed: 0 }
    for (const { name } of await this.#disk.list(INCOMING)) {
      const [, number = '', text = ''] = /^(\d+)\.([a-z2-7]+)$/.exec(name) ?? []
      const id = this.#decode(text)
      const record = id && (await recordOf(id))
      const isNamed =
        record === UNREADABLE
          ? await this.#isSound(`${INCOMING}/${name}`, id as Uint8Array, isSound)
          : record?.number === Number(number)
      // What cannot be read now the next opening looks at again.
      if (isNamed === undefined) continue
      if (isNamed && id !== undefined) await this.#disk.rename(`${INCOMING}/${name}`, this.home(id))
      else await this.#disk.remove(`${INCOMING}/${name}`)
      found[isNamed ? 'moved' : 'removed']++
    }
    return found
  }

  /** A new file to be written. */
  create(id: Uint8Array, number: number): Promise<DiskFile> {
    return this.#disk.open(this.#incoming(id, number), 'create')
  }

  /** Makes the names of new files durable. */
  syncIncoming(): Promise<void> {
    return this.#syncs.sync(INCOMING)
  }

  /** Gives up a file that no record names. */
  discard(id: Uint8Array, number: number): Promise<void> {
    return removeIfThere(this.#disk, this.#incoming(id, number))
  }

  /** Runs what makes a record name a file, and then moves that home. In the fragment's turn. */
  async adopt(id: Uint8Array, number: number, record: () => Promise<void>): Promise<void> {
    const key = textOf(id)
    const path = this.#incoming(id, number)
    const before = this.#away.get(key)
    this.#away.set(key, path)
    try {
      await record()
    } catch (error) {
      if (before === undefined) this.#away.delete(key)
      else this.#away.set(key, before)
      throw error
    }
    try {
      await this.#disk.rename(path, this.home(id))
      this.#away.delete(key)
      if (before !== undefined) await removeIfThere(this.#disk, before)
    } catch (error) {
      // It is stored where it is; the next opening moves it, and removes what lies there besides.
      if (codeOf(error) === undefined) throw error
    }
  }

  /**
   * Opens the file of a fragment that has a record.
   * @throws {HoldfastError} `FILE_NOT_FOUND`, `DISK_IO`
   */
  async open(id: Uint8Array): Promise<FragmentFile | undefined> {
    const away = this.#away.get(textOf(id))
    if (away !== undefined) {
      try {
        return await FragmentFile.open(this.#disk, away, id)
      } catch (error) {
        // It may just have been moved.
        if (codeOf(error) !== 'FILE_NOT_FOUND') throw error
      }
    }
    return FragmentFile.open(this.#disk, this.home(id), id)
  }

  /** Removes the file of a fragment, durably. In the fragment's turn. */
  async remove(id: Uint8Array): Promise<void> {
    const away = this.#away.get(textOf(id))
    if (away !== undefined) {
      await removeIfThere(this.#disk, away)
      await this.#syncs.sync(INCOMING)
      this.#away.delete(textOf(id))
    }
    await removeIfThere(this.#disk, this.home(id))
    await this.#syncs.sync(directoryOf(id))
  }

  /** The ids of the files at home, a directory at a time. What is no fragment is passed over. */
  async *atHome(): AsyncGenerator<Uint8Array> {
    for (let byte = 0; byte < 256; byte++) {
      for (const { name } of await this.#disk.list(`${HOME}/${hexOf(byte)}`)) {
        const id = this.#decode(name)
        if (id !== undefined && digestIn(id)[0] === byte) yield id
      }
    }
  }

  async #isSound(
    path: string,
    id: Uint8Array,
    isSound: (id: Uint8Array, file: FragmentFile) => Promise<boolean>,
  ): Promise<boolean | undefined> {
    try {
      const file = await FragmentFile.open(this.#disk, path, id)
      if (file === undefined) return false
      try {
        return await isSound(id, file)
      } finally {
        await file.close()
      }
    } catch (error) {
      if (codeOf(error) !== 'DISK_IO') throw error
      return undefined
    }
  }

  home(id: Uint8Array): string {
    return `${directoryOf(id)}/${this.#names.encode(id)}`
  }

  #incoming(id: Uint8Array, number: number): string {
    return `${INCOMING}/${number}.${this.#names.encode(id)}`
  }

  #decode(text: string): Uint8Array | undefined {
    try {
      return this.#names.decode(text)
    } catch (error) {
      if (codeOf(error) === undefined) throw error
      return undefined
    }
  }

  async #makeDirectories(parent: string, names: readonly string[]): Promise<void> {
    const there = new Set((await this.#disk.list(parent)).map(({ name }) => name))
    for (const name of names) {
      if (there.has(name)) continue
      await this.#disk.makeDirectory(parent === '.' ? name : `${parent}/${name}`)
    }
    // Also when none was missing: a crash may have come before this sync.
    await this.#disk.syncDirectory(parent)
  }
}

export const HOME = 'frag'
export const INCOMING = 'incoming'

const hexOf = (byte: number): string => byte.toString(16).padStart(2, '0')

const directoryOf = (id: Uint8Array): string => `${HOME}/${hexOf(digestIn(id)[0] as number)}`
