import assert from 'node:assert/strict'

import { compare, fromUtf8 } from '../../src/base/bytes.ts'
import { genesis } from '../../src/catalog/apply-ranges.ts'
import { apply } from '../../src/catalog/apply.ts'
import { proposals } from '../../src/catalog/command-codec.ts'
import { type BlobInit, type Command, NO_CONDITIONS } from '../../src/catalog/commands.ts'
import { u16 } from '../../src/catalog/contents.ts'
import type { Place } from '../../src/catalog/position.ts'
import { type Answered, ask, rangeOf } from '../../src/catalog/queries.ts'
import type { Description, RangeState, SegmentInit } from '../../src/catalog/records.ts'
import { type Result, results } from '../../src/catalog/results.ts'
import type { Program, RowRange } from '../../src/catalog/rows.ts'
import { holds } from '../../src/catalog/shard-map.ts'
import { tableRange, tables } from '../../src/catalog/tables.ts'
import type { ApplyContext, Workspace } from '../../src/catalog/workspace.ts'
import { MemoryRows } from './memory-rows.ts'

export const EVERYTHING: { lo: Uint8Array; hi: Uint8Array } = {
  lo: new Uint8Array(0),
  hi: new Uint8Array(0),
}

/** Groups whose ranges lie in one store, as on a peer that is a voter in all of them. */
export class Host {
  readonly store: MemoryRows
  nowMs = 1_000_000
  /** Every entry that was applied, with its context. */
  readonly log: { readonly entry: Uint8Array; readonly context: ApplyContext }[] = []

  constructor(store: MemoryRows = new MemoryRows(), group = 1) {
    this.store = store
    if (this.store.size === 0) this.store.write(genesis(group, EVERYTHING))
  }

  range(group = 1): RangeState | undefined {
    return this.store.run(rangeOf(group))
  }

  /** Applies a command through its bytes, under the epoch of the moment. */
  do(command: Command, options: { group?: number; epoch?: number } = {}): Result {
    const { group = 1 } = options
    const { epoch = this.range(group)?.epoch ?? 0 } = options
    return this.doBytes(proposals.encode({ epoch, command }), group)
  }

  doBytes(entry: Uint8Array, group = 1): Result {
    const context = { group, index: this.log.length + 1, stamp: { ms: this.nowMs, count: 0 } }
    this.log.push({ entry, context })
    const range = this.range(group)
    assert.ok(range !== undefined)
    const { result, changes } = this.store.run(apply(entry, context), read => {
      // A replica of this group may be on a peer that has no other.
      if (read.type === 'get') assert.ok(isOwn(range, read.key), 'reads its own rows')
      else assert.ok(isOwnRange(range, read.range), 'reads its own ranges')
    })
    for (const { key } of changes) assert.ok(isOwn(range, key), 'writes its own rows')
    this.store.write(changes)
    return results.decode(results.encode(result))
  }

  ask<Value>(question: (work: Workspace) => Program<Value>, group = 1): Answered<Value> {
    const epoch = this.range(group)?.epoch ?? 0
    return this.store.run(ask({ group, epoch }, question))
  }

  /** The answer, which must be one. */
  see<Value>(question: (work: Workspace) => Program<Value>, group = 1): Value {
    const answered = this.ask(question, group)
    if (answered.type === 'refused') throw new Error(JSON.stringify(answered.refusal))
    return answered.value
  }

  /** Which of these groups has a position. */
  groupOf(position: Uint8Array, groups: readonly number[]): number {
    for (const group of groups) {
      const range = this.range(group)
      if (range !== undefined && holds(range, position)) return group
    }
    throw new Error('no group has this position')
  }
}

/** Whether a row lies in a range, or is not about places at all. */
function isOwn({ lo, hi }: RangeState, key: Uint8Array): boolean {
  const table = key[0] as number
  if (table < 2) return true
  return holds({ lo, hi }, key.subarray(table === 0x70 ? 5 : 1))
}

/** Whether a run of rows lies in a range, in one of the tables. */
const isOwnRange = ({ lo, hi }: RangeState, { after, before }: RowRange): boolean =>
  (before[0] as number) <= 2 ||
  tables.some(table => {
    const own = tableRange(table, lo, hi)
    return compare(after, own.after) >= 0 && compare(before, own.before) <= 0
  })

export const description = (more: Partial<Description> = {}): Description => ({
  sizeBytes: 0,
  etag: 'e',
  headers: [],
  checksums: [],
  tags: [],
  retention: undefined,
  hasLegalHold: false,
  ...more,
})

/** 16 bytes that differ by number. */
export function contentId(number: number): Uint8Array {
  const id = new Uint8Array(16)
  new DataView(id.buffer).setUint32(12, number)
  return id
}

/** A blob's id: the part it belongs to, and a number. */
export function blobId(part: number, number: number): Uint8Array {
  const id = new Uint8Array(8)
  id.set(u16(part))
  new DataView(id.buffer).setUint32(4, number)
  return id
}

export function fragmentId(number: number): Uint8Array {
  const id = new Uint8Array(36)
  new DataView(id.buffer).setUint32(32, number)
  return id
}

/** A segment of k fragments and those at more seats than that; seat 0 has none. */
export const segment = (k: number, seats: readonly number[], sizeBytes = 1_000): SegmentInit => ({
  sizeBytes,
  k,
  fragments: seats.map((seat, index) => ({ id: fragmentId(index + 1), seat })),
})

export const blob = (
  id: Uint8Array,
  segments: readonly SegmentInit[],
  more: Partial<BlobInit> = {},
): BlobInit => ({
  blob: id,
  firstSegment: 0,
  segments,
  sizeBytes: segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  segmentCount: segments.length,
  envelope: new Uint8Array(0),
  ...more,
})

type Put = Extract<Command, { type: 'putObject' }>
export const putInline = (place: Place, text: string, more: Partial<Put> = {}): Put => ({
  type: 'putObject',
  ...place,
  conditions: NO_CONDITIONS,
  description: description({ sizeBytes: fromUtf8(text).length, etag: `"${text}"` }),
  body: { type: 'inline', bytes: fromUtf8(text) },
  ...more,
})

/** An object of one blob. */
export const putBlob = (
  place: Place,
  {
    content,
    segments,
    untilMs,
  }: { content: Uint8Array; segments: readonly SegmentInit[]; untilMs: number },
  more: Partial<Put> = {},
): Put => {
  const init = blob(blobId(1, 1), segments)
  return {
    type: 'putObject',
    ...place,
    conditions: NO_CONDITIONS,
    description: description({ sizeBytes: init.sizeBytes }),
    body: { type: 'blob', content, untilMs, blob: init },
    ...more,
  }
}

type Create = Extract<Command, { type: 'createBucket' }>
export const createBucket = (bucket: string, more: Partial<Create> = {}): Create => ({
  type: 'createBucket',
  bucket,
  owner: 'me',
  versioning: 'off',
  hasLock: false,
  retention: undefined,
  ...more,
})

type Delete = Extract<Command, { type: 'deleteObject' }>
export const deleteKey = (place: Place, version?: string): Delete => ({
  type: 'deleteObject',
  ...place,
  version,
  conditions: NO_CONDITIONS,
  bypassesGovernance: false,
})

/** The code of a refusal, or the type of whatever else it is. */
export const codeOf = (result: Result | Answered<unknown>): string =>
  result.type === 'refused' ? result.refusal.code : result.type
