import type { Command } from './commands.ts'
import { contentRow, partHolder, dropReference, watchRow } from './contents.ts'
import { positionOf, type Place } from './position.ts'
import { type ContentName, rowOf } from './records.ts'
import { insist } from './refusals.ts'
import type { Result } from './results.ts'
import type { Program } from './rows.ts'
import { discardSegment } from './segments.ts'
import { BLOB_ID_BYTES, CONTENT_ID_BYTES, rowsBehind, rowUnder, tableRange } from './tables.ts'
import type { Workspace } from './workspace.ts'

/**
 * Takes released contents apart, some rows per command, so that no command's time grows with the
 * size of what was deleted. Segments go first, then parts with the references they hold elsewhere,
 * then the content itself. A content that somebody might still try to keep leaves a fence behind.
 */
const QUEUE_PAGE = 64

export function* collect(
  work: Workspace,
  { rows: budget }: Extract<Command, { readonly type: 'collect' }>,
): Program<Result> {
  insist(budget > 0, 'rows')
  const queue = tableRange('x', work.range.lo, work.range.hi)
  let left = budget
  const waiting = yield* work.page({ ...queue, limit: QUEUE_PAGE })
  for (const { key, value } of waiting) {
    if (left <= 0) break
    const place = rowOf.place.decode(value)
    const taken = yield* takeApart(work, { row: key, place, budget: left })
    left -= taken
  }
  // What was taken apart may have been the last to hold something else.
  const isMore = (yield* work.page({ ...queue, limit: 1 })).length > 0
  return { type: 'collected', rows: budget - left, isMore }
}

function* takeApart(
  work: Workspace,
  { row, place, budget }: { row: Uint8Array; place: Place; budget: number },
): Program<number> {
  const home = positionOf(place)
  const ids = row.slice(1 + home.length + 1)
  const segments = yield* work.page(rowsBehind(rowUnder('s', home, ids), budget))
  for (const { key, value } of segments) discardSegment(work, key, rowOf.segment.decode(value))
  if (segments.length >= budget) return segments.length
  if (ids.length === CONTENT_ID_BYTES + BLOB_ID_BYTES) {
    work.remove(row)
    return segments.length + 1
  }
  const name = { ...place, content: ids }
  const parts = yield* takeParts(work, name, budget - segments.length)
  if (parts.isDone) {
    yield* forget(work, name)
    work.remove(row)
  }
  return segments.length + 1 + parts.rows
}

function* takeParts(
  work: Workspace,
  name: ContentName,
  budget: number,
): Program<{ rows: number; isDone: boolean }> {
  const position = positionOf(name)
  const rows = yield* work.page(rowsBehind(rowUnder('d', position, name.content), budget))
  for (const { key, value } of rows) {
    const number = (key.at(-2) ?? 0) * 256 + (key.at(-1) ?? 0)
    work.remove(key)
    if (number === 0) continue
    const holder = partHolder(name.content, number)
    for (const { source } of rowOf.part.decode(value).extents) {
      if (source !== undefined) yield* dropReference(work, source, { holder, position })
    }
  }
  return { rows: rows.length, isDone: rows.length < budget }
}

/** Nothing is left of it but, while somebody may come late, the memory that it was released. */
function* forget(work: Workspace, { content, ...place }: ContentName): Program<void> {
  const home = positionOf(place)
  const row = contentRow(home, content)
  const found = yield* work.read(row, rowOf.content)
  if (found === undefined) return
  const { untilMs } = found
  if (untilMs <= work.nowMs) {
    work.remove(row)
    work.remove(watchRow(home, content))
    return
  }
  const watch = { kind: 'fence', untilMs, sinceMs: work.nowMs, upload: undefined } as const
  work.write(watchRow(home, content), rowOf.watch, watch)
}
