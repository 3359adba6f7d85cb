import type { Command, Placement, SegmentName } from './commands.ts'
import { contentState, fence } from './contents.ts'
import { FRAGMENTS_MAX, rowOf, type Segment } from './records.ts'
import { insist, refuse } from './refusals.ts'
import { DONE, type Result } from './results.ts'
import type { Program } from './rows.ts'
import {
  checkSeats,
  checkSegment,
  discard,
  findSegment,
  garbageRow,
  isSameFragment,
  writeSegment,
} from './segments.ts'
import type { Workspace } from './workspace.ts'
import { spell } from './workspace.ts'

/**
 * Placements. They change only by what was proven: a fragment is listed under a peer after that peer
 * answered a challenge over its bytes. Whoever asks for a change says which revision of the segment
 * it was decided on; a change that comes second is refused and decided anew.
 */
type CommandOf<Type extends Command['type']> = Extract<Command, { readonly type: Type }>

const GENERATION_MAX = 255

export function* place(work: Workspace, { placements }: CommandOf<'place'>): Program<Result> {
  const revisions: number[] = []
  for (const placement of placements) revisions.push(yield* placeOne(work, placement))
  return { type: 'placed', revisions }
}

function* placeOne(work: Workspace, placement: Placement): Program<number> {
  const { index, fragment } = placement
  const { row, segment } = yield* segmentAt(work, placement)
  insist(index <= segment.fragments.length && index < FRAGMENTS_MAX, 'next index')
  const current = segment.fragments[index]
  insist(current === undefined || isSameFragment(current, fragment), 'the id of this fragment')
  const fragments = [...segment.fragments]
  fragments[index] = fragment
  checkSeats(fragments)
  const { generation } = segment
  if (fragment.seat !== 0 && current?.seat !== fragment.seat) {
    const order = garbageRow(row, { generation, index, seat: fragment.seat })
    if (yield* work.has(order)) {
      refuse({ code: 'BEING_DROPPED', seat: fragment.seat, segment: nameOf(placement) })
    }
  }
  if (current !== undefined && current.seat !== fragment.seat) {
    discard(work, row, { generation, index, fragment: current })
  }
  const next = { ...segment, fragments, revision: segment.revision + 1 }
  writeSegment(work, row, { before: segment, next })
  return next.revision
}

export function* recut(work: Workspace, command: CommandOf<'recut'>): Program<Result> {
  const { row, segment } = yield* segmentAt(work, command)
  const generation = segment.generation + 1
  insist(generation <= GENERATION_MAX, 'fewer generations')
  const { k, fragments } = command
  const next = { ...segment, k, fragments, generation, revision: segment.revision + 1 }
  checkSegment(next)
  for (const [index, fragment] of segment.fragments.entries()) {
    discard(work, row, { generation: segment.generation, index, fragment })
  }
  writeSegment(work, row, { before: segment, next })
  return { type: 'placed', revisions: [next.revision] }
}

/**
 * The question of a peer that would like to drop a fragment. Where the answer is no, whatever is on
 * its way to list the fragment has been made to fail: a placement by the revision, a content by its
 * fence.
 */
export function* disown(work: Workspace, command: CommandOf<'disown'>): Program<Result> {
  const { row, found } = yield* findSegment(work, command)
  if (found !== undefined) {
    const { generation, fragments, revision } = found
    const isListed =
      generation === command.generation && fragments[command.index]?.seat === command.seat
    if (isListed) return { type: 'content', state: 'kept' }
    work.write(row, rowOf.segment, { ...found, revision: revision + 1 })
    return { type: 'content', state: 'released' }
  }
  const { bucket, key, content } = command
  const state = yield* contentState(work, { bucket, key, content })
  if (state === undefined) fence(work, { bucket, key, content }, undefined)
  return { type: 'content', state: state === 'open' ? 'open' : 'released' }
}

export function* dropGarbage(work: Workspace, { rows }: CommandOf<'dropGarbage'>): Program<Result> {
  for (const row of rows) {
    insist(work.owns('g', row), 'garbage of this range')
    if (yield* work.has(row)) work.remove(row)
  }
  return DONE
}

function* segmentAt(
  work: Workspace,
  name: SegmentName & { readonly ifRevision: number },
): Program<{ row: Uint8Array; segment: Segment }> {
  const { row, found } = yield* findSegment(work, name)
  if (found === undefined) return refuse({ code: 'NO_SUCH_SEGMENT', segment: nameOf(name) })
  const [have, expected] = [found.revision, name.ifRevision]
  if (have !== expected) refuse({ code: 'STALE_REVISION', have, expected })
  return { row, segment: found }
}

const nameOf = ({ content, blob, segment }: SegmentName): string =>
  `${spell(content)}/${spell(blob)}/${segment}`
