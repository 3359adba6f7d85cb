/**
 * A bucket's record stands in the range that holds its empty key; every other range that the bucket
 * lies in keeps a copy. Whoever changes a bucket brings the change to all of them; should that fail
 * half way, the leaders of those ranges come and look every few seconds.
 *
 * A bucket in several ranges is deleted in steps, each of which may be the last: frozen at home, so
 * that nothing comes in any more; frozen in every other range, each of which must be empty; deleted at
 * home; forgotten elsewhere. Where a range is not empty the bucket is thawed again.
 */
import { compare, toUtf8 } from '../../base/bytes.ts'
import { codeOf } from '../../base/errors.ts'
import type { Command } from '../../catalog/commands.ts'
import { bucketPosition, type Position } from '../../catalog/position.ts'
import type { Bucket, RangeState } from '../../catalog/records.ts'
import { following } from '../../catalog/tables.ts'
import type { CatalogClient } from './catalog-client.ts'
import type { Applied, CatalogCall } from './catalog.ts'

export type BucketCommand = Extract<
  Command,
  { readonly type: 'createBucket' | 'changeBucket' | 'deleteBucket' }
>

const HASH_BYTES = 8

/** Whether a bucket has places from `position` on, its own not counted. */
export function isInside(bucket: string, position: Position): boolean {
  const home = bucketPosition(bucket)
  return compare(position, home) > 0 && compare(position, following(home)) < 0
}

/** The bucket that a range begins inside; undefined where it begins with a whole one. */
export function bucketBegunIn({ lo }: Pick<RangeState, 'lo'>): string | undefined {
  const end = lo.indexOf(0, HASH_BYTES)
  if (end < 0 || end === lo.length - 1) return undefined
  return toUtf8(lo.subarray(HASH_BYTES, end))
}

export class BucketMirrors {
  readonly #client: CatalogClient

  constructor(client: CatalogClient) {
    this.#client = client
  }

  async propose(command: BucketCommand, call: CatalogCall = {}): Promise<Applied> {
    const { bucket, type } = command
    if (type === 'deleteBucket') return this.#delete(bucket, call)
    const applied = await this.#atHome(command, call)
    if (applied.type === 'bucket') await this.#spread(bucket, applied.record, call)
    return applied
  }

  /** What the range's copy is to be, where it is not what the home says. */
  async wanted(
    bucket: string,
    copy: Bucket | undefined,
    call: CatalogCall,
  ): Promise<Command | undefined> {
    const record = await this.#recordOf(bucket, call)
    if (record?.revision === copy?.revision) return undefined
    return { type: 'mirrorBucket', bucket, record }
  }

  async #delete(bucket: string, call: CatalogCall): Promise<Applied> {
    const ranges = await this.#others(bucket, call)
    if (ranges.length === 0) return this.#atHome({ type: 'deleteBucket', bucket }, call)
    const record = await this.#freeze(bucket, true, call)
    try {
      for (const at of ranges) await this.#mirror(at, bucket, record, call)
      const applied = await this.#atHome({ type: 'deleteBucket', bucket }, call)
      await this.#spread(bucket, undefined, call)
      return applied
    } catch (error) {
      if (codeOf(error) === 'BUCKET_NOT_EMPTY') {
        await this.#spread(bucket, await this.#freeze(bucket, false, call), call)
      }
      throw error
    }
  }

  async #freeze(bucket: string, isFrozen: boolean, call: CatalogCall): Promise<Bucket | undefined> {
    const { versioning, hasLock, retention } = await this.#client.ask(
      bucketPosition(bucket),
      'bucket',
      { bucket },
      call,
    )
    const same = { versioning, hasLock, retention, ifRevision: undefined }
    const change = { type: 'changeBucket', bucket, ...same, isFrozen } as const
    const applied = await this.#atHome(change, call)
    return applied.type === 'bucket' ? applied.record : undefined
  }

  async #spread(bucket: string, record: Bucket | undefined, call: CatalogCall): Promise<void> {
    for (const at of await this.#others(bucket, call)) {
      await this.#mirror(at, bucket, record, call)
    }
  }

  async #mirror(
    at: Position,
    bucket: string,
    record: Bucket | undefined,
    call: CatalogCall,
  ): Promise<void> {
    try {
      await this.#client.proposeAt(at, { type: 'mirrorBucket', bucket, record }, call)
    } catch (error) {
      // Somebody has brought a later one.
      if (codeOf(error) !== 'STALE_REVISION') throw error
    }
  }

  /** Where the other ranges of the bucket begin. */
  async #others(bucket: string, call: CatalogCall): Promise<Position[]> {
    const begins: Position[] = []
    for (let at = bucketPosition(bucket); ;) {
      const { hi } = await this.#client.shardOf(at, call)
      if (!isInside(bucket, hi)) return begins
      begins.push(hi)
      at = hi
    }
  }

  async #recordOf(bucket: string, call: CatalogCall): Promise<Bucket | undefined> {
    try {
      return await this.#client.ask(bucketPosition(bucket), 'bucket', { bucket }, call)
    } catch (error) {
      if (codeOf(error) === 'NO_SUCH_BUCKET') return undefined
      throw error
    }
  }

  #atHome(command: BucketCommand, call: CatalogCall): Promise<Applied> {
    return this.#client.proposeAt(bucketPosition(command.bucket), command, call)
  }
}
