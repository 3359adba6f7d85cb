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
 * Cells name holders by their places in a list, and every message brings a list of its own: rows that
 * it says nothing of are told where their holders stand in it. A large object comes in several
 * messages, so rows stay until they are replaced; only an object that is gone has none.
 */
export function mergeMatrix(before: MatrixView, changes: MatrixChanges): MatrixView {
  const { isGone, segments, holders } = changes
  if (isGone) return { ...before, holders: [], segments: [] }
  const merged = [...holders]
  const places = new Map(holders.map(({ peer }, place) => [peer, place]))
  const placeOf = (old: number): number => {
    const holder = before.holders[old]
    if (holder === undefined) return -1
    const place = places.get(holder.peer) ?? merged.push(holder) - 1
    places.set(holder.peer, place)
    return place
  }
  const told = new Set(segments.map(({ segment }) => segment))
  const others = before.segments
    .filter(({ segment }) => !told.has(segment))
    .map(row => ({ ...row, cells: row.cells.map(placeOf) }))
  const rows = [...others, ...segments].toSorted((one, other) => one.segment - other.segment)
  return { ...before, holders: merged, segments: rows }
}
