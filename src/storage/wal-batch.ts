import { FRAME_HEADER_BYTES, frameBytes, groupBit, sealFrame } from './wal-frame.ts'
import { encodeRecord, type WalRecord } from './wal-record.ts'

/**
 * The records that will share a frame, encoded as they come, and the promise of all who wait for
 * them.
 */
export class Batch {
  /** Settles when the frame is durable, or will not be. */
  readonly done: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  readonly records: WalRecord[] = []
  readonly offsets: number[] = []
  groups = 0
  /** What it takes of the queue. */
  waitingBytes = 0
  #memory: ArrayBuffer
  #bytes: Uint8Array
  #end = FRAME_HEADER_BYTES

  constructor(memory: ArrayBuffer) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.done = promise
    this.resolve = resolve
    this.reject = reject
    this.#memory = memory
    this.#bytes = new Uint8Array(memory)
  }

  /** Where the frame is built. */
  get memory(): ArrayBuffer {
    return this.#memory
  }

  get bodyBytes(): number {
    return this.#end - FRAME_HEADER_BYTES
  }

  /** Makes room for `sizeBytes` more, twice what it was if need be. */
  reserve(sizeBytes: number): void {
    const needed = frameBytes(this.bodyBytes + sizeBytes)
    const { byteLength } = this.#memory
    if (needed <= byteLength) return
    this.#memory = this.#memory.transfer(Math.max(needed, 2 * byteLength))
    this.#bytes = new Uint8Array(this.#memory)
  }

  /** There must be room for it. */
  add(record: WalRecord): void {
    this.records.push(record)
    this.offsets.push(this.bodyBytes)
    this.groups = (this.groups | groupBit(record.group)) >>> 0
    this.#end = encodeRecord(this.#bytes, this.#end, record)
  }

  /** Finishes the frame in `memory`; the batch takes no more records. */
  seal(salt: number, sequence: number, groupsBefore: number): void {
    const { bodyBytes, groups } = this
    const frame = this.#bytes.subarray(0, frameBytes(bodyBytes))
    sealFrame(frame, salt, { sequence, bodyBytes, groups, groupsBefore })
  }
}
