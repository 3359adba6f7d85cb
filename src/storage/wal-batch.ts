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
  /** Where the frame is built; shared with the disk's thread, so it can be used again. */
  readonly buffer: Uint8Array
  #end = FRAME_HEADER_BYTES

  constructor(buffer: Uint8Array) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.done = promise
    this.resolve = resolve
    this.reject = reject
    this.buffer = buffer
  }

  get bodyBytes(): number {
    return this.#end - FRAME_HEADER_BYTES
  }

  add(record: WalRecord): void {
    this.records.push(record)
    this.offsets.push(this.bodyBytes)
    this.groups = (this.groups | groupBit(record.group)) >>> 0
    this.#end = encodeRecord(this.buffer, this.#end, record)
  }

  /** The finished frame; the batch takes no more records. */
  seal(salt: number, sequence: number, groupsBefore: number): Uint8Array {
    const { bodyBytes, groups } = this
    const frame = this.buffer.subarray(0, frameBytes(bodyBytes))
    sealFrame(frame, salt, { sequence, bodyBytes, groups, groupsBefore })
    return frame
  }
}
