import { compare, fromUtf8 } from '../base/bytes.ts'
import type { DirectoryEntry, Disk, DiskFile } from '../base/environment.ts'
import { type Failure, HoldfastError } from '../base/errors.ts'
import { pooledCalls, type SystemCalls } from './system-calls.ts'

const ZERO_CHUNK_BYTES = 1 << 20

/** A store's disk at `root`, an existing directory, on Node's thread pool. */
export const openDisk = (root: string): Disk => new CheckedDisk(pooledCalls(root))

/**
 * The rules of the disk, the same over real and simulated system calls:
 *
 * - A write is whole or it is an error: the kernel may stop half way, at a full disk without a word.
 * - The first failure of a sync or a close is final for the store. The kernel marks the pages clean
 *   all the same, so a second sync would succeed and mean nothing.
 * - A name is durable only once its directory was synced.
 * - Files are 0600, directories 0700, and no path leaves the root.
 * - Errors are `HoldfastError`s that say what became of the state.
 */
export class CheckedDisk implements Disk {
  readonly #calls: SystemCalls
  #failure: HoldfastError | undefined
  /** Replacements under way, by path: one at a time, for they share the name of the new file. */
  readonly #replacing = new Map<string, Promise<void>>()

  constructor(calls: SystemCalls) {
    this.#calls = calls
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const handle = await this.run('open', path, () => this.#calls.open(path, mode))
    return new CheckedFile(this, this.#calls, path, handle)
  }

  async rename(from: string, to: string): Promise<void> {
    checkPath(to)
    await this.run('rename', from, () => this.#calls.rename(from, to))
  }

  remove(path: string): Promise<void> {
    return this.run('remove', path, () => this.#calls.remove(path))
  }

  makeDirectory(path: string): Promise<void> {
    return this.run('makeDirectory', path, () => this.#calls.makeDirectory(path))
  }

  async list(directory: string): Promise<DirectoryEntry[]> {
    const found = await this.run('list', directory, () => this.#calls.list(directory))
    return found.toSorted((a, b) => compare(fromUtf8(a.name), fromUtf8(b.name)))
  }

  async syncDirectory(directory: string): Promise<void> {
    checkPath(directory)
    await this.runFinal('syncDirectory', directory, () => this.#calls.syncDirectory(directory))
  }

  replace(path: string, bytes: Uint8Array): Promise<void> {
    const before = this.#replacing.get(path) ?? Promise.resolve()
    const replacing = before
      .catch(() => undefined)
      .then(() => this.#replace(path, bytes))
      .finally(() => {
        if (this.#replacing.get(path) === replacing) this.#replacing.delete(path)
      })
    this.#replacing.set(path, replacing)
    return replacing
  }

  async #replace(path: string, bytes: Uint8Array): Promise<void> {
    const fresh = `${path}.tmp`
    await this.#removeLeftover(fresh)
    const file = await this.open(fresh, 'create')
    try {
      await file.writeDurable(0, bytes)
    } catch (error) {
      await file.close()
      await this.remove(fresh)
      throw error
    }
    await file.close()
    await this.rename(fresh, path)
    await this.syncDirectory(parentOf(path))
  }

  freeBytes(): Promise<number> {
    return this.run('freeBytes', '.', () => this.#calls.freeBytes())
  }

  /** Runs a call whose failure leaves the store usable. */
  async run<Result>(operation: string, path: string, call: () => Promise<Result>): Promise<Result> {
    checkPath(path)
    if (this.#failure !== undefined) throw this.#failure
    try {
      return await call()
    } catch (cause) {
      throw translate(cause, operation, path)
    }
  }

  /** Runs a call whose failure ends the store. */
  async runFinal<Result>(
    operation: string,
    path: string,
    call: () => Promise<Result>,
  ): Promise<Result> {
    if (this.#failure !== undefined) throw this.#failure
    try {
      return await call()
    } catch (cause) {
      this.#failure ??= failure(cause, operation, { code: 'DISK_FAILED', path, operation })
      throw this.#failure
    }
  }

  async #removeLeftover(path: string): Promise<void> {
    try {
      await this.remove(path)
    } catch (error) {
      if ((error as HoldfastError).code !== 'FILE_NOT_FOUND') throw error
    }
  }
}

class CheckedFile implements DiskFile {
  readonly path: string
  readonly #disk: CheckedDisk
  readonly #calls: SystemCalls
  readonly #handle: number
  #isClosed = false

  constructor(disk: CheckedDisk, calls: SystemCalls, path: string, handle: number) {
    this.#disk = disk
    this.#calls = calls
    this.path = path
    this.#handle = handle
  }

  async read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length)
    let done = 0
    while (done < length) {
      const rest = bytes.subarray(done)
      const size = await this.#run('read', () =>
        this.#calls.read(this.#handle, rest, position + done),
      )
      if (size === 0) break
      done += size
    }
    return bytes.subarray(0, done)
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    let done = 0
    while (done < bytes.length) {
      const rest = done === 0 ? bytes : bytes.subarray(done)
      const size = await this.#run('write', () =>
        this.#calls.write(this.#handle, rest, position + done),
      )
      if (size <= 0) throw noProgress(this.path)
      done += size
    }
  }

  async writeDurable(position: number, bytes: Uint8Array): Promise<void> {
    await this.write(position, bytes)
    await this.datasync()
  }

  async writeLent(position: number, sizeBytes: number, memory: ArrayBuffer): Promise<ArrayBuffer> {
    const lent = memory.transfer()
    await this.writeDurable(position, new Uint8Array(lent, 0, sizeBytes))
    return lent
  }

  async datasync(): Promise<void> {
    this.#checkOpen()
    await this.#disk.runFinal('datasync', this.path, () => this.#calls.datasync(this.#handle))
  }

  async preallocate(sizeBytes: number): Promise<void> {
    const before = await this.sizeBytes()
    try {
      for (let position = before; position < sizeBytes; position += ZERO_CHUNK_BYTES) {
        const chunk = new Uint8Array(Math.min(ZERO_CHUNK_BYTES, sizeBytes - position))
        await this.write(position, chunk)
      }
    } catch (error) {
      await this.truncate(before)
      throw error
    }
    await this.datasync()
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#run('truncate', () => this.#calls.truncate(this.#handle, sizeBytes))
  }

  sizeBytes(): Promise<number> {
    return this.#run('size', () => this.#calls.sizeBytes(this.#handle))
  }

  /** The handle is given back in any case, even by a store that has failed. */
  async close(): Promise<void> {
    this.#checkOpen()
    this.#isClosed = true
    const closing = this.#calls.close(this.#handle)
    await this.#disk
      .runFinal('close', this.path, () => closing)
      .catch((error: unknown) => {
        closing.catch(() => undefined)
        throw error
      })
  }

  async #run<Result>(operation: string, call: () => Promise<Result>): Promise<Result> {
    this.#checkOpen()
    return this.#disk.run(operation, this.path, call)
  }

  /** The number of a closed file may be another file's by now. */
  #checkOpen(): void {
    if (this.#isClosed) throw new RangeError(`the file ${this.path} is closed`)
  }
}

/** Opens a file for as long as `use` takes. */
export async function withFile<Result>(
  disk: Disk,
  path: string,
  mode: 'read' | 'write' | 'create',
  use: (file: DiskFile) => Promise<Result>,
): Promise<Result> {
  const file = await disk.open(path, mode)
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/** The directory a path lies in; `.` for the root. */
export const parentOf = (path: string): string =>
  path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.'

/** Paths are made by Holdfast, never by users: one that would leave the root is a bug. */
function checkPath(path: string): void {
  if (path === '.') return
  const isSafe = path
    .split('/')
    .every(part => part !== '' && part !== '.' && part !== '..' && !/[\\\0]/.test(part))
  if (!isSafe) throw new RangeError(`a path stays inside the store, unlike '${path}'`)
}

function translate(cause: unknown, operation: string, path: string): HoldfastError {
  switch ((cause as { code?: string }).code ?? '') {
    case 'ENOENT':
    case 'ENOTDIR':
      return failure(cause, operation, { code: 'FILE_NOT_FOUND', path })
    case 'EEXIST':
      return failure(cause, operation, { code: 'FILE_EXISTS', path })
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return failure(cause, operation, { code: 'FILE_FORBIDDEN', path, operation })
    case 'ENOSPC':
    case 'EDQUOT':
      return failure(cause, operation, { code: 'DISK_FULL', path })
    case 'EMFILE':
    case 'ENFILE':
      return failure(cause, operation, { code: 'BUSY', what: 'file descriptors' })
    default:
      return failure(cause, operation, { code: 'DISK_IO', path, operation })
  }
}

function failure(cause: unknown, operation: string, details: Failure): HoldfastError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new HoldfastError(`Cannot ${operation}: ${reason}`, details, { cause })
}

function noProgress(path: string): HoldfastError {
  const details: Failure = { code: 'DISK_IO', path, operation: 'write' }
  return new HoldfastError(`Cannot write ${path}: the system wrote nothing`, details)
}
