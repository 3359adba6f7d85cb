import { assert } from '../base/assert.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import type { HoldfastError } from '../base/errors.ts'
import {
  FRAME_HEADER_BYTES,
  frameBytes,
  groupBit,
  PADDING,
  SECTOR_BYTES,
  sealFrame,
} from './wal-frame.ts'
import { encodeRecord, RECORD_OVERHEAD_BYTES_MAX, type WalRecord } from './wal-record.ts'

const FIRST_CAPACITY_BYTES = 4096

/** What these records take in a frame at most. */
export function encodedBytesMax(records: readonly WalRecord[]): number {
  let size = 0
  for (const record of records) {
    size += RECORD_OVERHEAD_BYTES_MAX + ('payload' in record ? record.payload.length : 0)
  }
  return size
}

/**
 * The records that will share a frame, encoded as they come, and the promise of all who wait for
 * them.
 */
export class Batch {
  /** Settles when the frame is durable, or will not be. */
  readonly done: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: HoldfastError) => void
  readonly records: WalRecord[] = []
  readonly offsets: number[] = []
  groups = 0
  /** What the log set aside for it in its queue. */
  queuedBytes = 0
  readonly #writer: BinaryWriter

  /** @param likelyBytes how large the frame may well become */
  constructor(limitBytes: number, likelyBytes: number = FIRST_CAPACITY_BYTES) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.done = promise
    this.resolve = resolve
    this.reject = reject
    this.#writer = new BinaryWriter(limitBytes + SECTOR_BYTES, likelyBytes)
    this.#writer.reserve(FRAME_HEADER_BYTES)
  }

  get bodyBytes(): number {
    return this.#writer.size - FRAME_HEADER_BYTES
  }

  add(record: WalRecord): void {
    this.records.push(record)
    this.offsets.push(this.bodyBytes)
    this.groups = (this.groups | groupBit(record.group)) >>> 0
    encodeRecord(this.#writer, record)
  }

  /** The finished frame; the batch takes no more records. */
  seal(salt: number, sequence: number, groupsBefore: number): Uint8Array<ArrayBuffer> {
    const { bodyBytes, groups } = this
    const size = frameBytes(bodyBytes)
    this.#writer.fixed(PADDING.subarray(0, size - this.#writer.size))
    const frame = this.#writer.finish()
    assert(frame.length === size, 'a frame fills whole sectors')
    sealFrame(frame, salt, { sequence, bodyBytes, groups, groupsBefore })
    return frame
  }
}
