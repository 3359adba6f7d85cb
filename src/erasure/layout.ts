import { toWholeLanes } from './kernel.ts'
import { checkScheme, type Scheme } from './scheme.ts'

/**
 * Where the bytes of a segment lie. A segment is cut into stripes of k cells of 64 KiB, row by row;
 * fragment j is column j. What is left over at the end makes a last stripe of k smaller cells, each
 * the least multiple of 64 bytes that holds it, padded with zeros:
 *
 *                 fragment 0     fragment 1     …  fragment k-1    fragment k …
 *     stripe 0    64 KiB         64 KiB            64 KiB          parity
 *     stripe 1    64 KiB         64 KiB            64 KiB          parity
 *     tail        39,360 bytes   39,360 bytes      … 0 0 0         parity
 *
 * k and the real length are all there is to record. Bytes before the tail lie in cells that are the
 * encryption units (`sealing.ts`), so a range read needs no byte beyond its units.
 */
export interface SegmentLayout {
  readonly k: number
  /** Without the padding. */
  readonly lengthBytes: number
  /** Stripes of full cells. */
  readonly fullStripes: number
  /** Size of each of the k cells of the tail; 0 if there is no tail. */
  readonly tailCellBytes: number
  /** Cells of each fragment. */
  readonly stripes: number
  /** Size of each fragment. */
  readonly fragmentBytes: number
}

/** A run of bytes inside one data cell. */
export interface Piece {
  readonly stripe: number
  /** Which data fragment. */
  readonly column: number
  /** Where the run starts in its cell. */
  readonly from: number
  readonly lengthBytes: number
}

export const CELL_BYTES = 65_536
export const SEGMENT_BYTES = 16_777_216

/**
 * @param lengthBytes of the segment, 1 … 16 MiB
 * @throws {HoldfastError} `INVALID_SCHEME`
 */
export function segmentLayout(k: number, lengthBytes: number): SegmentLayout {
  checkScheme({ k, m: 0 })
  if (!(Number.isInteger(lengthBytes) && lengthBytes >= 1 && lengthBytes <= SEGMENT_BYTES))
    throw new RangeError(`A segment has 1 to ${SEGMENT_BYTES} bytes, not ${lengthBytes}`)
  const fullStripes = Math.floor(lengthBytes / (k * CELL_BYTES))
  const rest = lengthBytes - fullStripes * k * CELL_BYTES
  const tailCellBytes = toWholeLanes(rest / k)
  return {
    k,
    lengthBytes,
    fullStripes,
    tailCellBytes,
    stripes: fullStripes + (tailCellBytes > 0 ? 1 : 0),
    fragmentBytes: fullStripes * CELL_BYTES + tailCellBytes,
  }
}

/** A segment of at most one cell is not worth cutting: it is replicated, under the same m. */
export const segmentScheme = (target: Scheme, lengthBytes: number): Scheme =>
  lengthBytes <= CELL_BYTES ? { k: 1, m: target.m } : target

/** Size of the cells of one stripe. */
export const cellBytes = (layout: SegmentLayout, stripe: number): number =>
  stripe < layout.fullStripes ? CELL_BYTES : layout.tailCellBytes

/** The data cells that hold bytes `from` … `to` - 1 of the segment, in order of the bytes. */
export function piecesOf(layout: SegmentLayout, from: number, to: number): Piece[] {
  if (!(from >= 0 && from <= to && to <= layout.lengthBytes))
    throw new RangeError(`Bytes ${from} to ${to} of ${layout.lengthBytes}`)
  const pieces: Piece[] = []
  for (let at = from; at < to;) {
    const stripe = Math.floor(at / (layout.k * CELL_BYTES))
    const size = cellBytes(layout, stripe)
    const inStripe = at - stripe * layout.k * CELL_BYTES
    const column = Math.floor(inStripe / size)
    const start = inStripe - column * size
    const lengthBytes = Math.min(size - start, to - at)
    pieces.push({ stripe, column, from: start, lengthBytes })
    at += lengthBytes
  }
  return pieces
}

/** Copies one stripe of a segment into its k data cells; the padding becomes zeros. */
export function fillCells(
  layout: SegmentLayout,
  stripe: number,
  segment: Uint8Array,
  cells: readonly Uint8Array[],
): void {
  const size = checkStripe(layout, stripe, segment, cells)
  for (const [column, cell] of cells.entries()) {
    const at = stripe * layout.k * CELL_BYTES + column * size
    const bytes = segment.subarray(at, at + size)
    cell.set(bytes)
    cell.fill(0, bytes.length)
  }
}

/** Copies the k data cells of one stripe to where they belong in the segment, without padding. */
export function gatherCells(
  layout: SegmentLayout,
  stripe: number,
  segment: Uint8Array,
  cells: readonly Uint8Array[],
): void {
  const size = checkStripe(layout, stripe, segment, cells)
  for (const [column, cell] of cells.entries()) {
    const at = stripe * layout.k * CELL_BYTES + column * size
    const left = Math.max(0, layout.lengthBytes - at)
    if (left > 0) segment.set(cell.subarray(0, left), at)
  }
}

function checkStripe(
  layout: SegmentLayout,
  stripe: number,
  segment: Uint8Array,
  cells: readonly Uint8Array[],
): number {
  const size = cellBytes(layout, stripe)
  if (!(Number.isInteger(stripe) && stripe >= 0 && stripe < layout.stripes))
    throw new RangeError(`Stripe ${stripe} of ${layout.stripes}`)
  if (segment.length !== layout.lengthBytes || cells.length !== layout.k)
    throw new RangeError('the segment and its cells are as the layout says')
  if (cells.some(cell => cell.length !== size)) throw new RangeError(`cells have ${size} bytes`)
  return size
}
