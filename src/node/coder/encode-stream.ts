import { assert } from '../../base/assert.ts'
import { concat } from '../../base/bytes.ts'
import type { FragmentId } from '../../erasure/fragment-id.ts'
import { DIGEST_BYTES, type HashAlgorithm } from '../../erasure/hash.ts'
import { SEGMENT_BYTES, segmentLayout, segmentScheme } from '../../erasure/layout.ts'
import type { SegmentLayout } from '../../erasure/layout.ts'
import { rootOf } from '../../erasure/leaves.ts'
import { checkScheme, type Scheme } from '../../erasure/scheme.ts'
import { sealedBytes, UNIT_BYTES } from '../../erasure/sealing.ts'
import { batchesOnTheWay, stripesPerBatch } from './batches.ts'
import { CellGrid } from './cell-grid.ts'
import { ChunkReader } from './chunk-reader.ts'
import type { Coder, EncodedBatch } from './coder.ts'
import { mapInOrder } from './map-in-order.ts'
import { tagBytesOf } from './stripe-coder.ts'
import type { UnitKey } from './unit-cipher.ts'

/**
 * An object on its way in: cut into units, encrypted, laid out in segments and stripes, encoded,
 * hashed. Each segment comes as some `cells`, in order, and then its `segment`; after the last one
 * comes `end`, which is all that an empty object has.
 */
export type EncodeEvent =
  | CellsEvent
  | {
      readonly type: 'segment'
      readonly segment: number
      readonly scheme: Scheme
      /** Stored bytes, without padding. */
      readonly lengthBytes: number
      /** In order of their columns. */
      readonly fragments: readonly EncodedFragment[]
      /** The object ends with it. */
      readonly isLast: boolean
    }
  /** @property plainBytes what the source held */
  | { readonly type: 'end'; readonly plainBytes: number }

export interface CellsEvent {
  readonly type: 'cells'
  readonly segment: number
  readonly scheme: Scheme
  /** Number in the segment of the first stripe of these. */
  readonly firstStripe: number
  /** How much of the source is in them. */
  readonly plainBytes: number
  /** For each column, its cells in order. They belong to the consumer until `release`. */
  readonly columns: readonly (readonly Uint8Array<ArrayBuffer>[])[]
  /** Gives the cells back to be overwritten. Call it once nobody needs them, at most once. */
  release(): void
}

interface EncodedFragment {
  readonly id: FragmentId
  readonly leaves: Uint8Array
  readonly sizeBytes: number
}

export interface EncodeStreamOptions {
  readonly coder: Coder
  /** Segments of at most one cell are replicated under the same m instead. */
  readonly scheme: Scheme
  /** @default 'blake3' */
  readonly hash?: HashAlgorithm
  /** A key never used for another object. Undefined: the object is not encrypted. */
  readonly key?: UnitKey | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Encodes what `source` yields, in chunks of any size. Takes no more of it than a few batches beyond
 * what was consumed, and nothing of a segment before the one before it was.
 * @throws {HoldfastError} `INVALID_SCHEME`, and what coders throw; the signal's reason; what
 * `source` throws. What was yielded before is then worth nothing.
 */
export async function* encodeStream(
  source: AsyncIterable<Uint8Array>,
  { coder, scheme, hash = 'blake3', key, signal }: EncodeStreamOptions,
): AsyncGenerator<EncodeEvent> {
  checkScheme(scheme)
  const reader = new ChunkReader(source, signal)
  const cutter = new BatchCutter(reader, coder, { target: scheme, tagBytes: tagBytesOf(key) })
  const encode = async (batch: Batch, inner: AbortSignal): Promise<Encoded> => ({
    batch,
    encoded: await coder.encode(
      {
        type: 'encode',
        scheme: batch.scheme,
        hash,
        key,
        firstUnit: batch.firstUnit,
        isLast: batch.isLast,
        firstStripe: batch.firstStripe,
        plain: batch.plain,
        cells: coder.buffers.take(CellGrid.sizeOf(batch.layout, batch.scheme.k + batch.scheme.m)),
      },
      inner,
    ),
  })
  const windowMax = batchesOnTheWay(coder, scheme)
  try {
    while (await reader.hasMore()) {
      const leaves: Uint8Array[] = []
      const bounds = { windowMax, signal }
      for await (const { batch, encoded } of mapInOrder(cutter.nextSegment(), encode, bounds)) {
        coder.buffers.give(encoded.plain)
        leaves.push(encoded.leaves)
        yield cellsEvent(coder, batch, encoded)
        if (batch.endsSegment) yield segmentEvent(coder, hash, batch, leaves)
      }
    }
    yield { type: 'end', plainBytes: cutter.plainBytes }
  } finally {
    reader.cancel()
  }
}

/** Whole stripes of one segment, and what they are made of. */
interface Batch {
  readonly segment: number
  readonly scheme: Scheme
  readonly firstStripe: number
  readonly firstUnit: number
  readonly plain: Uint8Array<ArrayBuffer>
  /** Its length, which is gone once it was handed to a coder. */
  readonly plainBytes: number
  readonly layout: SegmentLayout
  /** The segment's bytes up to the end of this batch. */
  readonly endBytes: number
  readonly endsSegment: boolean
  readonly isLast: boolean
}

interface Encoded {
  readonly batch: Batch
  readonly encoded: EncodedBatch
}

/** Cuts a stream into batches, none of which reaches over the end of a segment. */
class BatchCutter {
  readonly #reader: ChunkReader
  readonly #coder: Coder
  readonly #target: Scheme
  readonly #tagBytes: number
  #plainBytes = 0
  #segment = 0
  #firstUnit = 0

  constructor(
    reader: ChunkReader,
    coder: Coder,
    { target, tagBytes }: { target: Scheme; tagBytes: number },
  ) {
    this.#reader = reader
    this.#coder = coder
    this.#target = target
    this.#tagBytes = tagBytes
  }

  /** Bytes of the stream so far. */
  get plainBytes(): number {
    return this.#plainBytes
  }

  /** The batches of the next segment; there must be something left for it. */
  async *nextSegment(): AsyncGenerator<Batch> {
    const segment = this.#segment++
    for (let [startBytes, isWhole] = [0, false]; !isWhole;) {
      const { plain, isLast } = await this.#read(this.#sizeOfNext(startBytes))
      const sealed = sealedBytes(plain.length, this.#tagBytes)
      const endBytes = startBytes + sealed
      const scheme = startBytes === 0 && isLast ? segmentScheme(this.#target, sealed) : this.#target
      const endsSegment = isLast || endBytes === SEGMENT_BYTES
      const firstStripe = startBytes / (scheme.k * UNIT_BYTES)
      const layout = segmentLayout(scheme.k, sealed)
      const place = { segment, scheme, firstStripe, firstUnit: this.#firstUnit, layout }
      yield { ...place, plain, plainBytes: plain.length, endBytes, endsSegment, isLast }
      this.#firstUnit += layout.lengthBytes / UNIT_BYTES
      startBytes = endBytes
      isWhole = endsSegment
    }
  }

  /** Stored bytes of the next batch if the stream has as many; a short rest is added to it. */
  #sizeOfNext(startBytes: number): number {
    const batchBytes = stripesPerBatch(this.#target.k) * this.#target.k * UNIT_BYTES
    const restBytes = SEGMENT_BYTES - startBytes
    return restBytes < 1.5 * batchBytes ? restBytes : batchBytes
  }

  async #read(sealed: number): Promise<{ plain: Uint8Array<ArrayBuffer>; isLast: boolean }> {
    const units = sealed / UNIT_BYTES
    assert(Number.isInteger(units), 'batches are of whole units')
    const bytes = this.#coder.buffers.take(units * (UNIT_BYTES - this.#tagBytes))
    const filled = await this.#reader.readInto(bytes)
    this.#plainBytes += filled
    return { plain: bytes.subarray(0, filled), isLast: !(await this.#reader.hasMore()) }
  }
}

function cellsEvent(coder: Coder, batch: Batch, { cells }: EncodedBatch): CellsEvent {
  const { segment, scheme, firstStripe, layout } = batch
  const plainBytes = batch.plainBytes
  const grid = new CellGrid(cells, layout)
  const columns = Array.from({ length: scheme.k + scheme.m }, (_, column) =>
    Array.from({ length: layout.stripes }, (_none, stripe) => grid.cell(column, stripe)),
  )
  const release = (): void => coder.buffers.give(cells)
  return { type: 'cells', segment, scheme, firstStripe, plainBytes, columns, release }
}

/** @param leaves of the segment's batches, each column by column */
function segmentEvent(
  coder: Coder,
  algorithm: HashAlgorithm,
  { segment, scheme, endBytes, isLast }: Batch,
  leaves: readonly Uint8Array[],
): EncodeEvent {
  const { fragmentBytes } = segmentLayout(scheme.k, endBytes)
  const columns = scheme.k + scheme.m
  const hasher = coder.hasher(algorithm)
  const fragments = Array.from({ length: columns }, (_, column) => {
    const list = concat(
      leaves.map(batch => {
        const sizeBytes = batch.length / columns
        assert(sizeBytes % DIGEST_BYTES === 0, 'every column has as many leaves')
        return batch.subarray(column * sizeBytes, (column + 1) * sizeBytes)
      }),
    )
    return {
      id: { algorithm, digest: rootOf(hasher, list) },
      leaves: list,
      sizeBytes: fragmentBytes,
    }
  })
  return { type: 'segment', segment, scheme, lengthBytes: endBytes, fragments, isLast }
}
