import { addReference, dropReference } from './contents.ts'
import { type Place, type Position, positionOf } from './position.ts'
import { type Bucket, type Head, rowOf, type Usage, type Version } from './records.ts'
import { refuse } from './refusals.ts'
import type { Program } from './rows.ts'
import {
  after,
  compareStamps,
  newestFirst,
  type Stamp,
  stampBytes,
  stampNamed,
  versionName,
} from './stamp.ts'
import { rowAt, rowsBehind, rowUnder } from './tables.ts'
import type { Workspace } from './workspace.ts'

/**
 * The versions of a key. The newest is the head and has a row of its own, so that listing a bucket
 * costs a row per key however many versions there are; the others lie behind it, the newest first.
 *
 * Invariants: the head is newer than all others; at most one version is `null`; the head counts the
 * others and knows which of them is `null`.
 */
const headRow = (position: Position): Uint8Array => rowAt('o', position)
const versionRow = (position: Position, stamp: Stamp): Uint8Array =>
  rowUnder('v', position, newestFirst(stamp))
export const inlineRow = (position: Position, stamp: Stamp): Uint8Array =>
  rowUnder('i', position, stampBytes(stamp))

/** How a version is called in answers. */
export const idOf = ({ isNull, stamp }: Pick<Version, 'isNull' | 'stamp'>): string =>
  isNull ? 'null' : versionName(stamp)

export const headOf = (work: Workspace, place: Place): Program<Head | undefined> =>
  work.read(headRow(positionOf(place)), rowOf.head)

/** A version by its name, or the current one, which may be a delete marker; undefined if none. */
export function* findVersion(
  work: Workspace,
  place: Place,
  name: string | undefined,
): Program<Version | undefined> {
  const head = yield* headOf(work, place)
  if (head === undefined || name === undefined) return head?.version
  if (idOf(head.version) === name) return head.version
  const stamp = name === 'null' ? head.olderNull : stampNamed(name)
  if (stamp === undefined || head.older === 0) return undefined
  const version = yield* work.read(versionRow(positionOf(place), stamp), rowOf.version)
  return version !== undefined && idOf(version) === name ? version : undefined
}

/** The version that was written at a moment. */
export function* versionAt(
  work: Workspace,
  place: Place,
  stamp: Stamp,
): Program<Version | undefined> {
  const head = yield* headOf(work, place)
  if (head === undefined || compareStamps(head.version.stamp, stamp) === 0) return head?.version
  return yield* work.read(versionRow(positionOf(place), stamp), rowOf.version)
}

/** The same as `findVersion`, of which there must be one that is no delete marker. */
export function* demandVersion(
  work: Workspace,
  { bucket, key }: Place,
  name: string | undefined,
): Program<Version> {
  const version = yield* findVersion(work, { bucket, key }, name)
  if (version !== undefined && version.body.type !== 'marker') return version
  if (name === undefined) return refuse({ code: 'NO_SUCH_KEY', bucket, key })
  return refuse({ code: 'NO_SUCH_VERSION', bucket, key, version: name })
}

/**
 * Makes a version the current one. Whether the one before stays, or is replaced, is the bucket's
 * versioning. Returns it with its stamp: that of the command, or one above the newest there was.
 */
export function* addVersion(
  work: Workspace,
  place: Place,
  { bucket, version: wanted }: { bucket: Bucket; version: Omit<Version, 'stamp' | 'isNull'> },
): Program<Version> {
  const position = positionOf(place)
  const head = yield* headOf(work, place)
  const version: Version = {
    ...wanted,
    stamp: after(head?.version.stamp, work.stamp),
    isNull: bucket.versioning !== 'enabled',
  }
  let { older = 0, olderNull } = head ?? {}
  if (head !== undefined) {
    if (version.isNull && head.version.isNull) yield* dropVersion(work, place, head.version)
    else {
      work.write(versionRow(position, head.version.stamp), rowOf.version, head.version)
      older++
      if (head.version.isNull) olderNull = head.version.stamp
    }
  }
  if (version.isNull && olderNull !== undefined) {
    yield* dropOlder(work, place, olderNull)
    older--
    olderNull = undefined
  }
  const next = { version, older, olderNull }
  work.write(headRow(position), rowOf.head, next)
  yield* account(work, place, { before: head, next, change: countOf(version, 1) })
  return version
}

/** Removes a version for good. If it was the current one, the newest of the others takes its place. */
export function* removeVersion(work: Workspace, place: Place, version: Version): Program<void> {
  const position = positionOf(place)
  const head = yield* headOf(work, place)
  if (head === undefined) return
  const isHead = compareStamps(head.version.stamp, version.stamp) === 0
  if (isHead) yield* dropVersion(work, place, version)
  else yield* dropOlder(work, place, version.stamp)
  const next = isHead ? yield* nextHead(work, position, head) : without(head, version)
  if (next === undefined) work.remove(headRow(position))
  else work.write(headRow(position), rowOf.head, next)
  yield* account(work, place, { before: head, next, change: {} })
}

/** Changes what is said of a version, not its bytes. */
export function* rewriteVersion(work: Workspace, place: Place, version: Version): Program<void> {
  const position = positionOf(place)
  const head = yield* headOf(work, place)
  if (head !== undefined && compareStamps(head.version.stamp, version.stamp) === 0) {
    work.write(headRow(position), rowOf.head, { ...head, version })
  } else work.write(versionRow(position, version.stamp), rowOf.version, version)
}

/** Makes a version of this place refer to a content. */
export function* refer(
  work: Workspace,
  place: Place,
  { home, content, holder }: { home: Place; content: Uint8Array; holder: Uint8Array },
): Program<void> {
  yield* addReference(work, { ...home, content }, { holder, place })
}

const without = (head: Head, { isNull }: Version): Head => ({
  ...head,
  older: head.older - 1,
  olderNull: isNull ? undefined : head.olderNull,
})

function* nextHead(work: Workspace, position: Position, head: Head): Program<Head | undefined> {
  if (head.older === 0) return undefined
  const [newest] = yield* work.page(rowsBehind(rowUnder('v', position), 1))
  if (newest === undefined) return undefined
  work.remove(newest.key)
  const version = rowOf.version.decode(newest.value)
  return { ...without(head, version), version }
}

function* dropOlder(work: Workspace, place: Place, stamp: Stamp): Program<void> {
  const row = versionRow(positionOf(place), stamp)
  const version = yield* work.read(row, rowOf.version)
  if (version === undefined) return
  work.remove(row)
  yield* dropVersion(work, place, version)
}

/** Gives up what a version holds; its row is the caller's. */
function* dropVersion(work: Workspace, place: Place, version: Version): Program<void> {
  const position = positionOf(place)
  yield* work.account(place.bucket, countOf(version, -1))
  if (version.body.type === 'inline') work.remove(inlineRow(position, version.stamp))
  if (version.body.type === 'content') {
    const { content, home, holder } = version.body
    yield* dropReference(work, { ...(home ?? place), content }, { holder, position })
  }
}

const isLive = (head: Head | undefined): boolean =>
  head !== undefined && head.version.body.type !== 'marker'

function countOf({ body, sizeBytes }: Version, sign: 1 | -1): Partial<Usage> {
  return body.type === 'marker' ? { markers: sign } : { versions: sign, bytes: sign * sizeBytes }
}

function* account(
  work: Workspace,
  { bucket }: Place,
  {
    before,
    next,
    change,
  }: { before: Head | undefined; next: Head | undefined; change: Partial<Usage> },
): Program<void> {
  const objects = Number(isLive(next)) - Number(isLive(before))
  yield* work.account(bucket, { ...change, objects })
}
