/**
 * Where the cells of a matrix lie on a drawing. Every segment is a strip of its fragments, data above
 * parity; strips stand side by side and go on in another band below, like text. So three segments are
 * large enough to have names in them, and the 640 of ten gigabytes are one picture.
 */
export interface GridInput {
  readonly widthPx: number
  readonly segments: number
  /** Fragments of the segment that has most, and how many of them are data. */
  readonly fragments: number
}

export interface Grid {
  readonly cellPx: number
  /** Cells are as wide as that, or wider where there are few. */
  readonly stripPx: number
  readonly perBand: number
  readonly bandPx: number
  readonly heightPx: number
}

const HEAD_PX = 16
const PARITY_GAP_PX = 3
const BAND_GAP_PX = 14
const CELL_PX_MAX = 26
const CELL_PX_MIN = 7
const STRIP_PX_MAX = 132
/** A picture that is taller has to be scrolled. */
const TALL_PX = 560

export function gridOf({ widthPx, segments, fragments }: GridInput): Grid {
  for (let cellPx = CELL_PX_MAX; ; cellPx--) {
    const grid = gridWith({ widthPx, segments, fragments, cellPx })
    if (grid.heightPx <= TALL_PX || cellPx === CELL_PX_MIN) return grid
  }
}

function gridWith({
  widthPx,
  segments,
  fragments,
  cellPx,
}: GridInput & { readonly cellPx: number }): Grid {
  const room = Math.floor(widthPx / Math.max(1, segments))
  const stripPx = Math.max(cellPx, Math.min(STRIP_PX_MAX, room))
  const perBand = Math.max(1, Math.floor(widthPx / stripPx))
  const bandPx = HEAD_PX + fragments * cellPx + PARITY_GAP_PX + BAND_GAP_PX
  return { cellPx, stripPx, perBand, bandPx, heightPx: Math.ceil(segments / perBand) * bandPx }
}

/** The upper left corner of a cell; `at` counts the strips of the picture. */
export function cellAt(
  grid: Grid,
  { at, index, k }: { readonly at: number; readonly index: number; readonly k: number },
): { readonly x: number; readonly y: number } {
  const band = Math.floor(at / grid.perBand)
  return {
    x: (at % grid.perBand) * grid.stripPx,
    y: band * grid.bandPx + HEAD_PX + index * grid.cellPx + (index >= k ? PARITY_GAP_PX : 0),
  }
}

/** The cell under a point, by strip and index, which may be beyond the fragments there are. */
export function cellUnder(
  grid: Grid,
  x: number,
  y: number,
  kOf: (at: number) => number,
): { readonly at: number; readonly index: number } | undefined {
  const column = Math.floor(x / grid.stripPx)
  const band = Math.floor(y / grid.bandPx)
  if (column < 0 || column >= grid.perBand || band < 0) return undefined
  const at = band * grid.perBand + column
  const inBand = y - band * grid.bandPx - HEAD_PX
  const isParity = inBand >= kOf(at) * grid.cellPx + PARITY_GAP_PX
  const index = Math.floor((inBand - (isParity ? PARITY_GAP_PX : 0)) / grid.cellPx)
  return index < 0 ? undefined : { at, index }
}
