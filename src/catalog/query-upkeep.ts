import { compare, toUtf8 } from '../base/bytes.ts'
import type { SegmentName } from './commands.ts'
import { contentRow, partRow, watchRow } from './contents.ts'
import { bucketPosition, type Place } from './position.ts'
import {
  type Content,
  type ContentName,
  type Garbage,
  type Part,
  rowOf,
  type Segment,
  type Watch,
} from './records.ts'
import type { Program, Row, Rows } from './rows.ts'
import { segmentIn } from './segments.ts'
import { following, rowAt, seatRange, segmentRowOf, tableRange } from './tables.ts'
import type { Workspace } from './workspace.ts'

/**
 * Questions of those who keep the network in order: what a dead peer held, what is owed, what can be
 * dropped, what has expired. Each answers page by page; a page's `next` is where to go on.
 */
export interface Page<Item> {
  readonly items: readonly Item[]
  readonly next: Uint8Array | undefined
}

export interface PageOptions {
  /** The `next` of the page before. */
  readonly after: Uint8Array | undefined
  readonly limit: number
}

export interface PlacedSegment extends SegmentName {
  readonly record: Segment
}

/** Segments of which a peer holds a fragment. The work of a death is proportional to what it held. */
export const segmentsOf = (seat: number, options: PageOptions) =>
  function* (work: Workspace): Program<Page<PlacedSegment>> {
    return yield* segmentsBehind(work, seatRange(seat, work.range.lo, work.range.hi), options)
  }

/** Segments with fragments that nobody has. */
export const debts = (options: PageOptions) =>
  function* (work: Workspace): Program<Page<PlacedSegment>> {
    return yield* segmentsBehind(work, tableRange('w', work.range.lo, work.range.hi), options)
  }

function* segmentsBehind(
  work: Workspace,
  range: { after: Uint8Array; before: Uint8Array },
  options: PageOptions,
): Program<Page<PlacedSegment>> {
  const page = yield* pageOf(work.rows, range, options)
  const items: PlacedSegment[] = []
  for (const { key } of page.items) {
    const row = segmentRowOf(key)
    const record = yield* work.read(row, rowOf.segment)
    if (record !== undefined) items.push({ ...nameOf(row), record })
  }
  return { items, next: page.next }
}

/** Every segment of the range, for a rebalancer or an audit that goes through all. */
export const allSegments = (options: PageOptions) =>
  function* (work: Workspace): Program<Page<PlacedSegment>> {
    const range = tableRange('s', work.range.lo, work.range.hi)
    const { items, next } = yield* pageOf(work.rows, range, options)
    const found = items.map(({ key, value }) => ({
      ...nameOf(key),
      record: rowOf.segment.decode(value),
    }))
    return { items: found, next }
  }

export interface GarbageFragment extends SegmentName, Garbage {
  readonly generation: number
  readonly index: number
  /** To be named in `dropGarbage` once its peer was told. */
  readonly row: Uint8Array
}

/** Fragments that peers may drop. */
export const garbage = (options: PageOptions) =>
  function* (work: Workspace): Program<Page<GarbageFragment>> {
    const range = tableRange('g', work.range.lo, work.range.hi)
    const { items, next } = yield* pageOf(work.rows, range, options)
    const found = items.map(({ key, value }) => ({
      ...nameOf(key.subarray(0, -6)),
      ...rowOf.garbage.decode(value),
      generation: key.at(-6) ?? 0,
      index: key.at(-5) ?? 0,
      row: key,
    }))
    return { items: found, next }
  }

export interface WatchedContent extends ContentName {
  readonly watch: Watch
}

/** Open contents and fences: intents, uploads, whatever may expire. */
export const watches = (options: PageOptions) =>
  function* (work: Workspace): Program<Page<WatchedContent>> {
    return yield* watchesIn(work, tableRange('u', work.range.lo, work.range.hi), options)
  }

export interface BucketDocument {
  readonly bucket: string
  readonly document: Uint8Array
}

/** The documents of one name, of all buckets whose home is this range. */
export const documentsNamed = (name: string, options: PageOptions) =>
  function* (work: Workspace): Program<Page<BucketDocument>> {
    const range = tableRange('e', work.range.lo, work.range.hi)
    const { items, next } = yield* pageOf(work.rows, range, options)
    const found = items.flatMap(({ key, value }) => {
      const { position, ids } = split(key)
      const { bucket } = placeAt(position)
      return toUtf8(ids) === name ? [{ bucket, document: value }] : []
    })
    return { items: found, next }
  }

/** The multipart uploads of a bucket in this range, by key; fences and intents are left out. */
export const listUploads = (bucket: string, options: PageOptions) =>
  function* (work: Workspace): Program<Page<WatchedContent>> {
    yield* work.bucket(bucket)
    const own = tableRange('u', work.range.lo, work.range.hi)
    const after = rowAt('u', bucketPosition(bucket))
    const range = {
      after: compare(after, own.after) > 0 ? after : own.after,
      before: least(following(after), own.before),
    }
    const { items, next } = yield* watchesIn(work, range, options)
    return { items: items.filter(({ watch }) => watch.kind === 'upload'), next }
  }

function* watchesIn(
  work: Workspace,
  range: { after: Uint8Array; before: Uint8Array },
  options: PageOptions,
): Program<Page<WatchedContent>> {
  const { items, next } = yield* pageOf(work.rows, range, options)
  const found = items.map(({ key, value }) => ({
    ...contentIn(key),
    watch: rowOf.watch.decode(value),
  }))
  return { items: found, next }
}

export interface NumberedPart extends Part {
  readonly part: number
}

/** The parts of an upload, or of the object it became. */
export const listParts = (name: ContentName, { after, limit }: { after: number; limit: number }) =>
  function* (work: Workspace): Program<readonly NumberedPart[]> {
    const home = work.locate(name)
    const from = partRow(home, name.content, after)
    const rows = yield* work.page({ after: from, before: following(from.subarray(0, -2)), limit })
    return rows.map(({ key, value }) => ({
      part: (key.at(-2) ?? 0) * 256 + (key.at(-1) ?? 0),
      ...rowOf.part.decode(value),
    }))
  }

export const getContent =
  (name: ContentName) =>
  (work: Workspace): Program<Content | undefined> =>
    work.read(contentRow(work.locate(name), name.content), rowOf.content)

export const getWatch =
  (name: ContentName) =>
  (work: Workspace): Program<Watch | undefined> =>
    work.read(watchRow(work.locate(name), name.content), rowOf.watch)

export interface OwedRelease {
  /** The content in another range, and who gave it up. */
  readonly name: ContentName
  readonly holder: Uint8Array
  /** To be named in `settleReferences` once that range was told. */
  readonly row: Uint8Array
}

/** References that were given up here and must be given up elsewhere. */
export const outbox = (options: PageOptions) =>
  function* (work: Workspace): Program<Page<OwedRelease>> {
    const range = tableRange('z', work.range.lo, work.range.hi)
    const { items, next } = yield* pageOf(work.rows, range, options)
    const found = items.map(({ key, value }) => {
      const { ids } = split(key)
      const name = { ...rowOf.place.decode(value), content: ids.slice(0, 16) }
      return { name, holder: ids.slice(16), row: key }
    })
    return { items: found, next }
  }

/** Whether anything waits to be taken apart by `collect`. */
export const hasReleased = () =>
  function* (work: Workspace): Program<boolean> {
    const range = tableRange('x', work.range.lo, work.range.hi)
    return (yield* work.page({ ...range, limit: 1 })).length > 0
  }

function* pageOf(
  rows: Rows,
  { after, before }: { after: Uint8Array; before: Uint8Array },
  options: PageOptions,
): Program<Page<Row>> {
  const from = options.after ?? after
  const items = yield* rows.page({ after: from, before, limit: options.limit })
  const isFull = items.length === options.limit
  return { items, next: isFull ? items.at(-1)?.key.slice() : undefined }
}

function nameOf(row: Uint8Array): SegmentName {
  const { home, content, blob, segment } = segmentIn(row)
  return { ...placeAt(home), content, blob, segment }
}

function contentIn(row: Uint8Array): ContentName {
  const { position, ids } = split(row)
  return { ...placeAt(position), content: ids.slice(0, 16) }
}

/** A row under a position: the position, and what follows its second NUL. */
function split(row: Uint8Array): { position: Uint8Array; ids: Uint8Array } {
  const first = row.indexOf(0, 9)
  const end = row.indexOf(0, first + 1)
  return { position: row.slice(1, end), ids: row.slice(end + 1) }
}

/** Bucket and key of a position. */
function placeAt(position: Uint8Array): Place {
  const end = position.indexOf(0, 8)
  return { bucket: toUtf8(position.subarray(8, end)), key: toUtf8(position.subarray(end + 1)) }
}

const least = (a: Uint8Array, b: Uint8Array): Uint8Array => (compare(a, b) < 0 ? a : b)
