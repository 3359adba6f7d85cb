import { release } from './apply-contents.ts'
/**
 * What is over ends. The history of the key must be the one that was judged, and each version as it
 * was then; the log's own time must have come; a lock keeps what it keeps. What does not hold is
 * left alone: somebody will look again.
 */
import { putMarker } from './apply-objects.ts'
import type { Command, Doomed } from './commands.ts'
import { contentRow, watchRow } from './contents.ts'
import { isLocked } from './locks.ts'
import type { Place } from './position.ts'
import { type Pair, rowOf, type Version } from './records.ts'
import type { Result } from './results.ts'
import type { Program } from './rows.ts'
import { compareStamps } from './stamp.ts'
import { headOf, removeVersion, versionAt } from './versions.ts'
import type { Workspace } from './workspace.ts'

type CommandOf<Type extends Command['type']> = Extract<Command, { readonly type: Type }>

export function* expire(
  work: Workspace,
  { bucket, key, ifNewest, ifCount, doomed }: CommandOf<'expire'>,
): Program<Result> {
  const place = { bucket, key }
  work.locate(place)
  yield* work.bucket(bucket)
  const head = yield* headOf(work, place)
  const isSame =
    head !== undefined &&
    compareStamps(head.version.stamp, ifNewest) === 0 &&
    head.older + 1 === ifCount
  if (!isSame) return { type: 'expired', count: 0 }
  let count = 0
  // The current one last, for only then is it known what is behind it.
  const ordered = doomed.toSorted((a, b) => compareStamps(a.stamp, b.stamp))
  for (const each of ordered) if (yield* expireVersion(work, place, each)) count++
  return { type: 'expired', count }
}

function* expireVersion(
  work: Workspace,
  place: Place,
  { stamp, dueMs, ifTags }: Doomed,
): Program<boolean> {
  if (dueMs > work.nowMs) return false
  const version = yield* versionAt(work, place, stamp)
  if (version === undefined || !isSameTags(version, ifTags)) return false
  const head = yield* headOf(work, place)
  const isCurrent = head !== undefined && compareStamps(head.version.stamp, stamp) === 0
  if (isCurrent && version.body.type !== 'marker') return yield* expireCurrent(work, place, version)
  if (isCurrent && head.older > 0) return false
  if (isLocked(version, work.nowMs)) return false
  yield* removeVersion(work, place, version)
  return true
}

/** As a deletion without a name does: where versions are kept, a marker hides it. */
function* expireCurrent(work: Workspace, place: Place, version: Version): Program<boolean> {
  const { versioning } = yield* work.writableBucket(place.bucket)
  const isKept = versioning === 'enabled' || (versioning === 'suspended' && !version.isNull)
  if (!isKept && isLocked(version, work.nowMs)) return false
  if (versioning === 'off') yield* removeVersion(work, place, version)
  else yield* putMarker(work, place)
  return true
}

const isSameTags = ({ tags }: Version, wanted: readonly Pair[] | undefined): boolean =>
  wanted === undefined ||
  (wanted.length === tags.length &&
    wanted.every(({ name, value }, at) => tags[at]?.name === name && tags[at].value === value))

/** An upload that nobody has completed. */
export function* expireUpload(
  work: Workspace,
  { dueMs, ...name }: CommandOf<'expireUpload'>,
): Program<Result> {
  const home = work.locate(name)
  const watch = yield* work.read(watchRow(home, name.content), rowOf.watch)
  const found = yield* work.read(contentRow(home, name.content), rowOf.content)
  if (watch?.kind !== 'upload' || found?.state !== 'open' || dueMs > work.nowMs)
    return { type: 'expired', count: 0 }
  yield* release(work, name, found)
  return { type: 'expired', count: 1 }
}
