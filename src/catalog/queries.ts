import { assert } from '../base/assert.ts'
import { fromUtf8, toUtf8 } from '../base/bytes.ts'
import { rangeRow } from './apply-ranges.ts'
import { type Register, registerKey, registerRow, shardsIn } from './apply-system.ts'
import { bucketPosition } from './position.ts'
import { type Bucket, type RangeState, rowOf, type Usage } from './records.ts'
import { Refused, type Refusal, refuse } from './refusals.ts'
import { Draft, type Program } from './rows.ts'
import { holds, type Shard } from './shard-map.ts'
import { justBefore, rowAt, rowsBehind, rowUnder, systemRow, tableRange } from './tables.ts'
import { NO_USAGE, Workspace } from './workspace.ts'

/**
 * Questions to a group: they read and change nothing. A question about a place is asked under the
 * epoch its asker knows, like a command; which state it sees, the newest or a bounded-stale one, is
 * the host's affair.
 */
export interface Asked {
  readonly group: number
  readonly epoch: number
}

export type Answered<Value> =
  | { readonly type: 'answer'; readonly value: Value }
  | { readonly type: 'refused'; readonly refusal: Refusal }

/** Runs a question over a group's rows. */
export function* ask<Value>(
  { group, epoch }: Asked,
  question: (work: Workspace) => Program<Value>,
): Program<Answered<Value>> {
  const draft = new Draft()
  const row = yield* draft.get(rangeRow(group))
  assert(row !== undefined, `group ${group} has a range`)
  const range = rowOf.range.decode(row)
  const work = new Workspace(draft, group, { range, stamp: { ms: 0, count: 0 } })
  try {
    if (epoch !== range.epoch) refuse({ code: 'STALE_EPOCH', group, epoch: range.epoch })
    return { type: 'answer', value: yield* question(work) }
  } catch (error) {
    if (!(error instanceof Refused)) throw error
    return { type: 'refused', refusal: error.refusal }
  }
}

/** A group's range, under any epoch; undefined if it has none here. */
export function* rangeOf(group: number): Program<RangeState | undefined> {
  const row = yield* new Draft().get(rangeRow(group))
  return row && rowOf.range.decode(row)
}

export const getBucket =
  (bucket: string) =>
  (work: Workspace): Program<Bucket> =>
    work.bucket(bucket)

/** Buckets whose home is this range, by position; `after` is the last one of the page before. */
export const listBuckets = ({ after, limit }: { after: string | undefined; limit: number }) =>
  function* (work: Workspace): Program<readonly { name: string; record: Bucket }[]> {
    const range = tableRange('b', work.range.lo, work.range.hi)
    const from = after === undefined ? range.after : rowAt('b', bucketPosition(after))
    const rows = yield* work.page({ after: from, before: range.before, limit })
    // Behind the table, the hash; before the empty key, its NUL.
    return rows.map(({ key, value }) => ({
      name: toUtf8(key.subarray(9, -1)),
      record: rowOf.bucket.decode(value),
    }))
  }

export const getDocument = (bucket: string, name: string) =>
  function* (work: Workspace): Program<Uint8Array | undefined> {
    yield* work.bucket(bucket)
    return yield* work.rows.get(rowUnder('e', work.locateHome(bucket), fromUtf8(name)))
  }

/** This range's part of a bucket's usage; only the sum over its ranges means something. */
export const getUsage = (bucket: string) =>
  function* (work: Workspace): Program<Usage> {
    const home = bucketPosition(bucket)
    if (!holds(work.range, home)) return (yield* work.mirror(bucket))?.usage ?? NO_USAGE
    return (yield* work.read(rowAt('n', home), rowOf.usage)) ?? NO_USAGE
  }

export const getShards: (work: Workspace) => Program<readonly Shard[]> = shardsIn

export const getRegister =
  (name: string) =>
  (work: Workspace): Program<Register | undefined> =>
    work.read(registerKey(name), registerRow)

/** Registers whose names begin with `prefix`, above `after`. */
export const listRegisters = (options: { prefix: string; after: string; limit: number }) =>
  function* (work: Workspace): Program<readonly (Register & { readonly name: string })[]> {
    const { prefix, after, limit } = options
    const all = rowsBehind(registerKey(prefix), limit)
    const isWithin = after !== '' && after.startsWith(prefix)
    const from = isWithin ? registerKey(after) : justBefore(all.after)
    const skipped = systemRow('register', new Uint8Array(0)).length
    const rows = yield* work.page({ ...all, after: from })
    return rows.map(({ key, value }) => ({
      name: toUtf8(key.subarray(skipped)),
      ...registerRow.decode(value),
    }))
  }
