import { Worker } from 'node:worker_threads'

import type { Timer, Timers } from '../../base/environment.ts'
import { type Failure, HoldfastError } from '../../base/errors.ts'
import type { CompiledKernel } from '../../erasure/wasm-kernel.ts'
import type { CodecName } from './coder-tools.ts'
import type { DecodedBatch, DecodeJob, EncodedBatch, EncodeJob } from './coder.ts'
import type { RebuildJob, RebuiltBatch } from './coder.ts'

/** Jobs a thread has at once: one to work on, one to go on with. */
const JOBS_PER_THREAD = 2
/** Pause before a thread that died is replaced: none the first time, then doubled up to the most. */
const RESPAWN_MS_MIN = 100
const RESPAWN_MS_MAX = 10_000
/**
 * A thread holds little but the buffers of its jobs, which do not count here. What ciphers return is
 * garbage at once, 64 KiB at a time; a small nursery is swept before much of it has gathered.
 */
const heapLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 128 }

export interface CoderThreadData {
  readonly codec: CodecName
  readonly compiled: CompiledKernel | undefined
}

export type CoderJob = EncodeJob | DecodeJob | RebuildJob
export type CoderResult = EncodedBatch | DecodedBatch | RebuiltBatch

export interface CoderRequest {
  readonly id: number
  readonly job: CoderJob
}

export interface CoderAnswer {
  readonly id: number
  readonly value?: CoderResult
  readonly failure?: { readonly message: string; readonly details: Failure }
}

/** A job whose caller waits. */
export interface Waiting extends CoderRequest {
  readonly resolve: (value: CoderResult) => void
  readonly reject: (error: unknown) => void
  readonly signal: AbortSignal | undefined
}

export interface CoderThreadEvents {
  /** A job was answered, or died with its thread. */
  readonly onDone: (waiting: Waiting) => void
  /** There is a thread again. */
  readonly onRoom: () => void
}

/** One place in the pool, with a thread in it while there is one. */
export class CoderThread {
  readonly #data: CoderThreadData
  readonly #timers: Timers
  readonly #events: CoderThreadEvents
  readonly #jobs = new Map<number, Waiting>()
  #worker: Worker | undefined
  /** Threads that died in this place since the last answer. */
  #deaths = 0
  #respawn: Timer | undefined
  #closed = false

  constructor(data: CoderThreadData, timers: Timers, events: CoderThreadEvents) {
    this.#data = data
    this.#timers = timers
    this.#events = events
  }

  get busy(): number {
    return this.#jobs.size
  }

  get hasRoom(): boolean {
    return this.#respawn === undefined && this.busy < JOBS_PER_THREAD
  }

  start(waiting: Waiting): void {
    this.#worker ??= this.#spawn()
    this.#worker.ref()
    this.#jobs.set(waiting.id, waiting)
    const { id, job } = waiting
    this.#worker.postMessage({ id, job } satisfies CoderRequest, buffersOf(job))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#respawn?.cancel()
    await this.#worker?.terminate()
  }

  #spawn(): Worker {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const worker = new Worker(new URL(`./coder-worker.${extension}`, import.meta.url), {
      name: 'coder',
      workerData: this.#data,
      resourceLimits: heapLimits,
    })
    worker.on('message', (answer: CoderAnswer) => this.#settle(answer))
    worker.on('error', error => this.#die(worker, error))
    worker.on('exit', () => this.#die(worker, undefined))
    return worker
  }

  #settle({ id, value, failure }: CoderAnswer): void {
    const waiting = this.#jobs.get(id)
    this.#jobs.delete(id)
    this.#deaths = 0
    // `terminate` keeps the process alive until it is done, which an answer must not undo.
    if (this.busy === 0 && !this.#closed) this.#worker?.unref()
    if (value !== undefined) waiting?.resolve(value)
    else if (failure !== undefined)
      waiting?.reject(new HoldfastError(failure.message, failure.details))
    if (waiting !== undefined) this.#events.onDone(waiting)
  }

  #die(worker: Worker, cause: unknown): void {
    // `error` is followed by `exit`.
    if (worker !== this.#worker) return
    this.#worker = undefined
    const error = this.#closed ? poolClosed() : lost(cause)
    const jobs = [...this.#jobs.values()]
    this.#jobs.clear()
    if (!this.#closed) this.#replace()
    for (const waiting of jobs) {
      waiting.reject(error)
      this.#events.onDone(waiting)
    }
  }

  #replace(): void {
    const pauseMs = Math.min(RESPAWN_MS_MIN * 2 ** (this.#deaths - 1), RESPAWN_MS_MAX)
    if (this.#deaths++ === 0) {
      this.#events.onRoom()
      return
    }
    this.#respawn = this.#timers.after(pauseMs, () => {
      this.#respawn = undefined
      this.#events.onRoom()
    })
  }
}

const buffersOf = (job: CoderJob): ArrayBuffer[] =>
  job.type === 'encode'
    ? [job.plain.buffer, job.cells.buffer]
    : job.columns.map(({ bytes }) => bytes.buffer)

export const poolClosed = (): HoldfastError =>
  new HoldfastError('Cannot code: the pool is closed', { code: 'CLOSED', what: 'coder pool' })

const lost = (cause: unknown): HoldfastError =>
  new HoldfastError(
    'Cannot code: the thread died with the job',
    { code: 'THREAD_LOST', thread: 'coder' },
    { cause },
  )
