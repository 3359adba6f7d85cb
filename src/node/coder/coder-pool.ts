import { availableParallelism } from 'node:os'

import type { Timers } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { compileKernel } from '../../erasure/create-kernel.ts'
import type { HashAlgorithm, Hasher } from '../../erasure/hash.ts'
import { systemTimers } from '../system.ts'
import { ArrayBuffers } from './array-buffers.ts'
import { CoderThread, type CoderThreadData, poolClosed } from './coder-thread.ts'
import type { CoderJob, CoderResult, Waiting } from './coder-thread.ts'
import { type CodecName, createCodec } from './coder-tools.ts'
import type { Coder, DecodedBatch, DecodeJob, EncodedBatch, EncodeJob } from './coder.ts'
import type { RebuildJob, RebuiltBatch } from './coder.ts'
import { type Hashers, loadHashers } from './hashers.ts'
import { StripeCoder } from './stripe-coder.ts'

/** Jobs with fewer bytes are done at once by the caller's thread: sending them costs more. */
const INLINE_BYTES_MAX = 131_072
/** Nor may they become more than this: a little data can have much parity. */
const INLINE_CELLS_MAX = 524_288
/** Jobs that may wait for a thread. */
const JOBS_MAX = 1024
export interface CoderPoolOptions {
  /** @default as many as there are cores but one, for the event loop; at least 1 */
  readonly threads?: number
  /** @default 'kernel' */
  readonly codec?: CodecName
  /** @default the machine's */
  readonly timers?: Timers
}

/**
 * Coders in threads of their own. Jobs wait in one queue, in order, and go to whichever thread has
 * room. A thread is started when there is work for it, and keeps no process alive that has nothing
 * left to wait for. When one dies, its jobs fail with `THREAD_LOST` and another takes its place.
 */
export class CoderPool implements Coder {
  readonly threads: number
  readonly buffers: ArrayBuffers = new ArrayBuffers()
  readonly #data: CoderThreadData
  readonly #hashers: Hashers
  readonly #inline: StripeCoder
  readonly #queue: Waiting[] = []
  readonly #bySignal = new WeakMap<AbortSignal, Set<Waiting>>()
  readonly #slots: CoderThread[]
  #lastId = 0
  #closed = false

  private constructor(options: CoderPoolOptions, hashers: Hashers) {
    const { codec = 'kernel', timers = systemTimers } = options
    const { threads = Math.max(1, availableParallelism() - 1) } = options
    if (!(Number.isInteger(threads) && threads >= 1))
      throw new RangeError(`A pool has at least one thread, not ${threads}`)
    this.threads = threads
    this.#data = { codec, compiled: compileKernel() }
    this.#hashers = hashers
    this.#inline = new StripeCoder(createCodec(codec, this.#data.compiled), hashers)
    const events = { onDone: this.#forget, onRoom: this.#feed }
    this.#slots = Array.from({ length: threads }, () => new CoderThread(this.#data, timers, events))
  }

  static async create(options: CoderPoolOptions = {}): Promise<CoderPool> {
    return new CoderPool(options, await loadHashers())
  }

  get blake3(): 'native' | 'portable' {
    return this.#hashers.blake3
  }

  hasher(algorithm: HashAlgorithm): Hasher {
    return this.#hashers.get(algorithm)
  }

  async encode(job: EncodeJob, signal?: AbortSignal): Promise<EncodedBatch> {
    signal?.throwIfAborted()
    if (this.#closed) throw poolClosed()
    const isSmall = job.plain.length <= INLINE_BYTES_MAX && job.cells.length <= INLINE_CELLS_MAX
    if (isSmall) return this.#inline.encode(job)
    return (await this.#enqueue(job, signal)) as EncodedBatch
  }

  async decode(job: DecodeJob, signal?: AbortSignal): Promise<DecodedBatch> {
    signal?.throwIfAborted()
    if (this.#closed) throw poolClosed()
    if (sizeOf(job.columns) <= INLINE_BYTES_MAX) return this.#inline.decode(job)
    return (await this.#enqueue(job, signal)) as DecodedBatch
  }

  async rebuild(job: RebuildJob, signal?: AbortSignal): Promise<RebuiltBatch> {
    signal?.throwIfAborted()
    if (this.#closed) throw poolClosed()
    if (sizeOf(job.columns) <= INLINE_BYTES_MAX) return this.#inline.rebuild(job)
    return (await this.#enqueue(job, signal)) as RebuiltBatch
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { reject } of this.#queue.splice(0)) reject(poolClosed())
    await Promise.all(this.#slots.map(slot => slot.close()))
  }

  #enqueue(job: CoderJob, signal: AbortSignal | undefined): Promise<CoderResult> {
    if (this.#queue.length >= JOBS_MAX) throw tooMany()
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { id: ++this.#lastId, job, resolve, reject, signal }
      if (signal !== undefined) this.#jobsUnder(signal).add(waiting)
      this.#queue.push(waiting)
      this.#feed()
    })
  }

  /**
   * The jobs that a signal would cancel. It is listened to once, not for each job: a stream has
   * thousands of them, and listeners are what its memory would be made of.
   */
  #jobsUnder(signal: AbortSignal): Set<Waiting> {
    const known = this.#bySignal.get(signal)
    if (known !== undefined) return known
    const jobs = new Set<Waiting>()
    this.#bySignal.set(signal, jobs)
    signal.addEventListener('abort', () => this.#cancel(jobs, signal), { once: true })
    return jobs
  }

  /** A job in a thread's hands is finished there, for nobody. */
  #cancel(jobs: Set<Waiting>, signal: AbortSignal): void {
    for (const waiting of jobs) {
      const index = this.#queue.indexOf(waiting)
      if (index >= 0) this.#queue.splice(index, 1)
      waiting.reject(signal.reason)
    }
    jobs.clear()
  }

  /** A job is over: no signal need reach it any more. */
  readonly #forget = (waiting: Waiting): void => {
    if (waiting.signal !== undefined) this.#bySignal.get(waiting.signal)?.delete(waiting)
    this.#feed()
  }

  /** Hands out jobs, to the thread with the fewest first. */
  readonly #feed = (): void => {
    while (this.#queue.length > 0) {
      const open = this.#slots.filter(slot => slot.hasRoom)
      const [slot] = open.toSorted((a, b) => a.busy - b.busy)
      const next = slot === undefined ? undefined : this.#queue.shift()
      if (slot === undefined || next === undefined) return
      slot.start(next)
    }
  }
}

const sizeOf = (columns: DecodeJob['columns']): number =>
  columns.reduce((sum, { bytes }) => sum + bytes.length, 0)

const tooMany = (): HoldfastError =>
  new HoldfastError(`Cannot code: ${JOBS_MAX} jobs wait`, {
    code: 'BUSY',
    what: 'coder jobs',
    limit: JOBS_MAX,
  })
