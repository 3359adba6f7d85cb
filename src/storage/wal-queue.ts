import { HoldfastError } from '../base/errors.ts'
import { Batch } from './wal-batch.ts'
import { encodedBytesMax, PAYLOAD_BYTES_MAX, type WalRecord } from './wal-record.ts'

export interface WalQueueOptions {
  /** The largest frame's body, and so the largest append. */
  readonly frameBytesMax: number
  /** What may wait to be written. */
  readonly queueBytesMax: number
  /** Makes a batch durable, one at a time, and gives its memory back. */
  readonly write: (batch: Batch) => Promise<ArrayBuffer>
  /** A batch could not be written, and all that waited behind it were refused with it. */
  readonly refused: (error: unknown) => void
  /** Nothing waits any more. */
  readonly idle: () => void
}

/** Memory of frames kept for use again. */
const MEMORIES_MAX = 3
/** What a frame has to begin with: it goes to another thread and back, which costs by the page. */
const MEMORY_BYTES = 262_144
const MEMORY_KEPT_BYTES_MAX = 2_097_152

/**
 * Gathers records into batches and has them written, one after another: what arrives while a batch
 * is being written shares the next one. The next batch leaves before those who waited for the last
 * one go on, so that the disk and the writers work at the same time.
 */
export class WalQueue {
  readonly #options: WalQueueOptions
  /** Oldest first; the last one still takes records. */
  readonly #batches: Batch[] = []
  #waitingBytes = 0
  #writing: Batch | undefined
  #flushing: Promise<void> | undefined
  readonly #memories: ArrayBuffer[] = []

  constructor(options: WalQueueOptions) {
    this.#options = options
  }

  get isIdle(): boolean {
    return this.#flushing === undefined
  }

  /**
   * What the records will take of the queue.
   * @throws {HoldfastError} `TOO_LARGE`, `BUSY` if there is no place for them.
   */
  measure(records: readonly WalRecord[]): number {
    const { frameBytesMax, queueBytesMax } = this.#options
    const sizeBytes = encodedBytesMax(records)
    if (sizeBytes > frameBytesMax) throw tooLarge('append', sizeBytes, frameBytesMax)
    if (this.#waitingBytes + sizeBytes > queueBytesMax) throw busy(queueBytesMax)
    for (const record of records) {
      if ('payload' in record && record.payload.length > PAYLOAD_BYTES_MAX) {
        throw tooLarge('record', record.payload.length, PAYLOAD_BYTES_MAX)
      }
    }
    return sizeBytes
  }

  /** Queues records that were measured; none at all make an empty frame. */
  add(records: readonly WalRecord[], sizeBytes: number): Promise<void> {
    const batch = this.#batchFor(sizeBytes)
    batch.reserve(sizeBytes)
    for (const record of records) batch.add(record)
    batch.waitingBytes += sizeBytes
    this.#waitingBytes += sizeBytes
    this.#flushing ??= this.#flush()
    return batch.done
  }

  /** Whether records of the group are on their way to the disk. */
  has(group: number): boolean {
    return [this.#writing, ...this.#batches].some(batch =>
      batch?.records.some(record => record.group === group),
    )
  }

  /** Resolves when nothing waits. */
  async drained(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing
  }

  #batchFor(sizeBytes: number): Batch {
    const { frameBytesMax } = this.#options
    const last = this.#batches.at(-1)
    if (last !== undefined && last.bodyBytes + sizeBytes <= frameBytesMax) return last
    const batch = new Batch(this.#memories.pop() ?? new ArrayBuffer(MEMORY_BYTES))
    this.#batches.push(batch)
    return batch
  }

  async #flush(): Promise<void> {
    // Whoever appends in this very turn shares the first frame.
    await Promise.resolve()
    for (let writing = this.#writeNext(); writing !== undefined;) {
      const { batch, failure } = await writing
      writing = this.#writeNext()
      if (failure === undefined) batch.resolve()
      else batch.reject(failure.error)
      if (writing !== undefined) continue
      // Those who waited come back with more in their next turn.
      await Promise.resolve()
      writing = this.#writeNext()
    }
    this.#flushing = undefined
    this.#options.idle()
  }

  /** Starts on the oldest batch. */
  #writeNext(): Promise<{ batch: Batch; failure: { error: unknown } | undefined }> | undefined {
    const batch = this.#batches.shift()
    this.#writing = batch
    if (batch === undefined) return undefined
    this.#waitingBytes -= batch.waitingBytes
    return this.#write(batch)
  }

  /** Keeps memory for another frame, unless a rare large frame made it grow. */
  #keep(memory: ArrayBuffer): void {
    const isOrdinary = memory.byteLength <= MEMORY_KEPT_BYTES_MAX
    if (isOrdinary && this.#memories.length < MEMORIES_MAX) this.#memories.push(memory)
  }

  async #write(batch: Batch): Promise<{ batch: Batch; failure: { error: unknown } | undefined }> {
    const { write, refused } = this.#options
    try {
      const memory = await write(batch)
      this.#keep(memory)
      return { batch, failure: undefined }
    } catch (error) {
      const behind = this.#batches.splice(0)
      this.#waitingBytes = 0
      refused(error)
      for (const { reject } of behind) reject(error)
      return { batch, failure: { error } }
    }
  }
}

function tooLarge(what: string, size: number, limit: number): HoldfastError {
  const details = { code: 'TOO_LARGE', what, size, limit } as const
  return new HoldfastError(`Cannot append ${what}: ${size} bytes, limit ${limit}`, details)
}

function busy(limit: number): HoldfastError {
  const details = { code: 'BUSY', what: 'log queue', limit } as const
  return new HoldfastError(`Cannot append: ${limit} bytes wait for the disk`, details)
}
