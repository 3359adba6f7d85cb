import { CELL_BYTES } from '../../erasure/layout.ts'
import type { Scheme } from '../../erasure/scheme.ts'
import type { Coder } from './coder.ts'

/** Data in a batch of stripes: larger ones leave the cache, smaller ones cost more to send. */
const BATCH_BYTES = 1_048_576
/** Bytes of all batches of one stream that are on their way. */
const WINDOW_BYTES_MAX = 67_108_864

/** Stripes in a batch: as many as fit, at least one. */
export const stripesPerBatch = (k: number): number =>
  Math.max(1, Math.floor(BATCH_BYTES / (k * CELL_BYTES)))

/** Batches of one stream that may be on their way: enough to keep all threads at work. */
export function batchesOnTheWay({ threads }: Coder, { k, m }: Scheme): number {
  const batchBytes = stripesPerBatch(k) * CELL_BYTES * (2 * k + m)
  return Math.max(1, Math.min(2 * threads, Math.floor(WINDOW_BYTES_MAX / batchBytes)))
}
