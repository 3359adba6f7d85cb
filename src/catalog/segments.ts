import { compare, concat } from '../base/bytes.ts'
import type { Position } from './position.ts'
import {
  type ContentName,
  type Fragment,
  FRAGMENTS_MAX,
  rowOf,
  type Segment,
  type SegmentInit,
} from './records.ts'
import { insist, refuse } from './refusals.ts'
import type { Program } from './rows.ts'
import { debtRow, holderRow, rowUnder, u32 } from './tables.ts'
import type { Workspace } from './workspace.ts'

/**
 * A segment's row and the two kinds that follow from it: under each peer that holds a fragment, and
 * among the debts while a fragment has no holder. They are written here and nowhere else, so that
 * the reverse index is the forward index, read the other way.
 *
 * A fragment whose holder changes becomes garbage in the same command: what was listed is either
 * still listed, or known to be dropped. Until its peer has been told, that peer cannot become its
 * holder again, for the order to drop it may be on its way.
 */
const BLOB_SEGMENT_BYTES = 12

export const segmentRow = (
  home: Position,
  { content, blob, segment }: { content: Uint8Array; blob: Uint8Array; segment: number },
): Uint8Array => rowUnder('s', home, content, blob, u32(segment))

/** How few holders a segment may have when it is committed. */
export const durableHolders = (k: number, fragments: number): number =>
  fragments === k ? k : Math.max(k + 1, k + Math.ceil((fragments - k) / 2))

export const holdersOf = (fragments: readonly Fragment[]): number =>
  fragments.filter(({ seat }) => seat !== 0).length

export function checkSegment({ sizeBytes, k, fragments }: SegmentInit): void {
  insist(sizeBytes > 0, 'segment with bytes')
  insist(k >= 1 && k <= fragments.length, 'scheme')
  checkSeats(fragments)
  const [have, need] = [holdersOf(fragments), durableHolders(k, fragments.length)]
  if (have < need) refuse({ code: 'TOO_FEW_PEERS', have, need })
}

/** No peer holds two fragments of a segment: it would take both with it. */
export function checkSeats(fragments: readonly Fragment[]): void {
  insist(fragments.length <= FRAGMENTS_MAX, 'number of fragments')
  const seats = fragments.map(({ seat }) => seat).filter(seat => seat !== 0)
  insist(new Set(seats).size === seats.length, 'one fragment per peer')
}

/** Replaces a segment by another, or by none; undefined before it is there. */
export function writeSegment(
  work: Workspace,
  row: Uint8Array,
  { before, next }: { before: Segment | undefined; next: Segment | undefined },
): void {
  for (const [index, { seat }] of (before?.fragments ?? []).entries()) {
    if (seat !== 0 && next?.fragments[index]?.seat !== seat) work.remove(holderRow(seat, row))
  }
  for (const [index, { seat }] of (next?.fragments ?? []).entries()) {
    if (seat === 0) continue
    if (before?.fragments[index]?.seat !== seat) {
      work.writeBytes(holderRow(seat, row), Uint8Array.of(index))
    }
  }
  const [owed, owes] = [debtOf(before), debtOf(next)]
  if (owes === 0 && owed > 0) work.remove(debtRow(row))
  if (owes > 0 && owes !== owed) work.writeBytes(debtRow(row), u32(owes))
  if (next === undefined) work.remove(row)
  else work.write(row, rowOf.segment, next)
}

/** Fragments without a holder. */
const debtOf = (segment: Segment | undefined): number =>
  segment === undefined ? 0 : segment.fragments.length - holdersOf(segment.fragments)

/** The row of a fragment that its peer is to drop. */
export const garbageRow = (
  row: Uint8Array,
  { generation, index, seat }: { generation: number; index: number; seat: number },
): Uint8Array =>
  concat([Uint8Array.of(0x67), row.subarray(1), Uint8Array.of(generation, index), u32(seat)])

/** What a fragment that was listed becomes once it is not. */
export function discard(
  work: Workspace,
  row: Uint8Array,
  { generation, index, fragment }: { generation: number; index: number; fragment: Fragment },
): void {
  if (fragment.seat === 0) return
  const garbage = { fragment, sinceMs: work.nowMs }
  const key = garbageRow(row, { generation, index, seat: fragment.seat })
  work.write(key, rowOf.garbage, garbage)
}

/** Takes a segment out of the catalog; its fragments become garbage. */
export function discardSegment(work: Workspace, row: Uint8Array, segment: Segment): void {
  const { generation } = segment
  for (const [index, fragment] of segment.fragments.entries()) {
    discard(work, row, { generation, index, fragment })
  }
  writeSegment(work, row, { before: segment, next: undefined })
}

/** The segment of a row's key: what follows its home. */
export function segmentIn(row: Uint8Array): {
  readonly home: Position
  readonly content: Uint8Array
  readonly blob: Uint8Array
  readonly segment: number
} {
  const tail = row.length - BLOB_SEGMENT_BYTES
  const view = new DataView(row.buffer, row.byteOffset)
  return {
    home: row.slice(1, tail - 17),
    content: row.slice(tail - 16, tail),
    blob: row.slice(tail, tail + 8),
    segment: view.getUint32(tail + 8),
  }
}

export function* findSegment(
  work: Workspace,
  name: ContentName & { readonly blob: Uint8Array; readonly segment: number },
): Program<{ readonly row: Uint8Array; readonly found: Segment | undefined }> {
  const row = segmentRow(work.locate(name), name)
  return { row, found: yield* work.read(row, rowOf.segment) }
}

/** Whether these are the fragments as they were, each with its own id. */
export const isSameFragment = (a: Fragment, b: Fragment): boolean => compare(a.id, b.id) === 0
