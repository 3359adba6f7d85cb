import { compare, concat, fromUtf8 } from '../base/bytes.ts'
import type { Command } from './commands.ts'
import { bucketPosition, type Position } from './position.ts'
import { type Bucket, rowOf } from './records.ts'
import { insist, refuse } from './refusals.ts'
import { DONE, type Result } from './results.ts'
import { everyRow, type Program } from './rows.ts'
import { following, groupRow, rowAt, rowsBehind, rowUnder, tableRange } from './tables.ts'
import { NO_USAGE, type Workspace } from './workspace.ts'

/**
 * A bucket's record stands at its home, the range that holds its empty key. Every other range it
 * lies in begins inside it and keeps a copy, its mirror; the host brings changes there. A bucket in
 * several ranges is deleted in three steps: frozen at home, frozen and found empty in every mirror,
 * deleted at home.
 */
type CommandOf<Type extends Command['type']> = Extract<Command, { readonly type: Type }>

const DOCUMENTS_PAGE = 64
const WATCHES_PAGE = 256

export function* createBucket(
  work: Workspace,
  { bucket, owner, versioning, hasLock, retention }: CommandOf<'createBucket'>,
): Program<Result> {
  const row = rowAt('b', work.locateHome(bucket))
  const existing = yield* work.read(row, rowOf.bucket)
  if (existing !== undefined) refuse({ code: 'BUCKET_EXISTS', bucket, owner: existing.owner })
  const record: Bucket = {
    createdMs: work.nowMs,
    owner,
    versioning,
    hasLock,
    retention,
    isFrozen: false,
    revision: 1,
  }
  checkLock(record)
  work.write(row, rowOf.bucket, record)
  return { type: 'bucket', record }
}

export function* changeBucket(
  work: Workspace,
  { bucket, ifRevision, versioning, hasLock, retention, isFrozen }: CommandOf<'changeBucket'>,
): Program<Result> {
  const row = rowAt('b', work.locateHome(bucket))
  const current = yield* work.bucket(bucket)
  demandRevision(current.revision, ifRevision)
  insist(versioning !== 'off' || current.versioning === 'off', 'versioning that stays on')
  insist(hasLock || !current.hasLock, 'object lock that stays on')
  const revision = current.revision + 1
  const record = { ...current, versioning, hasLock, retention, isFrozen, revision }
  checkLock(record)
  work.write(row, rowOf.bucket, record)
  return { type: 'bucket', record }
}

export function* setDocument(
  work: Workspace,
  { bucket, name, document }: CommandOf<'setDocument'>,
): Program<Result> {
  const position = work.locateHome(bucket)
  yield* work.bucket(bucket)
  insist(/^[a-z-]{1,64}$/.test(name), 'document name')
  const row = rowUnder('e', position, fromUtf8(name))
  if (document === undefined) work.remove(row)
  else work.writeBytes(row, document)
  return DONE
}

export function* deleteBucket(
  work: Workspace,
  { bucket }: CommandOf<'deleteBucket'>,
): Program<Result> {
  const position = work.locateHome(bucket)
  const { isFrozen } = yield* work.bucket(bucket)
  insist(isFrozen || !isInside(work.range.hi, position), 'frozen bucket, for it is in other ranges')
  yield* demandEmpty(work, bucket)
  const documents = rowUnder('e', position)
  const range = { after: documents, before: following(documents), pageRows: DOCUMENTS_PAGE }
  for (const { key } of yield* everyRow(work.rows, range)) work.remove(key)
  work.remove(rowAt('b', position))
  work.remove(rowAt('n', position))
  return DONE
}

export function* mirrorBucket(
  work: Workspace,
  { bucket, record }: CommandOf<'mirrorBucket'>,
): Program<Result> {
  insist(isInside(work.range.lo, bucketPosition(bucket)), 'range that begins inside the bucket')
  const mirror = yield* work.mirror(bucket)
  if (mirror?.record !== undefined && record !== undefined) {
    const [have, expected] = [mirror.record.revision, record.revision]
    if (have > expected) refuse({ code: 'STALE_REVISION', have, expected })
  }
  if (record === undefined || record.isFrozen) yield* demandEmpty(work, bucket)
  const usage = record === undefined ? NO_USAGE : (mirror?.usage ?? NO_USAGE)
  work.write(groupRow(work.group, 'mirror'), rowOf.mirror, { bucket, record, usage })
  return DONE
}

function demandRevision(have: number, expected: number | undefined): void {
  if (expected !== undefined && have !== expected) {
    refuse({ code: 'STALE_REVISION', have, expected })
  }
}

function checkLock({ versioning, hasLock, retention }: Bucket): void {
  insist(!hasLock || versioning === 'enabled', 'versioning, which object lock needs')
  insist(hasLock || retention === undefined, 'object lock, which a retention needs')
}

/** Whether a position is one of the bucket's keys. */
const isInside = (position: Position, home: Position): boolean =>
  position.length > home.length && compare(position.subarray(0, home.length), home) === 0

/** No object, no version and no upload of the bucket in this range. */
function* demandEmpty(work: Workspace, bucket: string): Program<void> {
  const home = bucketPosition(bucket)
  const { after, before } = within(work, 'o', home)
  const heads = yield* work.page({ after, before, limit: 1 })
  if (heads.length > 0) refuse({ code: 'BUCKET_NOT_EMPTY', bucket })
  const watches = within(work, 'u', home)
  for (const { value } of yield* everyRow(work.rows, { ...watches, pageRows: WATCHES_PAGE })) {
    if (rowOf.watch.decode(value).kind === 'upload') refuse({ code: 'BUCKET_NOT_EMPTY', bucket })
  }
}

/** The rows of a bucket's keys that lie in this range. */
function within(
  { range }: Workspace,
  table: 'o' | 'u',
  home: Position,
): { after: Uint8Array; before: Uint8Array } {
  const own = tableRange(table, range.lo, range.hi)
  const all = rowsBehind(concat([rowAt(table, home)]), 0)
  return {
    after: compare(own.after, all.after) > 0 ? own.after : all.after,
    before: compare(own.before, all.before) < 0 ? own.before : all.before,
  }
}
