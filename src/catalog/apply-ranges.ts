import { compare } from '../base/bytes.ts'
import type { Command } from './commands.ts'
import { bucketPosition, isBucketName, isKey, positionOf } from './position.ts'
import { type Mirror, type RangeState, rowOf } from './records.ts'
import { insist, refuse } from './refusals.ts'
import type { Result } from './results.ts'
import type { Program } from './rows.ts'
import { holds } from './shard-map.ts'
import { groupRow, rowAt } from './tables.ts'
import { addUsage, NO_USAGE, type Workspace } from './workspace.ts'

/**
 * Ranges split and merge without a row of theirs being touched: rows are named after positions, not
 * after groups, so the child of a split finds its state where its parent left it, and all that is
 * written is what each group says its range to be. Usage stays with the parent, for nobody has
 * counted the halves; only sums over all ranges of a bucket are meant.
 *
 * A merge takes two commands in two logs. The right neighbour is frozen, by its own log; then the
 * left one absorbs it. Its host hands over that command only once the frozen range's log was applied
 * here up to the freeze, so that the rows are those of every other replica.
 */
type CommandOf<Type extends Command['type']> = Extract<Command, { readonly type: Type }>

/** What a group of its own keeps; `applied` is the index of its last command. */
export const rangeRow = (group: number): Uint8Array => groupRow(group, 'range')
export const appliedRow = (group: number): Uint8Array => groupRow(group, 'applied')
const mirrorRow = (group: number): Uint8Array => groupRow(group, 'mirror')

export function* splitRange(
  work: Workspace,
  { at, child: group }: CommandOf<'splitRange'>,
): Program<Result> {
  insist(isBucketName(at.bucket) && (at.key === '' || isKey(at.key)), 'place to split at')
  const position = positionOf(at)
  const { lo, hi, epoch } = work.range
  insist(holds(work.range, position) && compare(lo, position) < 0, 'place inside the range')
  insist(group !== work.group && !(yield* work.has(rangeRow(group))), 'new group')
  const range: RangeState = { lo, hi: position, epoch: epoch + 1, isFrozen: false }
  const child: RangeState = { lo: position, hi, epoch: epoch + 1, isFrozen: false }
  if (at.key !== '') {
    const record = yield* bucketHere(work, at.bucket)
    const mirror: Mirror = { bucket: at.bucket, record, usage: NO_USAGE }
    work.write(mirrorRow(group), rowOf.mirror, mirror)
  }
  work.write(rangeRow(work.group), rowOf.range, range)
  work.write(rangeRow(group), rowOf.range, child)
  return { type: 'range', range, child }
}

/** The record of a bucket that lies in this range, at home or in the mirror, if there is one. */
function* bucketHere(work: Workspace, bucket: string): Program<Mirror['record']> {
  const home = bucketPosition(bucket)
  if (holds(work.range, home)) return yield* work.read(rowAt('b', home), rowOf.bucket)
  return (yield* work.mirror(bucket))?.record
}

export function setFrozen(work: Workspace, isFrozen: boolean): Result {
  insist(work.range.isFrozen !== isFrozen, isFrozen ? 'range that is not frozen' : 'frozen range')
  const range = { ...work.range, epoch: work.range.epoch + 1, isFrozen }
  work.write(rangeRow(work.group), rowOf.range, range)
  return { type: 'range', range, child: undefined }
}

export function* absorbRange(
  work: Workspace,
  { group, epoch: expected }: CommandOf<'absorbRange'>,
): Program<Result> {
  insist(group !== work.group, 'other group')
  const other = yield* work.read(rangeRow(group), rowOf.range)
  if (other === undefined) return refuse({ code: 'OUT_OF_RANGE', group, epoch: 0 })
  if (other.epoch !== expected) refuse({ code: 'STALE_EPOCH', group, epoch: other.epoch })
  insist(other.isFrozen, 'frozen range')
  const { lo, hi } = work.range
  insist(hi.length > 0 && compare(other.lo, hi) === 0, 'right neighbour')
  const epoch = Math.max(work.range.epoch, other.epoch) + 1
  const range: RangeState = { lo, hi: other.hi, epoch, isFrozen: false }
  work.write(rangeRow(work.group), rowOf.range, range)
  yield* takeMirror(work, group)
  for (const row of [rangeRow(group), appliedRow(group)]) work.remove(row)
  return { type: 'range', range, child: undefined }
}

/** What the absorbed range counted for the bucket it began inside now counts here. */
function* takeMirror(work: Workspace, group: number): Program<void> {
  const mirror = yield* work.read(mirrorRow(group), rowOf.mirror)
  if (mirror === undefined) return
  work.remove(mirrorRow(group))
  const home = bucketPosition(mirror.bucket)
  if (mirror.record === undefined && isNothing(mirror)) return
  if (!holds(work.range, home)) {
    const own = yield* work.mirror(mirror.bucket)
    const usage = addUsage(own?.usage ?? NO_USAGE, mirror.usage)
    const record = own?.record
    work.write(mirrorRow(work.group), rowOf.mirror, { bucket: mirror.bucket, record, usage })
    return
  }
  yield* work.account(mirror.bucket, mirror.usage)
}

const isNothing = ({ usage }: Mirror): boolean => Object.values(usage).every(value => value === 0)

/** The rows with which a group begins, over nothing. */
export function genesis(
  group: number,
  { lo, hi }: { readonly lo: Uint8Array; readonly hi: Uint8Array },
): { readonly key: Uint8Array; readonly value: Uint8Array }[] {
  const range: RangeState = { lo, hi, epoch: 1, isFrozen: false }
  return [{ key: rangeRow(group), value: rowOf.range.encode(range) }]
}
