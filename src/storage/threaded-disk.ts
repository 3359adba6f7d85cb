import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'

import type { DirectoryEntry, Disk, DiskFile } from '../base/environment.ts'
import { type Failure, HoldfastError } from '../base/errors.ts'

/** The thread holds little but the bytes it writes, which do not count here. */
const heapLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 64 }
/** Calls that may be on their way to the thread at once. */
const CALLS_MAX = 1024

export interface DiskRequest {
  readonly id: number
  /** The method of the disk, or of its open file number `file`. */
  readonly call: string
  readonly file: number | undefined
  readonly args: readonly unknown[]
}

export interface DiskAnswer {
  readonly id: number
  readonly value?: unknown
  readonly failure?: { readonly message: string; readonly details: Failure | undefined }
}

export interface DiskThreadData {
  readonly root: string
  /** Incremented and notified after each request. */
  readonly bell: Int32Array<SharedArrayBuffer>
}

interface Call {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

interface DiskThread {
  readonly worker: Worker
  readonly port: MessagePort
  readonly bell: Int32Array<SharedArrayBuffer>
}

/**
 * A disk whose calls run one after another in a thread of their own: the write-ahead log's syncs
 * neither block the event loop nor wait behind bulk writes in Node's thread pool. The rules are
 * those of `CheckedDisk`, which runs over there. Bytes to write are moved, not copied; memory that is
 * lent for a write is moved there and back. The thread begins with the first call: a log that nobody
 * writes to costs none.
 */
export class ThreadedDisk implements Disk {
  readonly #root: string
  readonly #calls = new Map<number, Call>()
  #thread: DiskThread | undefined
  #lastId = 0
  #death: HoldfastError | undefined

  constructor(root: string) {
    this.#root = root
  }

  async open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile> {
    const file = (await this.call('open', undefined, [path, mode])) as number
    return new ThreadedFile(this, path, file)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.call('rename', undefined, [from, to])
  }

  async remove(path: string): Promise<void> {
    await this.call('remove', undefined, [path])
  }

  async makeDirectory(path: string): Promise<void> {
    await this.call('makeDirectory', undefined, [path])
  }

  async list(directory: string): Promise<DirectoryEntry[]> {
    return (await this.call('list', undefined, [directory])) as DirectoryEntry[]
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.call('syncDirectory', undefined, [directory])
  }

  async replace(path: string, bytes: Uint8Array): Promise<void> {
    await this.call('replace', undefined, [path, portable(bytes)])
  }

  async freeBytes(): Promise<number> {
    return (await this.call('freeBytes', undefined, [])) as number
  }

  /** Ends the thread. Calls still on their way fail with `DISK_FAILED`. */
  async close(): Promise<void> {
    this.#die(undefined)
    await this.#thread?.worker.terminate()
  }

  /** Has the thread carry out a method; the last argument's memory changes hands. */
  call(call: string, file: number | undefined, args: readonly unknown[]): Promise<unknown> {
    if (this.#death !== undefined) return Promise.reject(this.#death)
    if (this.#calls.size >= CALLS_MAX) return Promise.reject(tooMany())
    const { port, bell } = (this.#thread ??= this.#begin())
    return new Promise((resolve, reject) => {
      const id = ++this.#lastId
      const request: DiskRequest = { id, call, file, args }
      // If this throws nothing was sent, and nobody waits.
      port.postMessage(request, memoryOf(args.at(-1)))
      if (this.#calls.size === 0) port.ref()
      this.#calls.set(id, { resolve, reject })
      Atomics.add(bell, 0, 1)
      Atomics.notify(bell, 0)
    })
  }

  #begin(): DiskThread {
    const { port1: port, port2 } = new MessageChannel()
    const bell = new Int32Array(new SharedArrayBuffer(4))
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./disk-worker.${extension}`, import.meta.url), {
      workerData: { root: this.#root, bell, port: port2 },
      transferList: [port2],
      resourceLimits: heapLimits,
    })
    port.on('message', (answer: DiskAnswer) => this.#settle(answer))
    port.on('messageerror', error => this.#die(error))
    worker.on('error', error => this.#die(error))
    worker.on('exit', () => this.#die(undefined))
    port.unref()
    worker.unref()
    return { worker, port, bell }
  }

  #settle({ id, value, failure }: DiskAnswer): void {
    const call = this.#calls.get(id)
    if (call === undefined) return
    this.#calls.delete(id)
    if (this.#calls.size === 0) this.#thread?.port.unref()
    if (failure === undefined) call.resolve(value)
    else if (failure.details === undefined) call.reject(new RangeError(failure.message))
    else call.reject(new HoldfastError(failure.message, failure.details))
  }

  #die(cause: unknown): void {
    const details: Failure = { code: 'DISK_FAILED', path: '.', operation: 'thread' }
    this.#death ??= new HoldfastError('Cannot reach the disk: its thread ended', details, { cause })
    for (const { reject } of this.#calls.values()) reject(this.#death)
    this.#calls.clear()
    this.#thread?.port.close()
  }
}

class ThreadedFile implements DiskFile {
  readonly path: string
  readonly #disk: ThreadedDisk
  readonly #file: number

  constructor(disk: ThreadedDisk, path: string, file: number) {
    this.#disk = disk
    this.path = path
    this.#file = file
  }

  async read(position: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#call('read', [position, length])) as Uint8Array<ArrayBuffer>
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    await this.#call('write', [position, portable(bytes)])
  }

  async writeDurable(position: number, bytes: Uint8Array): Promise<void> {
    await this.#call('writeDurable', [position, portable(bytes)])
  }

  async writeLent(position: number, sizeBytes: number, memory: ArrayBuffer): Promise<ArrayBuffer> {
    return (await this.#call('writeLent', [position, sizeBytes, memory])) as ArrayBuffer
  }

  async datasync(): Promise<void> {
    await this.#call('datasync', [])
  }

  async preallocate(sizeBytes: number): Promise<void> {
    await this.#call('preallocate', [sizeBytes])
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#call('truncate', [sizeBytes])
  }

  async sizeBytes(): Promise<number> {
    return (await this.#call('sizeBytes', [])) as number
  }

  async close(): Promise<void> {
    await this.#call('close', [])
  }

  #call(call: string, args: readonly unknown[]): Promise<unknown> {
    return this.#disk.call(call, this.#file, args)
  }
}

/** Bytes as they can be sent: whole buffers as they are, parts as copies. */
const portable = (bytes: Uint8Array): Uint8Array =>
  bytes.length === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes)

/** What goes over with an argument or an answer rather than being copied. */
export function memoryOf(value: unknown): ArrayBuffer[] {
  if (value instanceof ArrayBuffer) return [value]
  return value instanceof Uint8Array && value.buffer instanceof ArrayBuffer ? [value.buffer] : []
}

function tooMany(): HoldfastError {
  const details: Failure = { code: 'BUSY', what: 'disk calls', limit: CALLS_MAX }
  return new HoldfastError(`Cannot call the disk: ${CALLS_MAX} calls wait`, details)
}
