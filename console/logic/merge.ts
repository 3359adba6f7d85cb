import type { MatrixView } from '../../src/gateway/console/views/fragments.ts'
import type { Changes, MatrixChanges } from '../../src/gateway/console/views/live.ts'

/** What the live feed says of changes, put into what was known before. All of it is pure. */

/** Rows keep their places; new ones come last. */
export function mergeRows<Row>(
  before: readonly Row[],
  { isWhole, rows, gone }: Changes<Row>,
  idOf: (row: Row) => unknown,
): readonly Row[] {
  if (isWhole) return rows
  const left = new Set<unknown>(gone)
  const byId = new Map(before.filter(row => !left.has(idOf(row))).map(row => [idOf(row), row]))
  for (const row of rows) byId.set(idOf(row), row)
  return [...byId.values()]
}

/**
 * Cells name holders by their places in a list, and changes bring a list of their own: rows that did
 * not change are told where their holders stand in it.
 */
export function mergeMatrix(before: MatrixView, changes: MatrixChanges): MatrixView {
  const { isWhole, segments, holders } = changes
  if (isWhole) return { ...before, holders, segments }
  const changed = new Map(segments.map(row => [row.segment, row]))
  const merged = [...holders]
  const places = new Map(holders.map(({ peer }, place) => [peer, place]))
  const placeOf = (old: number): number => {
    const holder = before.holders[old]
    if (holder === undefined) return -1
    const place = places.get(holder.peer) ?? merged.push(holder) - 1
    places.set(holder.peer, place)
    return place
  }
  const rows = before.segments.map(
    row => changed.get(row.segment) ?? { ...row, cells: row.cells.map(placeOf) },
  )
  return { ...before, holders: merged, segments: rows }
}
