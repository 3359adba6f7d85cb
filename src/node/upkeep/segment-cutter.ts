import { concat } from '../../base/bytes.ts'
import type { PlacedSegment } from '../../catalog/query-upkeep.ts'
import { decodeFragmentId, encodeFragmentId, formatFragmentId } from '../../erasure/fragment-id.ts'
import type { HashAlgorithm } from '../../erasure/hash.ts'
import { CELL_BYTES, cellBytes, gatherCells, segmentLayout } from '../../erasure/layout.ts'
import { rootOf } from '../../erasure/leaves.ts'
import type { Scheme } from '../../erasure/scheme.ts'
import { stripesPerBatch } from '../coder/batches.ts'
import { CellGrid } from '../coder/cell-grid.ts'
import type { Coder } from '../coder/coder.ts'
import type { ByteBudget } from './byte-budget.ts'
import { type Built, FragmentBuilder, type FragmentBuilderOptions } from './fragment-builder.ts'
import type { FragmentMover } from './fragment-mover.ts'

/**
 * Cuts a segment anew under another k: its stored bytes, which stay encrypted, are put together from
 * verified data columns and encoded like an object that has no key. Holds the segment twice and all
 * its new fragments in memory.
 */
export class SegmentCutter {
  readonly #coder: Coder
  readonly #budget: ByteBudget
  readonly #builder: FragmentBuilder
  readonly #mover: FragmentMover

  constructor(
    options: FragmentBuilderOptions & {
      readonly budget: ByteBudget
      readonly mover: FragmentMover
    },
  ) {
    this.#coder = options.coder
    this.#budget = options.budget
    this.#mover = options.mover
    this.#builder = new FragmentBuilder(options)
  }

  /** @throws {HoldfastError} `TOO_FEW_FRAGMENTS`, what coders throw; the signal's reason */
  async withCut<Result>(
    placed: PlacedSegment,
    { scheme, from }: { readonly scheme: Scheme; readonly from: readonly number[] },
    signal: AbortSignal,
    use: (cut: Built) => Promise<Result>,
  ): Promise<Result> {
    const { k, sizeBytes } = placed.record
    const { fragmentBytes } = segmentLayout(scheme.k, sizeBytes)
    const newBytes = fragmentBytes * (scheme.k + scheme.m)
    const giveBack = await this.#budget.take(2 * sizeBytes + newBytes, signal)
    try {
      const wanted = Array.from({ length: k }, (_, index) => index)
      const request = this.#mover.requestFor(placed, { wanted, from })
      const { fragments, bytesRead } = await this.#builder.build(request, signal)
      const columns = fragments.map(({ bytes }) => bytes)
      const segment = joined(columns, k, sizeBytes)
      const { algorithm } = decodeFragmentId(placed.record.fragments[0]?.id as Uint8Array)
      const made = await this.#encode(segment, scheme, algorithm, signal)
      return await use({ fragments: made, bytesRead })
    } finally {
      giveBack()
    }
  }

  async #encode(
    segment: Uint8Array,
    scheme: Scheme,
    algorithm: HashAlgorithm,
    signal: AbortSignal,
  ): Promise<Built['fragments']> {
    const { k, m } = scheme
    const { fragmentBytes, stripes } = segmentLayout(k, segment.length)
    const columns = Array.from({ length: k + m }, () => ({
      bytes: new Uint8Array(fragmentBytes),
      leaves: [] as Uint8Array[],
    }))
    const count = stripesPerBatch(k)
    for (let firstStripe = 0; firstStripe < stripes; firstStripe += count) {
      const start = firstStripe * k * CELL_BYTES
      const plain = segment.slice(start, start + count * k * CELL_BYTES)
      const layout = segmentLayout(k, plain.length)
      const cells = this.#coder.buffers.take(CellGrid.sizeOf(layout, k + m))
      const place = { firstUnit: 0, isLast: true, firstStripe, key: undefined }
      const job = { type: 'encode', scheme, hash: algorithm, ...place, plain, cells } as const
      const batch = await this.#coder.encode(job, signal)
      const grid = new CellGrid(batch.cells, layout)
      const leavesBytes = batch.leaves.length / (k + m)
      for (const [column, { bytes, leaves }] of columns.entries()) {
        for (let stripe = 0; stripe < layout.stripes; stripe++) {
          bytes.set(grid.cell(column, stripe), (firstStripe + stripe) * CELL_BYTES)
        }
        leaves.push(batch.leaves.slice(column * leavesBytes, (column + 1) * leavesBytes))
      }
      this.#coder.buffers.give(batch.cells)
    }
    const hasher = this.#coder.hasher(algorithm)
    return columns.map(({ bytes, leaves }, index) => {
      const id = { algorithm, digest: rootOf(hasher, concat(leaves)) }
      return { index, id: encodeFragmentId(id), name: formatFragmentId(id), bytes }
    })
  }
}

/** The bytes of a segment from its data columns. */
function joined(columns: readonly Uint8Array[], k: number, sizeBytes: number): Uint8Array {
  const layout = segmentLayout(k, sizeBytes)
  const segment = new Uint8Array(sizeBytes)
  for (let stripe = 0; stripe < layout.stripes; stripe++) {
    const at = stripe * CELL_BYTES
    const cells = columns.map(bytes => bytes.subarray(at, at + cellBytes(layout, stripe)))
    gatherCells(layout, stripe, segment, cells)
  }
  return segment
}
