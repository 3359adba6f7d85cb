import { concat, toHex } from '../base/bytes.ts'
import type { Versioned } from './codec.ts'
import {
  bucketPosition,
  isBucketName,
  isKey,
  type Place,
  type Position,
  positionOf,
} from './position.ts'
import { type Bucket, type Mirror, type RangeState, rowOf, type Usage } from './records.ts'
import { insist, refuse } from './refusals.ts'
import type { Draft, Program, RowRange, Rows } from './rows.ts'
import { holds } from './shard-map.ts'
import type { Stamp } from './stamp.ts'
import { groupRow, rowAt, type TableName, tableRange } from './tables.ts'

/** Where and when a command takes effect: the same on every replica. */
export interface ApplyContext {
  readonly group: number
  /** In the group's log. */
  readonly index: number
  /** Of the log entry. */
  readonly stamp: Stamp
}

/**
 * What one command, or one question, works on: the rows with its own changes on top, the range it
 * belongs to, and the moment it takes effect.
 */
export class Workspace {
  readonly group: number
  readonly range: RangeState
  readonly stamp: Stamp
  readonly #rows: Draft

  constructor(rows: Draft, group: number, { range, stamp }: { range: RangeState; stamp: Stamp }) {
    this.#rows = rows
    this.group = group
    this.range = range
    this.stamp = stamp
  }

  get nowMs(): number {
    return this.stamp.ms
  }

  get rows(): Rows {
    return this.#rows
  }

  *read<Value>(key: Uint8Array, as: Versioned<Value>): Program<Value | undefined> {
    const value = yield* this.#rows.get(key)
    return value && as.decode(value)
  }

  *has(key: Uint8Array): Program<boolean> {
    return (yield* this.#rows.get(key)) !== undefined
  }

  write<Value>(key: Uint8Array, as: Versioned<Value>, value: Value): void {
    this.#rows.put(key, as.encode(value))
  }

  writeBytes(key: Uint8Array, value: Uint8Array): void {
    this.#rows.put(key, value)
  }

  remove(key: Uint8Array): void {
    this.#rows.remove(key)
  }

  *page(range: RowRange): Program<readonly { key: Uint8Array; value: Uint8Array }[]> {
    return yield* this.#rows.page(range)
  }

  /** The position of an object's place, which must be a good one and in this range. */
  locate(place: Place): Position {
    insist(isBucketName(place.bucket), 'bucket name')
    insist(isKey(place.key), 'key')
    const position = positionOf(place)
    if (!holds(this.range, position)) {
      refuse({ code: 'OUT_OF_RANGE', group: this.group, epoch: this.range.epoch })
    }
    return position
  }

  /** The position of a bucket whose record is in this range. */
  locateHome(bucket: string): Position {
    insist(isBucketName(bucket), 'bucket name')
    const position = bucketPosition(bucket)
    if (!holds(this.range, position)) {
      refuse({ code: 'OUT_OF_RANGE', group: this.group, epoch: this.range.epoch })
    }
    return position
  }

  contains(place: Place): boolean {
    return holds(this.range, positionOf(place))
  }

  /** What this range believes of a bucket that lies in it, at least in part. */
  *bucket(bucket: string): Program<Bucket> {
    const position = bucketPosition(bucket)
    const record = holds(this.range, position)
      ? yield* this.read(rowAt('b', position), rowOf.bucket)
      : (yield* this.mirror(bucket))?.record
    return record ?? refuse({ code: 'NO_SUCH_BUCKET', bucket })
  }

  /** Of the bucket that this range begins inside. */
  *mirror(bucket: string): Program<Mirror | undefined> {
    const mirror = yield* this.read(groupRow(this.group, 'mirror'), rowOf.mirror)
    return mirror?.bucket === bucket ? mirror : undefined
  }

  /** A bucket that takes new objects. */
  *writableBucket(bucket: string): Program<Bucket> {
    const record = yield* this.bucket(bucket)
    if (record.isFrozen) refuse({ code: 'BUCKET_FROZEN', bucket })
    return record
  }

  /** Counts what changed. */
  *account(bucket: string, change: Partial<Usage>): Program<void> {
    const position = bucketPosition(bucket)
    if (holds(this.range, position)) {
      const row = rowAt('n', position)
      const usage = (yield* this.read(row, rowOf.usage)) ?? NO_USAGE
      this.write(row, rowOf.usage, addUsage(usage, change))
      return
    }
    const mirror = (yield* this.mirror(bucket)) ?? { bucket, record: undefined, usage: NO_USAGE }
    const usage = addUsage(mirror.usage, change)
    this.write(groupRow(this.group, 'mirror'), rowOf.mirror, { ...mirror, usage })
  }

  /** Whether a row of a table lies in this range. */
  owns(table: TableName, row: Uint8Array): boolean {
    const { after, before } = tableRange(table, this.range.lo, this.range.hi)
    return holds({ lo: after, hi: before }, row)
  }
}

export const NO_USAGE: Usage = { objects: 0, versions: 0, markers: 0, bytes: 0, uploads: 0 }

export function addUsage(usage: Usage, change: Partial<Usage>): Usage {
  const bytes = usage.bytes + (change.bytes ?? 0)
  // Copies by reference can add up to more than anybody stores, and than a number holds exactly.
  insist(Number.isSafeInteger(bytes), 'bucket of at most 8 PiB')
  return {
    objects: usage.objects + (change.objects ?? 0),
    versions: usage.versions + (change.versions ?? 0),
    markers: usage.markers + (change.markers ?? 0),
    bytes,
    uploads: usage.uploads + (change.uploads ?? 0),
  }
}

/** How ids are shown. */
export const spell = (...ids: readonly Uint8Array[]): string => toHex(concat([...ids]))
