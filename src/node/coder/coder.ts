import type { HashAlgorithm, Hasher } from '../../erasure/hash.ts'
import type { Scheme } from '../../erasure/scheme.ts'
import type { ArrayBuffers } from './array-buffers.ts'
import type { UnitKey } from './unit-cipher.ts'

/**
 * The heavy work on an object's bytes: encrypt, encode, hash; and back: verify, rebuild, decrypt.
 * It is done a batch of stripes at a time, and a batch is worked on as if it were a segment of its
 * own, whose first stripe has another number. Batches depend on nothing but what is in their job,
 * so they may be done anywhere, at once, in any order; every implementation gives the same bytes.
 */
export interface Coder {
  /** Worker threads; 0 if the caller's own does the work. */
  readonly threads: number
  readonly blake3: 'native' | 'portable'
  /** For what is too small to be a job. */
  hasher(algorithm: HashAlgorithm): Hasher
  /** Where buffers for jobs come from and go back to. */
  readonly buffers: ArrayBuffers

  /**
   * The job's arrays change hands: the caller must not touch them again.
   * @throws {HoldfastError} `BUSY`, `THREAD_LOST`, `CLOSED`
   */
  encode(job: EncodeJob, signal?: AbortSignal): Promise<EncodedBatch>

  /**
   * The job's arrays change hands.
   * @throws {HoldfastError} `CORRUPT` if cells are what they should be and yet do not decrypt;
   * `TOO_FEW_FRAGMENTS`, `BUSY`, `THREAD_LOST`, `CLOSED`
   */
  decode(job: DecodeJob, signal?: AbortSignal): Promise<DecodedBatch>

  /**
   * Makes columns of a segment from others, without a key: the bytes stay encrypted. The job's
   * arrays change hands.
   * @throws {HoldfastError} `TOO_FEW_FRAGMENTS`, `BUSY`, `THREAD_LOST`, `CLOSED`
   */
  rebuild(job: RebuildJob, signal?: AbortSignal): Promise<RebuiltBatch>

  /** Ends the threads; jobs still on their way fail with `CLOSED`. */
  close(): Promise<void>
}

/** Whole units and whole stripes; only the last of an object or of a segment may be short. */
export interface EncodeJob {
  readonly type: 'encode'
  readonly scheme: Scheme
  readonly hash: HashAlgorithm
  /** Undefined leaves the bytes as they are. */
  readonly key: UnitKey | undefined
  /** Number of the first unit in the object. */
  readonly firstUnit: number
  /** The object ends with these bytes. */
  readonly isLast: boolean
  /** Number of the first stripe in the segment. */
  readonly firstStripe: number
  readonly plain: Uint8Array<ArrayBuffer>
  /** To be filled with the cells: as large as `CellGrid.sizeOf` says. */
  readonly cells: Uint8Array<ArrayBuffer>
}

export interface EncodedBatch {
  /** The job's arrays, come back: `plain` as it was, `cells` as a `CellGrid`. */
  readonly plain: Uint8Array<ArrayBuffer>
  readonly cells: Uint8Array<ArrayBuffer>
  /** 32 bytes for each cell, column by column. */
  readonly leaves: Uint8Array
}

export interface DecodeJob {
  readonly type: 'decode'
  readonly k: number
  readonly key: UnitKey | undefined
  /** Number of the batch's first unit in the object. */
  readonly firstUnit: number
  /** Number of the object's last unit. */
  readonly lastUnit: number
  /** Number of the first stripe in the segment. */
  readonly firstStripe: number
  /** Of all units in the batch. */
  readonly sealedBytes: number
  /** The bytes wanted of these: whole units. */
  readonly from: number
  readonly to: number
  /** Every cell wanted, or k cells of its stripe. */
  readonly columns: readonly ColumnCells[]
}

/** Consecutive cells of a fragment, as they came from somebody. */
export interface ColumnCells {
  readonly column: number
  /** The stripe of the first cell, counted from the batch's first. */
  readonly firstStripe: number
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly hash: HashAlgorithm
  /** What the cells must hash to. */
  readonly leaves: Uint8Array
}

export type DecodedBatch =
  | { readonly type: 'plain'; readonly plain: Uint8Array<ArrayBuffer> }
  | WrongBatch

/** Some columns have a wrong cell, and nothing was made of them. The other columns come back. */
export interface WrongBatch {
  readonly type: 'wrong'
  readonly wrong: readonly WrongCell[]
  readonly columns: readonly ColumnCells[]
}

export interface RebuildJob {
  readonly type: 'rebuild'
  readonly k: number
  /** By which the columns wanted are named. */
  readonly hash: HashAlgorithm
  /** Number of the first stripe in the segment. */
  readonly firstStripe: number
  /** Stored bytes of the segment that the stripes hold. */
  readonly sealedBytes: number
  /** All cells of k columns; a column that is wanted itself is enough for itself. */
  readonly columns: readonly ColumnCells[]
  /** Data or parity, of the segment or beyond what it has. */
  readonly wanted: readonly number[]
}

export type RebuiltBatch =
  | {
      readonly type: 'rebuilt'
      /** Of each column wanted, in their order, its cells without gaps. */
      readonly cells: Uint8Array<ArrayBuffer>
      /** 32 bytes for each cell, column by column. */
      readonly leaves: Uint8Array
    }
  | WrongBatch

export interface WrongCell {
  readonly column: number
  /** Its number in the fragment. */
  readonly cell: number
}
