/**
 * The fragments that a peer holds. One of more than one cell is a file (`fragment-file.ts`,
 * `fragment-files.ts`), a smaller one lies in the key-value store; every fragment has a record there
 * (`fragment-record.ts`).
 *
 *     put, file:   cells, head → sync of the file → sync of `incoming` → record → move → acknowledged
 *                  each its own  each its own       shared by all        shared   no sync
 *     put, cell:   record and cell → acknowledged
 *                  shared by all
 *
 * Who puts a fragment gets a reference to it with a lease; `commit` keeps the reference, `release`
 * ends it after a grace. The collector removes a fragment when its last reference has ended. Equal
 * fragments have one id, are stored once, and have several references.
 *
 * What is acknowledged is durable, and was the fragment of that name when it came; what is read is
 * verified. What the medium does later is found by readers and by the scrubber, reported, and marked
 * until the fragment is put again. Records have checksums. Those that vanish altogether show in
 * the totals, and the catalog knows which they are.
 *
 * Failures: `DISK_FULL` and `STORE_READONLY` mean that nothing happened. After `DISK_FAILED` nothing
 * is known about what was under way, and the store is to be opened anew.
 */
import type { Clock, Disk, Random } from '../base/environment.ts'
import { codeOf } from '../base/errors.ts'
import { type Ask, type Collected, FragmentCollector } from './fragment-collector.ts'
import { missing } from './fragment-errors.ts'
import { RUN_CELLS } from './fragment-file.ts'
import { FragmentFiles } from './fragment-files.ts'
import { type Finding, FragmentHealth, isLoss, type Verdict } from './fragment-health.ts'
import { FragmentIndex } from './fragment-index.ts'
import type { Cells } from './fragment-intake.ts'
import type { FragmentNames } from './fragment-names.ts'
import { FragmentReader, type FragmentReaderOptions, isSoundFile } from './fragment-reader.ts'
import { type Difference, reconcile } from './fragment-reconcile.ts'
import { type FragmentRecord, type FragmentReference, UNREADABLE } from './fragment-record.ts'
import { FragmentScrubber } from './fragment-scrubber.ts'
import { FragmentSpace, type Usage } from './fragment-space.ts'
import { FragmentWriter, type PutOptions, type ReferenceName } from './fragment-writer.ts'
import type { KeyValue } from './key-value.ts'
import { Limiter } from './limiter.ts'

export interface FragmentStoreOptions {
  /** Of the store's own directory. */
  readonly disk: Disk
  /** Only this store's, for it is written one batch at a time. Stays the caller's to close. */
  readonly keyValue: KeyValue
  readonly names: FragmentNames
  readonly clock: Clock
  readonly random: Random
  /** 32 bytes; a store of another network is refused. */
  readonly networkId: Uint8Array
  /** What the store may hold. @default what the disk has room for */
  readonly capacityBytes?: number
  /** @default 64 MiB */
  readonly reserveBytes?: number
  /** Fixed when the store is made. @default 64 KiB */
  readonly cellBytes?: number
  /** Puts at once, each with half a MiB; above it `BUSY`. @default 128 */
  readonly putsMax?: number
  /** Reads at once, each with half a MiB; above it `BUSY`. @default 128 */
  readonly readsMax?: number
  /** How long a fragment stays whose record was lost to rot. @default one day */
  readonly lostRecordGraceMs?: number
  /** Told, at least once, of what has rotted or is gone. Must not throw. */
  readonly onFinding?: (finding: Finding) => void
}

export interface FragmentInfo {
  readonly id: string
  readonly sizeBytes: number
  /** It is to be put again. */
  readonly isRotten: boolean
  readonly references: readonly FragmentReference[]
}

export interface FragmentRead {
  /** First cell wanted. @default 0 */
  readonly from?: number | undefined
  /** The cell after the last one wanted. @default the end */
  readonly to?: number | undefined
  /** Cells read at once. @default 4 */
  readonly runCells?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Told the leaves of the whole fragment, before the first cell comes. */
  readonly onLeaves?: ((leaves: Uint8Array) => void) | undefined
}

/** Proof that a peer has a cell, which anybody can check who knows the fragment's id. */
export interface RevealedCell {
  readonly cell: Uint8Array
  readonly leaves: Uint8Array
}

export const NONCE_BYTES = 32

const LIST_MAX = 1_000
/** Of opening a fragment that is put anew just then. */
const ATTEMPTS_MAX = 4
const MARKER = 'fragments'

export class FragmentStore {
  /** What the last process left half done. */
  readonly recovered: { readonly moved: number; readonly removed: number }
  readonly scrubber: FragmentScrubber
  readonly #names: FragmentNames
  readonly #index: FragmentIndex
  readonly #space: FragmentSpace
  readonly #reading: FragmentReaderOptions
  readonly #health: FragmentHealth
  readonly #writer: FragmentWriter
  readonly #collector: FragmentCollector
  readonly #puts: Limiter
  readonly #reads: Limiter
  /** The first failure of a sync: what else the disk then says means nothing. */
  #failure: Error | undefined

  /**
   * Opens the store in the disk's root directory, or makes one. Looks at nothing but what a crash
   * left half done, however much it holds.
   * @throws {HoldfastError} `FOREIGN_STORE`; `CORRUPT` if its records are gone (`salvage`); `DISK_*`,
   *   `FILE_FORBIDDEN`
   */
  static async open(options: FragmentStoreOptions): Promise<FragmentStore> {
    const { disk, keyValue, networkId, cellBytes = 65_536 } = options
    const isNew = !(await disk.list('.')).some(({ name }) => name === MARKER)
    const index = await FragmentIndex.open(keyValue, { format: { networkId, cellBytes }, isNew })
    const files = new FragmentFiles(disk, options.names)
    await files.prepare()
    if (isNew) await disk.replace(MARKER, new Uint8Array(0))
    const recovered = await files.recover(
      id => index.get(id),
      (id, file) => isSoundFile(id, file, options.names),
    )
    const { capacityBytes = Number.POSITIVE_INFINITY, reserveBytes = 64 << 20 } = options
    const usedBytes = (): number => index.totals.bytes
    const { clock } = options
    const space = new FragmentSpace({ disk, clock, capacityBytes, reserveBytes, usedBytes })
    await space.open()
    return new FragmentStore(options, { index, files, space, recovered })
  }

  private constructor(
    options: FragmentStoreOptions,
    parts: {
      index: FragmentIndex
      files: FragmentFiles
      space: FragmentSpace
      recovered: { moved: number; removed: number }
    },
  ) {
    const { names, clock, random, cellBytes = 65_536, lostRecordGraceMs = 86_400_000 } = options
    const { onFinding = () => undefined } = options
    const { index, files, space } = parts
    this.recovered = parts.recovered
    this.#names = names
    this.#index = index
    this.#space = space
    this.#reading = { index, files, names, cellBytes }
    this.#health = new FragmentHealth({ ...this.#reading, clock, lostRecordGraceMs, onFinding })
    const health = this.#health
    const writing = { index, files, space, health, names, clock, random, cellBytes }
    this.#writer = new FragmentWriter(writing)
    this.#collector = new FragmentCollector({ index, files, names, clock, cellBytes })
    this.scrubber = new FragmentScrubber({ index, health: this.#health, names, clock })
    this.#puts = new Limiter('puts', options.putsMax ?? 128)
    this.#reads = new Limiter('reads', options.readsMax ?? 128)
  }

  get usage(): Usage & { readonly fragments: number } {
    return { ...this.#space.usage, fragments: this.#index.totals.fragments }
  }

  /**
   * Stores a fragment and references it; resolves when both are durable. If it is here already the
   * cells are not asked for. Cells have 64 KiB, the last one what is left.
   * @throws {HoldfastError} `MALFORMED`, `HASH_UNKNOWN`, `CELL_SIZE`, `TOO_LARGE`,
   *   `FRAGMENT_CORRUPT`, `STORE_READONLY`, `BUSY`, `DISK_FULL`, `DISK_IO`: nothing happened;
   *   `DISK_FAILED`; the signal's reason
   */
  put(id: string, options: PutOptions, cells: Cells): Promise<'stored' | 'present'> {
    return this.#puts.run(() =>
      this.#minding(() => this.#writer.put(this.#names.decode(id), options, cells)),
    )
  }

  /**
   * Keeps a reference until it is released.
   * @throws {HoldfastError} `FRAGMENT_MISSING`, `LEASE_EXPIRED`, `FRAGMENT_CORRUPT`, `DISK_*`
   */
  commit(id: string, name: ReferenceName): Promise<void> {
    return this.#minding(() => this.#writer.commit(this.#names.decode(id), name))
  }

  /**
   * Ends a reference after `graceMs`, sooner if its lease is shorter. One that is not there has
   * ended already.
   * @throws {HoldfastError} `FRAGMENT_MISSING`, `FRAGMENT_CORRUPT`, `DISK_*`
   */
  release(id: string, name: ReferenceName, graceMs: number): Promise<void> {
    return this.#minding(() => this.#writer.release(this.#names.decode(id), name, graceMs))
  }

  /** What is known about a fragment, without looking at it. */
  async stat(id: string): Promise<FragmentInfo | undefined> {
    const record = await this.#index.get(this.#names.decode(id))
    return record === undefined || isGone(record) ? undefined : { id, ...infoOf(record) }
  }

  /**
   * Fragments with ids above `after`, ascending, up to 1,000; the last one starts the next page. A
   * page without any is the end.
   */
  async list({ after, limit = LIST_MAX }: { after?: string; limit?: number } = {}): Promise<
    FragmentInfo[]
  > {
    if (!(limit >= 1 && limit <= LIST_MAX)) throw new RangeError(`1 to ${LIST_MAX}, not ${limit}`)
    let from = after === undefined ? new Uint8Array(0) : this.#names.decode(after)
    for (;;) {
      const page = await this.#index.page(from, limit)
      const infos = page
        .filter(({ record }) => !isGone(record))
        .map(({ id, record }) => ({ id: this.#names.encode(id), ...infoOf(record) }))
      const last = page.at(-1)
      // A page of nothing but what is being removed must not look like the end.
      if (infos.length > 0 || last === undefined) return infos
      from = last.id
    }
  }

  /** Compares what is here with what the catalog lists: ids in ascending order of their bytes. */
  reconcile(listed: AsyncIterable<string> | Iterable<string>): AsyncGenerator<Difference> {
    return reconcile(this.#index, this.#names, listed)
  }

  /**
   * Cells `from` … `to` - 1, each verified, in memory that is the caller's; a few are read ahead. Of
   * no cells at all there are still the leaves.
   * @throws {HoldfastError} `FRAGMENT_MISSING`, `FRAGMENT_CORRUPT`, `DISK_*`, `BUSY`
   */
  async *read(
    id: string,
    options: FragmentRead = {},
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    const { cellBytes } = this.#reading
    for await (const run of this.readRuns(id, options)) {
      for (let at = 0; at < run.length; at += cellBytes) {
        options.signal?.throwIfAborted()
        yield run.subarray(at, at + cellBytes)
      }
    }
  }

  /** The same, several cells at a time, each run in an array of its own. */
  async *readRuns(
    id: string,
    { from = 0, to, runCells = RUN_CELLS, signal, onLeaves }: FragmentRead = {},
  ): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    const key = this.#names.decode(id)
    const leave = this.#reads.enter()
    let opened: Opened | undefined
    let ahead: Promise<Uint8Array<ArrayBuffer>> | undefined
    try {
      opened = await this.#open(key)
      const { reader } = opened
      const end = to ?? reader.cells
      checkRange(from, end, reader.cells)
      onLeaves?.(reader.leaves)
      const readFrom = (at: number) =>
        at < end ? reader.read(at, Math.min(at + runCells, end)) : undefined
      ahead = readFrom(from)
      for (let at = from; ahead !== undefined; at += runCells) {
        const run = await ahead
        ahead = readFrom(at + runCells)
        ahead?.catch(() => undefined)
        signal?.throwIfAborted()
        yield run
      }
    } catch (error) {
      if (opened !== undefined) await this.#examine(key, opened.record, error)
      throw error
    } finally {
      await Promise.allSettled([ahead])
      await opened?.reader.close()
      leave()
    }
  }

  /**
   * Proves possession without sending the cell: the hash of a nonce of 32 bytes and the cell.
   * @throws like `read`
   */
  async prove(id: string, cell: number, nonce: Uint8Array): Promise<Uint8Array> {
    if (nonce.length !== NONCE_BYTES) {
      throw new RangeError(`A nonce has ${NONCE_BYTES} bytes, not ${nonce.length}`)
    }
    const revealed = await this.reveal(id, cell)
    const bytes = new Uint8Array(NONCE_BYTES + revealed.cell.length)
    bytes.set(nonce)
    bytes.set(revealed.cell, NONCE_BYTES)
    return this.#names.hash(this.#names.decode(id), bytes)
  }

  /** A cell and the list of leaves that proves it; throws like `read`. */
  async reveal(id: string, cell: number): Promise<RevealedCell> {
    const key = this.#names.decode(id)
    return this.#reads.run(async () => {
      const { reader, record } = await this.#open(key)
      try {
        checkRange(cell, cell + 1, reader.cells)
        return { cell: await reader.read(cell, cell + 1), leaves: reader.leaves }
      } catch (error) {
        await this.#examine(key, record, error)
        throw error
      } finally {
        await reader.close()
      }
    })
  }

  /** Removes what nobody needs any more, but for what the catalog lists. */
  collect(ask: Ask, signal?: AbortSignal): Promise<Collected> {
    return this.#minding(() => this.#collector.collect(ask, signal))
  }

  /** Resolves once nothing is being changed: then the key-value store may be closed. */
  idle(): Promise<void> {
    return this.#index.idle()
  }

  async #open(id: Uint8Array): Promise<Opened> {
    for (let attempt = 1; ; attempt++) {
      const record = await this.#index.get(id)
      if (record === undefined || isGone(record)) throw missing(this.#names.encode(id))
      try {
        return { record, reader: await FragmentReader.open(id, record, this.#reading) }
      } catch (error) {
        const verdict = await this.#examine(id, record, error)
        if (verdict !== 'replaced' || attempt === ATTEMPTS_MAX) throw error
      }
    }
  }

  /** Marks what is lost. What has been removed meanwhile is missing instead. */
  async #examine(
    id: Uint8Array,
    record: FragmentRecord,
    error: unknown,
  ): Promise<Verdict | undefined> {
    if (!isLoss(error)) return undefined
    const verdict = await this.#health.suspect(id, record, error as Error)
    if (verdict === 'gone') throw missing(this.#names.encode(id))
    return verdict
  }

  /**
   * Should the disk turn out to be full, what is reserved makes room to tidy up. Should it fail,
   * nothing is changed any more, neither in files nor in the key-value store.
   */
  async #minding<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#failure !== undefined) throw this.#failure
    try {
      return await work()
    } catch (error) {
      if (codeOf(error) === 'DISK_FULL') await this.#space.giveReserveBack()
      if (codeOf(error) === 'DISK_FAILED') this.#failure ??= error as Error
      throw error
    }
  }
}

interface Opened {
  readonly record: FragmentRecord
  readonly reader: FragmentReader
}

/** Nobody needs it any more, and it may be half removed. */
const isGone = (record: FragmentRecord): boolean =>
  record !== UNREADABLE && record.references.length === 0

const infoOf = ({ sizeBytes, isRotten, references }: FragmentRecord): Omit<FragmentInfo, 'id'> => ({
  sizeBytes,
  isRotten,
  references,
})

function checkRange(from: number, to: number, cells: number): void {
  const isInside = Number.isInteger(from) && Number.isInteger(to) && from >= 0 && to <= cells
  if (!isInside || from > to) throw new RangeError(`Cells ${from} to ${to} of ${cells}`)
}
