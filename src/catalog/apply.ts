import { assert } from '../base/assert.ts'
import { HoldfastError } from '../base/errors.ts'
import {
  changeBucket,
  createBucket,
  deleteBucket,
  mirrorBucket,
  setDocument,
} from './apply-buckets.ts'
import {
  addToContent,
  completeUpload,
  copyPart,
  giveUpReference,
  openContent,
  putPart,
  releaseContent,
  renewContent,
  retainContent,
  settleReferences,
  sweepContents,
} from './apply-contents.ts'
import { expire, expireUpload } from './apply-lifecycle.ts'
import { copyObject, deleteObject, putObject, setLock, setTags } from './apply-objects.ts'
import { absorbRange, appliedRow, rangeRow, setFrozen, splitRange } from './apply-ranges.ts'
import { disown, dropGarbage, place, recut } from './apply-segments.ts'
import { setRegister, updateShards } from './apply-system.ts'
import { natural, type Versioned, versioned } from './codec.ts'
import { collect } from './collect.ts'
import { proposals } from './command-codec.ts'
import { type Command, type Proposal } from './commands.ts'
import { rowOf } from './records.ts'
import { Refused } from './refusals.ts'
import type { Result } from './results.ts'
import { Draft, type Program, type RowChange } from './rows.ts'
import { type ApplyContext, Workspace } from './workspace.ts'

/**
 * The catalog as a state machine: a log of commands over ordered rows.
 *
 *     apply(entry, { group, index, stamp }) → { result, changes }
 *
 * Deterministic: the result and the changes follow from the rows, the entry and its context alone.
 * Total: any bytes are a command or are refused, and a refused command changes nothing but the index
 * that was applied. What it cannot survive is a row that no version of it has written: that is a
 * broken disk, and the replica stops.
 *
 * The changes are one atomic batch, the applied index with them. An entry must not be applied before
 * the changes of the one before it can be read.
 *
 * Invariants, over the rows of a range:
 * - every reference that a content counts is a row, and every row a version or part that has it;
 * - the reverse index and the debts say what the segments say;
 * - a fragment that was listed is listed, or garbage, or its peer was told;
 * - the usage of a bucket, summed over its ranges, is what its versions add up to.
 */
export interface Applied {
  readonly result: Result
  readonly changes: readonly RowChange[]
}

/** How the index of the last entry is kept. */
const appliedIndex: Versioned<number> = versioned(1, 16, natural())

/** The index of the last entry that was applied; 0 before the first. */
export function* appliedOf(group: number): Program<number> {
  const row = yield* new Draft().get(appliedRow(group))
  return row === undefined ? 0 : appliedIndex.decode(row)
}

/** Applies the entry of a log. */
export function* apply(entry: Uint8Array, context: ApplyContext): Program<Applied> {
  const proposal = decoded(entry)
  if (proposal === undefined) {
    return refusedEntry(context, { code: 'INVALID_COMMAND', what: 'encoding' })
  }
  const draft = new Draft()
  try {
    const work = yield* openWorkspace(draft, context)
    const result = yield* run(work, proposal)
    draft.put(appliedRow(context.group), appliedIndex.encode(context.index))
    return { result, changes: draft.changes }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return refusedEntry(context, error.refusal)
  }
}

const refusedEntry = ({ group, index }: ApplyContext, refusal: Refused['refusal']): Applied => ({
  result: { type: 'refused', refusal },
  changes: [{ key: appliedRow(group), value: appliedIndex.encode(index) }],
})

function decoded(entry: Uint8Array): Proposal | undefined {
  try {
    return proposals.decode(entry)
  } catch (error) {
    if (error instanceof HoldfastError) return undefined
    throw error
  }
}

function* openWorkspace(draft: Draft, { group, index, stamp }: ApplyContext): Program<Workspace> {
  const range = yield* draft.get(rangeRow(group))
  assert(range !== undefined, `group ${group} has a range`)
  const last = yield* appliedOf(group)
  assert(index > last, `entry ${index} of group ${group} comes after ${last}`)
  return new Workspace(draft, group, { range: rowOf.range.decode(range), stamp })
}

function* run(work: Workspace, { epoch, command }: Proposal): Program<Result> {
  const { group, range } = work
  if (epoch !== range.epoch) throw new Refused({ code: 'STALE_EPOCH', group, epoch: range.epoch })
  if (range.isFrozen && command.type !== 'thawRange') {
    throw new Refused({ code: 'RANGE_FROZEN', group, epoch: range.epoch })
  }
  return yield* perform(work, command)
}

/** Nothing but the list of commands. */
// oxlint-disable-next-line max-lines-per-function -- one line per command, and nothing else
function* perform(work: Workspace, command: Command): Program<Result> {
  switch (command.type) {
    case 'createBucket':
      return yield* createBucket(work, command)
    case 'changeBucket':
      return yield* changeBucket(work, command)
    case 'setDocument':
      return yield* setDocument(work, command)
    case 'deleteBucket':
      return yield* deleteBucket(work, command)
    case 'mirrorBucket':
      return yield* mirrorBucket(work, command)
    case 'putObject':
      return yield* putObject(work, command)
    case 'deleteObject':
      return yield* deleteObject(work, command)
    case 'copyObject':
      return yield* copyObject(work, command)
    case 'expire':
      return yield* expire(work, command)
    case 'expireUpload':
      return yield* expireUpload(work, command)
    case 'setTags':
      return yield* setTags(work, command)
    case 'setLock':
      return yield* setLock(work, command)
    case 'openContent':
      return yield* openContent(work, command)
    case 'renewContent':
      return yield* renewContent(work, command)
    case 'addSegments':
      return yield* addToContent(work, command)
    case 'putPart':
      return yield* putPart(work, command)
    case 'copyPart':
      return yield* copyPart(work, command)
    case 'completeUpload':
      return yield* completeUpload(work, command)
    case 'releaseContent':
      return yield* releaseContent(work, command)
    case 'sweepContents':
      return yield* sweepContents(work, command)
    case 'collect':
      return yield* collect(work, command)
    case 'dropGarbage':
      return yield* dropGarbage(work, command)
    case 'retainContent':
      return yield* retainContent(work, command)
    case 'dropReference':
      return yield* giveUpReference(work, command)
    case 'settleReferences':
      return yield* settleReferences(work, command)
    case 'place':
      return yield* place(work, command)
    case 'recut':
      return yield* recut(work, command)
    case 'disown':
      return yield* disown(work, command)
    case 'splitRange':
      return yield* splitRange(work, command)
    case 'freezeRange':
      return setFrozen(work, true)
    case 'thawRange':
      return setFrozen(work, false)
    case 'absorbRange':
      return yield* absorbRange(work, command)
    case 'updateShards':
      return yield* updateShards(work, command)
    case 'setRegister':
      return yield* setRegister(work, command)
  }
}
