/**
 * Which rows of a long list are worth having in the page: those in sight and a few around, so that a
 * hundred thousand cost as much as forty. All rows are equally high.
 */
export interface ListView {
  readonly count: number
  readonly rowPx: number
  /** How far the list is scrolled, and how much of it is seen. */
  readonly scrollPx: number
  readonly viewPx: number
}

export interface ListWindow {
  /** Rows `first` … `end` - 1. */
  readonly first: number
  readonly end: number
  /** Where the first of them begins, and how high all rows are together. */
  readonly offsetPx: number
  readonly totalPx: number
}

/** Rows kept on each side, so that scrolling shows no gap before the next frame. */
const MARGIN_ROWS = 8

export function windowOf({ count, rowPx, scrollPx, viewPx }: ListView): ListWindow {
  const seen = Math.ceil(viewPx / rowPx)
  // A list that has become shorter is scrolled less than the browser says yet.
  const top = Math.min(Math.floor(Math.max(0, scrollPx) / rowPx), Math.max(0, count - seen))
  const first = Math.max(0, top - MARGIN_ROWS)
  const end = Math.min(count, top + seen + 1 + MARGIN_ROWS)
  return { first, end, offsetPx: first * rowPx, totalPx: count * rowPx }
}

/** How far to scroll, at least, for a row to be seen whole. */
export function scrollFor(row: number, { rowPx, scrollPx, viewPx }: ListView): number {
  const [top, bottom] = [row * rowPx, (row + 1) * rowPx]
  if (top < scrollPx) return top
  return bottom > scrollPx + viewPx ? bottom - viewPx : scrollPx
}
