import { basename, dirname } from 'node:path'

import { ClassicLevel, type Snapshot } from 'classic-level'

import { type Failure, HoldfastError } from '../base/errors.ts'
import type { KeyChange, KeyRange, KeyValue, KeyValueEntry, KeyValueView } from './key-value.ts'
import { pooledCalls } from './system-calls.ts'

const WRITE_BUFFER_BYTES = 16 << 20
const CACHE_BYTES = 16 << 20
/** Ids are as good as random, so a new table meets all older ones: fewer, larger ones cost less. */
const TABLE_BYTES = 16 << 20
/** What opening anew may write: the log, and a table that is being made already. */
const REOPEN_BYTES = 2 * WRITE_BUFFER_BYTES
/** What one page may hold in memory, and one step towards it. */
const PAGE_BYTES_MAX = 4 << 20
const STEP_BYTES = 64 << 10

type Level = ClassicLevel<Uint8Array, Uint8Array>

/**
 * `KeyValue` over LevelDB. What LevelDB does and does not protect:
 *
 * - A batch with `sync` is in its log, and the log is synced. The name of a log it has just begun is
 *   not: that the sync of a new file makes its name durable holds on ext4, XFS, btrfs and APFS.
 *   The log before that is never synced: its last batches, if without `sync`, may be lost.
 * - A record of the log that has rotted is skipped at the next opening without a word, and so is
 *   what follows it in its block of 32 KiB. Tables are read without looking at their checksums. Who
 *   stores acknowledged data here must check every value, and count.
 * - A write that fails leaves half a record in the log, and what is appended to that may be skipped
 *   with it. So after a full disk nothing is written before the database was opened anew: this
 *   copies what the log holds into a table and begins another log. Until there is room for that,
 *   it is read-only.
 */
export class LevelKeyValue implements KeyValue {
  readonly #path: string
  #level: Level
  /** Set while the database is being opened anew; reads wait for it. */
  #reopening: Promise<void> | undefined
  #hasTornLog = false
  #failure: HoldfastError | undefined

  /**
   * Opens the database in the directory at `path`, or begins one.
   * @throws {HoldfastError} `BUSY` if another process has it open, `FILE_FORBIDDEN`, `CORRUPT`,
   *   `DISK_*`
   */
  static async open(path: string): Promise<LevelKeyValue> {
    const level = await openLevel(path)
    const calls = pooledCalls(dirname(path))
    try {
      await calls.syncDirectory(basename(path))
      await calls.syncDirectory('.')
    } catch (cause) {
      await level.close()
      throw failed(cause, path, 'syncDirectory')
    }
    return new LevelKeyValue(path, level)
  }

  private constructor(path: string, level: Level) {
    this.#path = path
    this.#level = level
  }

  get(key: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined> {
    // 64 writers of 4 KiB: 12,000 puts a second, with an asynchronous `get` 7,500.
    return this.#read(async level => level.getSync(key) as Uint8Array<ArrayBuffer> | undefined)
  }

  getLarge(key: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#read(level => level.get(key) as Promise<Uint8Array<ArrayBuffer> | undefined>)
  }

  page(range: KeyRange): Promise<KeyValueEntry[]> {
    return this.#read(level => pageOf(level, range))
  }

  view(): KeyValueView {
    const level = this.#level
    // While it is being opened anew there is nothing to hold on to.
    const snapshot = level.status === 'open' ? level.snapshot() : undefined
    const usable = (): Snapshot => {
      if (this.#failure !== undefined) throw this.#failure
      if (snapshot !== undefined && level === this.#level && level.status === 'open')
        return snapshot
      throw new HoldfastError('The view is closed', { code: 'CLOSED', what: 'key-value view' })
    }
    const read = async <Result>(work: (held: Snapshot) => Result | Promise<Result>) => {
      const held = usable()
      try {
        return await work(held)
      } catch (cause) {
        throw readFailure(cause, this.#path)
      }
    }
    return {
      get: key =>
        read<Uint8Array<ArrayBuffer> | undefined>(held => level.getSync(key, { snapshot: held })),
      page: range => read(held => pageOf(level, range, held)),
      close: async () => {
        if (level.status === 'open') await snapshot?.close()
      },
    }
  }

  async batch(changes: readonly KeyChange[], { sync }: { readonly sync: boolean }): Promise<void> {
    if (this.#hasTornLog) await this.#replaceLog()
    const level = await this.#usable()
    try {
      await level.batch(changes.map(operationOf), { sync })
    } catch (cause) {
      if (!isFull(cause)) throw (this.#failure = failed(cause, this.#path, 'batch'))
      this.#hasTornLog = true
      throw full(cause, this.#path)
    }
  }

  async close(): Promise<void> {
    this.#failure ??= new HoldfastError('The key-value store is closed', {
      code: 'CLOSED',
      what: 'key-value store',
    })
    await this.#reopening?.catch(() => undefined)
    await this.#level.close()
  }

  /** What was under way when the database was opened anew is read again. */
  async #read<Result>(read: (level: Level) => Promise<Result>): Promise<Result> {
    for (;;) {
      const level = await this.#usable()
      try {
        return await read(level)
      } catch (cause) {
        if (level === this.#level && level.status === 'open') throw readFailure(cause, this.#path)
        if (this.#failure !== undefined) throw this.#failure
      }
    }
  }

  async #usable(): Promise<Level> {
    if (this.#failure !== undefined) throw this.#failure
    await this.#reopening
    if (this.#level.status !== 'open') await this.#reopen()
    return this.#level
  }

  /** Only where there is room for it: a database that does not open serves no reads either. */
  async #replaceLog(): Promise<void> {
    const freeBytes = await pooledCalls(this.#path).freeBytes()
    if (freeBytes < REOPEN_BYTES) throw full(undefined, this.#path)
    await this.#reopen()
  }

  /** If this fails for want of space, the next call tries again. */
  #reopen(): Promise<void> {
    this.#reopening ??= (async () => {
      try {
        await this.#level.close()
        this.#level = await openLevel(this.#path)
        this.#hasTornLog = false
      } finally {
        this.#reopening = undefined
      }
    })()
    return this.#reopening
  }
}

async function openLevel(path: string): Promise<Level> {
  const level: Level = new ClassicLevel(path, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    // Fragments are ciphertext.
    compression: false,
    writeBufferSize: WRITE_BUFFER_BYTES,
    cacheSize: CACHE_BYTES,
    maxFileSize: TABLE_BYTES,
  })
  try {
    await level.open()
    return level
  } catch (error) {
    const cause = (error as Error).cause ?? error
    if (codeIn(cause) === 'LEVEL_LOCKED') {
      const details = { code: 'BUSY', what: path } as const
      throw new HoldfastError(`Cannot open ${path}: another process has it`, details, { cause })
    }
    if (/Permission denied|Read-only|EACCES|EROFS/.test(messageOf(cause))) {
      const details: Failure = { code: 'FILE_FORBIDDEN', path, operation: 'open' }
      throw new HoldfastError(`Cannot open ${path}: ${messageOf(cause)}`, details, { cause })
    }
    throw isFull(cause) ? full(cause, path) : readFailure(cause, path)
  }
}

async function pageOf(
  level: Level,
  { after, before, limit }: KeyRange,
  snapshot?: Snapshot,
): Promise<KeyValueEntry[]> {
  const options = { gt: after, lt: before, limit, highWaterMarkBytes: STEP_BYTES, snapshot }
  const iterator = level.iterator(options)
  const page: KeyValueEntry[] = []
  try {
    for (let sizeBytes = 0; sizeBytes < PAGE_BYTES_MAX && page.length < limit;) {
      const step = await iterator.nextv(limit - page.length)
      if (step.length === 0) break
      for (const [key, value] of step) {
        sizeBytes += key.length + value.length
        page.push({ key, value })
      }
    }
    return page
  } finally {
    await iterator.close()
  }
}

const operationOf = ({ key, value }: KeyChange) =>
  value === undefined ? ({ type: 'del', key } as const) : ({ type: 'put', key, value } as const)

const codeIn = (cause: unknown): string => (cause as { code?: string }).code ?? ''

const messageOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause)

/** LevelDB passes the system's words on, not its codes. */
const isFull = (cause: unknown): boolean =>
  /No space left|quota exceeded|not enough space/i.test(messageOf(cause))

const full = (cause: unknown, path: string): HoldfastError =>
  new HoldfastError(`Cannot write to ${path}: no space`, { code: 'DISK_FULL', path }, { cause })

function failed(cause: unknown, path: string, operation: string): HoldfastError {
  const details: Failure = { code: 'DISK_FAILED', path, operation }
  return new HoldfastError(`Cannot ${operation} ${path}: ${messageOf(cause)}`, details, { cause })
}

function readFailure(cause: unknown, path: string): HoldfastError {
  const details: Failure =
    codeIn(cause) === 'LEVEL_CORRUPTION'
      ? { code: 'CORRUPT', what: path }
      : /Too many open files/i.test(messageOf(cause))
        ? { code: 'BUSY', what: 'file descriptors' }
        : { code: 'DISK_IO', path, operation: 'read' }
  return new HoldfastError(`Cannot read ${path}: ${messageOf(cause)}`, details, { cause })
}
