import { assert } from '../../base/assert.ts'
import { equals } from '../../base/bytes.ts'
import type { Codec } from '../../erasure/codec.ts'
import { DIGEST_BYTES } from '../../erasure/hash.ts'
import { CELL_BYTES, cellBytes, piecesOf, segmentLayout } from '../../erasure/layout.ts'
import type { Piece, SegmentLayout } from '../../erasure/layout.ts'
import { LEAF_HEADER_BYTES, leafInPlace } from '../../erasure/leaves.ts'
import { sealedBytes, TAG_BYTES, UNIT_BYTES, unitCount } from '../../erasure/sealing.ts'
import { CellGrid } from './cell-grid.ts'
import type { ColumnCells, DecodedBatch, DecodeJob, EncodedBatch, EncodeJob } from './coder.ts'
import type { RebuildJob, RebuiltBatch, WrongBatch, WrongCell } from './coder.ts'
import type { Hashers } from './hashers.ts'
import { UnitCipher, type UnitKey } from './unit-cipher.ts'

/** Size of the tags of an object's units. */
export const tagBytesOf = (key: UnitKey | undefined): number => (key === undefined ? 0 : TAG_BYTES)

/**
 * What coders do with a job, on the thread that calls: stripe by stripe, so that the bytes are still
 * in a cache when the next step comes to them. For one thread.
 */
export class StripeCoder {
  readonly #codec: Codec
  readonly #hashers: Hashers
  /** A cell behind the header of its leaf. */
  readonly #framed = new Uint8Array(LEAF_HEADER_BYTES + CELL_BYTES)
  /** A unit that was spread over several cells. */
  readonly #unit = new Uint8Array(UNIT_BYTES)

  constructor(codec: Codec, hashers: Hashers) {
    this.#codec = codec
    this.#hashers = hashers
  }

  encode(job: EncodeJob): EncodedBatch {
    const { scheme, plain, cells, key } = job
    const layout = segmentLayout(scheme.k, sealedBytes(plain.length, tagBytesOf(key)))
    const columns = scheme.k + scheme.m
    const grid = new CellGrid(cells, layout)
    const hasher = this.#hashers.get(job.hash)
    const leaves = new Uint8Array(columns * layout.stripes * DIGEST_BYTES)
    const cipher = key && new UnitCipher(key)
    for (let stripe = 0; stripe < layout.stripes; stripe++) {
      sealStripe({ job, layout, grid, cipher }, stripe)
      const stripeCells = range(columns).map(column => grid.cell(column, stripe))
      this.#codec.encode(stripeCells.slice(0, scheme.k), stripeCells.slice(scheme.k))
      for (let column = 0; column < columns; column++) {
        const leaf = leafInPlace(hasher, job.firstStripe + stripe, grid.framed(column, stripe))
        leaves.set(leaf, (column * layout.stripes + stripe) * DIGEST_BYTES)
      }
    }
    return { plain, cells, leaves }
  }

  decode(job: DecodeJob): DecodedBatch {
    const layout = segmentLayout(job.k, job.sealedBytes)
    const wrong = this.#wrongBatch(job, layout)
    if (wrong !== undefined) return wrong
    const stripes = this.#completeStripes(job, layout)
    const plain = new Uint8Array(job.to - job.from - unitsIn(job) * tagBytesOf(job.key))
    const cipher = job.key && new UnitCipher(job.key)
    let end = 0
    for (let at = job.from; at < job.to; at += UNIT_BYTES) {
      const sealed = this.#gather(stripes, piecesOf(layout, at, Math.min(at + UNIT_BYTES, job.to)))
      const index = job.firstUnit + at / UNIT_BYTES
      const isLast = index === job.lastUnit
      const bytes = cipher === undefined ? sealed : cipher.open({ index, isLast }, sealed)
      plain.set(bytes, end)
      end += bytes.length
    }
    assert(end === plain.length, 'units add up to the plaintext')
    return { type: 'plain', plain }
  }

  /** What was wanted is only as good as what it is made from, so that is verified first. */
  rebuild(job: RebuildJob): RebuiltBatch {
    const layout = segmentLayout(job.k, job.sealedBytes)
    const wrong = this.#wrongBatch(job, layout)
    if (wrong !== undefined) return wrong
    const { stripes, fragmentBytes } = layout
    const hasher = this.#hashers.get(job.hash)
    const cells = new Uint8Array(job.wanted.length * fragmentBytes)
    const leaves = new Uint8Array(job.wanted.length * stripes * DIGEST_BYTES)
    for (let stripe = 0; stripe < stripes; stripe++) {
      const sizeBytes = cellBytes(layout, stripe)
      const known = cellsOf(job.columns, stripe, layout)
      const lost = job.wanted.filter(column => !known.has(column))
      if (lost.length > 0) this.#rebuild(job.k, known, lost, sizeBytes)
      for (const [at, column] of job.wanted.entries()) {
        const cell = known.get(column)
        assert(cell !== undefined, 'a cell wanted is made')
        cells.set(cell, at * fragmentBytes + stripe * CELL_BYTES)
        const framed = this.#framed.subarray(0, LEAF_HEADER_BYTES + sizeBytes)
        framed.set(cell, LEAF_HEADER_BYTES)
        const leaf = leafInPlace(hasher, job.firstStripe + stripe, framed)
        leaves.set(leaf, (at * stripes + stripe) * DIGEST_BYTES)
      }
    }
    return { type: 'rebuilt', cells, leaves }
  }

  #wrongBatch(job: DecodeJob | RebuildJob, layout: SegmentLayout): WrongBatch | undefined {
    const wrong = job.columns.flatMap(column => this.#wrongCells(column, job.firstStripe, layout))
    if (wrong.length === 0) return undefined
    const isRight = ({ column }: ColumnCells): boolean => wrong.every(it => it.column !== column)
    return { type: 'wrong', wrong, columns: job.columns.filter(isRight) }
  }

  /** The cells of a column that are not what their leaves say, or not as many or as long. */
  #wrongCells(column: ColumnCells, firstStripe: number, layout: SegmentLayout): WrongCell[] {
    const hasher = this.#hashers.get(column.hash)
    return range(column.leaves.length / DIGEST_BYTES).flatMap(at => {
      const stripe = column.firstStripe + at
      const cell = cellOf(column, stripe, layout)
      const leaf = column.leaves.subarray(at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES)
      this.#framed.set(cell, LEAF_HEADER_BYTES)
      const framed = this.#framed.subarray(0, LEAF_HEADER_BYTES + cell.length)
      const isRight =
        cell.length === cellBytes(layout, stripe) &&
        equals(leafInPlace(hasher, firstStripe + stripe, framed), leaf)
      return isRight ? [] : [{ column: column.column, cell: firstStripe + stripe }]
    })
  }

  /** The cells of each stripe by column: those at hand, and those wanted, rebuilt if need be. */
  #completeStripes(job: DecodeJob, layout: SegmentLayout): Stripes {
    const stripes = new Map<number, Map<number, Uint8Array>>()
    for (const { stripe, column } of piecesOf(layout, job.from, job.to)) {
      const cells = stripes.get(stripe) ?? cellsOf(job.columns, stripe, layout)
      stripes.set(stripe, cells)
      if (!cells.has(column)) cells.set(column, new Uint8Array())
    }
    for (const [stripe, cells] of stripes) {
      const lost = [...cells].filter(([, cell]) => cell.length === 0).map(([column]) => column)
      if (lost.length > 0) this.#rebuild(job.k, cells, lost, cellBytes(layout, stripe))
    }
    return stripes
  }

  #rebuild(k: number, cells: Map<number, Uint8Array>, lost: number[], sizeBytes: number): void {
    const have = new Map([...cells].filter(([, cell]) => cell.length > 0))
    const wanted = new Map(lost.map(column => [column, new Uint8Array(sizeBytes)]))
    this.#codec.reconstruct(k, have, wanted)
    for (const [column, cell] of wanted) cells.set(column, cell)
  }

  /** The bytes of a unit: where they are if in one piece, else copied together. */
  #gather(stripes: Stripes, pieces: readonly Piece[]): Uint8Array {
    const parts = pieces.map(({ stripe, column, from, lengthBytes }) => {
      const cell = stripes.get(stripe)?.get(column)
      assert(cell !== undefined, 'a wanted cell is there')
      return cell.subarray(from, from + lengthBytes)
    })
    const [only] = parts
    if (only !== undefined && parts.length === 1) return only
    let end = 0
    for (const part of parts) {
      this.#unit.set(part, end)
      end += part.length
    }
    return this.#unit.subarray(0, end)
  }
}

type Stripes = ReadonlyMap<number, ReadonlyMap<number, Uint8Array>>

/** A job, and what it takes to put its units into cells. */
interface Sealing {
  readonly job: EncodeJob
  readonly layout: SegmentLayout
  readonly grid: CellGrid
  readonly cipher: UnitCipher | undefined
}

/** Encrypts the units of one stripe into its data cells; the padding becomes zeros. */
function sealStripe({ job, layout, grid, cipher }: Sealing, stripe: number): void {
  const { plain } = job
  const unitPlainBytes = UNIT_BYTES - tagBytesOf(job.key)
  const units = unitCount(plain.length, tagBytesOf(job.key))
  const first = stripe * layout.k
  const end = stripe < layout.fullStripes ? first + layout.k : units
  for (let unit = first; unit < end; unit++) {
    const bytes = plain.subarray(unit * unitPlainBytes, (unit + 1) * unitPlainBytes)
    const at = unit * UNIT_BYTES
    if (cipher === undefined) {
      place(bytes, at, layout, grid)
      continue
    }
    const isLast = job.isLast && unit === units - 1
    const { ciphertext, tag } = cipher.seal({ index: job.firstUnit + unit, isLast }, bytes)
    place(ciphertext, at, layout, grid)
    place(tag, at + ciphertext.length, layout, grid)
  }
  if (stripe === layout.fullStripes) clearPadding(layout, grid)
}

/** Puts bytes of the batch where they belong among its data cells. */
function place(bytes: Uint8Array, at: number, layout: SegmentLayout, grid: CellGrid): void {
  let done = 0
  for (const { stripe, column, from, lengthBytes } of piecesOf(layout, at, at + bytes.length)) {
    grid.cell(column, stripe).set(bytes.subarray(done, done + lengthBytes), from)
    done += lengthBytes
  }
}

function clearPadding(layout: SegmentLayout, grid: CellGrid): void {
  const tailBytes = layout.lengthBytes - layout.fullStripes * layout.k * CELL_BYTES
  for (let column = 0; column < layout.k; column++) {
    const used = Math.max(0, tailBytes - column * layout.tailCellBytes)
    grid.cell(column, layout.fullStripes).fill(0, Math.min(used, layout.tailCellBytes))
  }
}

function cellsOf(
  columns: readonly ColumnCells[],
  stripe: number,
  layout: SegmentLayout,
): Map<number, Uint8Array> {
  return new Map(
    columns
      .map(column => [column.column, cellOf(column, stripe, layout)] as const)
      .filter(([, cell]) => cell.length > 0),
  )
}

/** Empty if the column has no such cell. */
function cellOf(column: ColumnCells, stripe: number, layout: SegmentLayout): Uint8Array {
  const at = (stripe - column.firstStripe) * CELL_BYTES
  return at < 0 ? new Uint8Array() : column.bytes.subarray(at, at + cellBytes(layout, stripe))
}

const unitsIn = ({ from, to }: DecodeJob): number => Math.ceil((to - from) / UNIT_BYTES)

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
