import { cellBytes, type SegmentLayout } from '../../erasure/layout.ts'
import { CELL_STRIDE_BYTES, LEAF_HEADER_BYTES } from '../../erasure/leaves.ts'

/** Room before each cell: for the header of its leaf, and against cells that share cache sets. */
const GAP_BYTES: number = CELL_STRIDE_BYTES - 65_536

/**
 * All cells of some stripes in one buffer, column by column, each behind a gap:
 *
 *     gap  column 0, stripe 0  gap  column 0, stripe 1  …  gap  column 1, stripe 0  …
 */
export class CellGrid {
  readonly #bytes: Uint8Array<ArrayBuffer>
  readonly #layout: SegmentLayout
  readonly #slotBytes: number

  /** @param bytes at least `sizeOf(layout, columns)` */
  constructor(bytes: Uint8Array<ArrayBuffer>, layout: SegmentLayout) {
    this.#bytes = bytes
    this.#layout = layout
    this.#slotBytes = slotBytes(layout)
  }

  static sizeOf(layout: SegmentLayout, columns: number): number {
    return columns * layout.stripes * slotBytes(layout)
  }

  cell(column: number, stripe: number): Uint8Array<ArrayBuffer> {
    const at = this.#startOf(column, stripe)
    return this.#bytes.subarray(at, at + cellBytes(this.#layout, stripe))
  }

  /** The cell with the nine bytes before it, for `leafInPlace`. */
  framed(column: number, stripe: number): Uint8Array<ArrayBuffer> {
    const at = this.#startOf(column, stripe)
    return this.#bytes.subarray(at - LEAF_HEADER_BYTES, at + cellBytes(this.#layout, stripe))
  }

  #startOf(column: number, stripe: number): number {
    return (column * this.#layout.stripes + stripe) * this.#slotBytes + GAP_BYTES
  }
}

const slotBytes = (layout: SegmentLayout): number => cellBytes(layout, 0) + GAP_BYTES
