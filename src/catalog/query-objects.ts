import { compare, concat, fromUtf8, toUtf8 } from '../base/bytes.ts'
import { type Extents, extentsOf } from './extents.ts'
import { bucketPosition, type Place, positionOf } from './position.ts'
import { type ContentName, rowOf, type Segment, type Version } from './records.ts'
import { refuse } from './refusals.ts'
import type { Program, Row, RowRange } from './rows.ts'
import { segmentRow } from './segments.ts'
import { compareStamps, newestFirst, type Stamp, stampNamed } from './stamp.ts'
import { following, justBefore, rowAt, rowUnder, type TableName, tableRange } from './tables.ts'
import { findVersion, idOf, inlineRow } from './versions.ts'
import type { Workspace } from './workspace.ts'

/** Questions about objects: one by name, its bytes, and lists. */
export interface FoundObject {
  readonly id: string
  /** A delete marker if its body says so. */
  readonly version: Version
  /** Of an inline version. */
  readonly bytes: Uint8Array | undefined
}

/** The current version, or the named one. */
export const getObject = (place: Place, name: string | undefined) =>
  function* (work: Workspace): Program<FoundObject> {
    const position = work.locate(place)
    yield* work.bucket(place.bucket)
    const version = yield* findVersion(work, place, name)
    const { bucket, key } = place
    if (version === undefined) {
      if (name === undefined) return refuse({ code: 'NO_SUCH_KEY', bucket, key })
      return refuse({ code: 'NO_SUCH_VERSION', bucket, key, version: name })
    }
    const isInline = version.body.type === 'inline'
    const bytes = isInline ? yield* work.rows.get(inlineRow(position, version.stamp)) : undefined
    return { id: idOf(version), version, bytes }
  }

/** What holds some bytes of a content of this range. */
export const getExtents = (name: ContentName, range: { fromBytes: number; lengthBytes: number }) =>
  function* (work: Workspace): Program<Extents> {
    work.locate(name)
    return yield* extentsOf(work, name, range)
  }

const SEGMENTS_PAGE = 64

/** Segments of a blob, from `first` on, at most `count` and at most 64 of them. */
export const getSegments = (
  name: ContentName & { readonly blob: Uint8Array },
  { first, count }: { first: number; count: number },
) =>
  function* (work: Workspace): Program<readonly Segment[]> {
    const home = work.locate(name)
    const row = segmentRow(home, { ...name, segment: first })
    const before = following(row.subarray(0, -4))
    const limit = Math.min(count, SEGMENTS_PAGE)
    const rows = yield* work.page({ after: justBefore(row), before, limit })
    return rows.map(({ value }) => rowOf.segment.decode(value))
  }

export interface ListOptions {
  readonly bucket: string
  readonly prefix: string
  /** Keys that go on with this after the prefix are listed as one common prefix; empty: none. */
  readonly delimiter: string
  /** Only what sorts behind this: a `next`, or the bytes of a key. */
  readonly after: Uint8Array
  /** Keys and common prefixes together. */
  readonly limit: number
}

export interface ObjectList {
  readonly objects: readonly { readonly key: string; readonly version: Version }[]
  readonly prefixes: readonly string[]
  /** Where to go on; undefined if nothing of this range is left. */
  readonly next: Uint8Array | undefined
  /** The bucket goes on in the next range, and the list with it: under the same options. */
  readonly goesOn: boolean
}

/** Rows that one question looks at. Where most are delete markers a list may end early, or empty. */
const SCAN_ROWS_MAX = 10_000
const SCAN_PAGE_MAX = 1_001
const TOP = Uint8Array.of(0xff)

/** The current versions of a bucket's keys in order, delete markers left out. */
export const listObjects = (options: ListOptions) =>
  function* (work: Workspace): Program<ObjectList> {
    yield* work.bucket(options.bucket)
    const scan = new Scan(work, options, 'o')
    const objects: { key: string; version: Version }[] = []
    const prefixes: string[] = []
    const isFull = (): boolean => objects.length + prefixes.length >= options.limit
    let last = options.after
    for (;;) {
      const row = options.limit === 0 ? undefined : yield* scan.next(options.limit + 1)
      if (row === undefined) {
        const isCut = scan.isExhausted
        const next = isCut ? scan.cursor : undefined
        return { objects, prefixes, next, goesOn: !isCut && scan.goesOn }
      }
      const { version } = rowOf.head.decode(row.value)
      if (version.body.type === 'marker') continue
      if (isFull()) return { objects, prefixes, next: last, goesOn: scan.goesOn }
      const key = scan.keyOf(row)
      const prefix = commonPrefix(key, options)
      if (prefix === undefined) objects.push({ key, version })
      else {
        prefixes.push(prefix)
        scan.skipPast(prefix)
      }
      last = scan.cursor
    }
  }

export interface VersionListOptions extends ListOptions {
  /** Go on after this version of the key in `after`. */
  readonly afterVersion: string | undefined
}

export interface VersionEntry {
  readonly key: string
  readonly id: string
  readonly version: Version
  readonly isLatest: boolean
}

export interface VersionList {
  readonly versions: readonly VersionEntry[]
  readonly prefixes: readonly string[]
  readonly next: { readonly after: Uint8Array; readonly version: string | undefined } | undefined
  readonly goesOn: boolean
}

/** All versions and delete markers, by key, the newest first. */
export const listVersions = (options: VersionListOptions) =>
  function* (work: Workspace): Program<VersionList> {
    yield* work.bucket(options.bucket)
    const versions: VersionEntry[] = []
    const prefixes: string[] = []
    const rest = yield* restOfKey(work, options)
    const scan = new Scan(work, options, 'o')
    let last = { after: options.after, version: options.afterVersion }
    const isFull = (): boolean => versions.length + prefixes.length >= options.limit
    const cut = (): VersionList => ({ versions, prefixes, next: last, goesOn: scan.goesOn })
    for (const entry of rest) {
      if (isFull()) return cut()
      versions.push(entry)
      last = { after: options.after, version: entry.id }
    }
    for (;;) {
      const row = options.limit === 0 ? undefined : yield* scan.next(options.limit + 1)
      if (row === undefined) {
        const isCut = scan.isExhausted
        const next = isCut ? { after: scan.cursor, version: undefined } : undefined
        return { versions, prefixes, next, goesOn: !isCut && scan.goesOn }
      }
      if (isFull()) return cut()
      const key = scan.keyOf(row)
      const prefix = commonPrefix(key, options)
      if (prefix !== undefined) {
        prefixes.push(prefix)
        scan.skipPast(prefix)
        last = { after: scan.cursor, version: undefined }
        continue
      }
      const room = options.limit - versions.length - prefixes.length
      for (const entry of yield* versionsOf(work, { bucket: options.bucket, key }, room + 1)) {
        if (isFull()) return cut()
        versions.push(entry)
        last = { after: scan.cursor, version: entry.id }
      }
      last = { after: scan.cursor, version: undefined }
    }
  }

/** What is left of the key at which the list before this one ended. */
function* restOfKey(
  work: Workspace,
  { bucket, after, afterVersion, limit }: VersionListOptions,
): Program<readonly VersionEntry[]> {
  if (afterVersion === undefined || limit === 0) return []
  const place = { bucket, key: toUtf8(after) }
  const stamp = stampNamed(afterVersion) ?? (yield* findVersion(work, place, afterVersion))?.stamp
  return stamp === undefined ? [] : yield* versionsOf(work, place, limit + 1, stamp)
}

/** A key's versions, the newest first; only those older than `than`. */
function* versionsOf(
  work: Workspace,
  place: Place,
  limit: number,
  than?: Stamp,
): Program<readonly VersionEntry[]> {
  const position = positionOf(place)
  const head = yield* work.read(rowAt('o', position), rowOf.head)
  if (head === undefined) return []
  const entry = (version: Version, isLatest: boolean): VersionEntry => ({
    key: place.key,
    id: idOf(version),
    version,
    isLatest,
  })
  const { version, older } = head
  const isShown = than === undefined || compareStamps(version.stamp, than) < 0
  const newest = isShown ? [entry(version, true)] : []
  if (older === 0) return newest
  const first = rowUnder('v', position)
  const after = than === undefined ? first : rowUnder('v', position, newestFirst(than))
  const rows = yield* work.page({ after, before: following(first), limit: limit - newest.length })
  return [...newest, ...rows.map(({ value }) => entry(rowOf.version.decode(value), false))]
}

function commonPrefix(key: string, { prefix, delimiter }: ListOptions): string | undefined {
  if (delimiter === '') return undefined
  const at = key.indexOf(delimiter, prefix.length)
  return at < 0 ? undefined : key.slice(0, at + delimiter.length)
}

/** Walks over a bucket's rows in this range, page by page, and can skip ahead. */
class Scan {
  /** The bytes of the key that was looked at last. */
  cursor: Uint8Array
  /** The bucket goes on behind this range. */
  readonly goesOn: boolean
  readonly #work: Workspace
  readonly #start: Uint8Array
  readonly #before: Uint8Array
  #after: Uint8Array
  #rows: readonly Row[] = []
  #at = 0
  #left = SCAN_ROWS_MAX
  #isEnd = false

  constructor(
    work: Workspace,
    { bucket, prefix, delimiter, after }: ListOptions,
    table: TableName,
  ) {
    this.#work = work
    const home = bucketPosition(bucket)
    this.#start = rowAt(table, home)
    const first = concat([this.#start, fromUtf8(prefix)])
    const own = tableRange(table, work.range.lo, work.range.hi)
    const end = following(first)
    this.cursor = skipped(after, prefix, delimiter)
    const resumed = concat([this.#start, this.cursor])
    const begins = this.cursor.length === 0 ? justBefore(first) : later(resumed, justBefore(first))
    this.#after = later(begins, own.after)
    this.#before = compare(end, own.before) < 0 ? end : own.before
    this.goesOn = work.range.hi.length > 0 && compare(own.before, end) < 0
  }

  /** It has looked at as many rows as one question may. */
  get isExhausted(): boolean {
    return this.#left === 0 && !this.#isEnd
  }

  /** The next row; undefined at the end, or where the question has seen enough. */
  *next(wanted: number): Program<Row | undefined> {
    if (this.#at === this.#rows.length) yield* this.#load(wanted)
    const row = this.#rows[this.#at]
    if (row === undefined) return undefined
    this.#at++
    this.cursor = row.key.slice(this.#start.length)
    return row
  }

  keyOf({ key }: Row): string {
    return toUtf8(key.subarray(this.#start.length))
  }

  /** Goes on behind every key that begins with `prefix`. */
  skipPast(prefix: string): void {
    this.cursor = concat([fromUtf8(prefix), TOP])
    const end = concat([this.#start, this.cursor])
    const next = this.#rows.findIndex(({ key }) => compare(key, end) > 0)
    this.#at = next < 0 ? this.#rows.length : next
    if (next < 0) this.#after = later(end, this.#after)
  }

  *#load(wanted: number): Program<void> {
    const limit = Math.min(wanted, SCAN_PAGE_MAX, this.#left)
    if (this.#isEnd || limit === 0) return
    const range: RowRange = { after: this.#after, before: this.#before, limit }
    this.#rows = yield* this.#work.page(range)
    this.#at = 0
    this.#left -= this.#rows.length
    this.#isEnd = this.#rows.length < limit
    this.#after = this.#rows.at(-1)?.key ?? this.#after
  }
}

/** Where a list goes on that ended inside a common prefix: behind all of that prefix. */
function skipped(after: Uint8Array, prefix: string, delimiter: string): Uint8Array {
  if (after.length === 0 || after.at(-1) === 0xff || delimiter === '') return after
  const key = toUtf8(after)
  if (!key.startsWith(prefix)) return after
  const common = commonPrefix(key, { prefix, delimiter } as ListOptions)
  return common === undefined ? after : concat([fromUtf8(common), TOP])
}

const later = (a: Uint8Array, b: Uint8Array): Uint8Array => (compare(a, b) > 0 ? a : b)
