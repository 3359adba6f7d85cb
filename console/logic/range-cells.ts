import { CELL_BYTES, piecesOf, segmentLayout } from '../../src/erasure/layout.ts'
import { sealedBytes, sealedRanges } from '../../src/erasure/sealing.ts'
import type { MatrixSegment, MatrixView } from '../../src/gateway/console/views/fragments.ts'

/** Which cells a read of some bytes of an object touches: the same arithmetic as the read itself. */
export interface TouchedCells {
  /** By segment: the data columns, and how many of the cells of each. */
  readonly columns: ReadonlyMap<number, ReadonlyMap<number, number>>
  readonly cells: number
  readonly bytes: number
}

export function cellsOfRange(
  { segments, cellBytes }: Pick<MatrixView, 'cellBytes' | 'segments'>,
  from: number,
  to: number,
): TouchedCells {
  const columns = new Map<number, ReadonlyMap<number, number>>()
  let [cells, bytes] = [0, 0]
  for (const segment of segments) {
    const start = Math.max(0, from - segment.fromBytes)
    const end = Math.min(segment.sizeBytes, to - segment.fromBytes)
    if (start >= end) continue
    const own = columnsOf(segment, { start, end, tagBytes: CELL_BYTES - cellBytes })
    columns.set(segment.segment, own.counts)
    cells += own.cells
    bytes += own.bytes
  }
  return { columns, cells, bytes }
}

function columnsOf(
  { k, sizeBytes }: MatrixSegment,
  { start, end, tagBytes }: { start: number; end: number; tagBytes: number },
): {
  readonly counts: ReadonlyMap<number, number>
  readonly cells: number
  readonly bytes: number
} {
  const layout = segmentLayout(k, sealedBytes(sizeBytes, tagBytes))
  const counts = new Map<number, number>()
  let [cells, bytes] = [0, 0]
  for (const range of sealedRanges({ plainBytes: sizeBytes, tagBytes }, start, end))
    for (const { column, lengthBytes } of piecesOf(layout, range.from, range.to)) {
      counts.set(column, (counts.get(column) ?? 0) + 1)
      cells++
      bytes += lengthBytes
    }
  return { counts, cells, bytes }
}
