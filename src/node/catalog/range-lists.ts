/**
 * Lists over all ranges that a bucket lies in, or that all buckets do: range by range in the order of
 * places, each under the epoch it is in when it is asked.
 */
import { compare, concat, fromUtf8 } from '../../base/bytes.ts'
import { bucketPosition, type Position } from '../../catalog/position.ts'
import type {
  ListOptions,
  ObjectList,
  VersionList,
  VersionListOptions,
} from '../../catalog/query-objects.ts'
import type { Page, PageOptions, WatchedContent } from '../../catalog/query-upkeep.ts'
import type { Usage } from '../../catalog/records.ts'
import { addUsage, NO_USAGE } from '../../catalog/workspace.ts'
import { isInside } from './bucket-mirrors.ts'
import type { CatalogClient } from './catalog-client.ts'
import type { BucketEntry, CatalogAsk } from './catalog.ts'

const TOP = Uint8Array.of(0xff)
const FIRST: Position = new Uint8Array(0)

export class RangeLists {
  readonly #client: CatalogClient

  constructor(client: CatalogClient) {
    this.#client = client
  }

  async objects(
    options: ListOptions,
    ask: CatalogAsk,
  ): Promise<Pick<ObjectList, 'objects' | 'prefixes' | 'next'>> {
    const objects: ObjectList['objects'][number][] = []
    const prefixes: string[] = []
    let { after } = options
    for (let at = startOf(options); ;) {
      const room = options.limit - objects.length - prefixes.length
      // Where nothing more is wanted, it is only asked whether there is more.
      const asked = { ...options, after, limit: Math.max(1, room) }
      const { value, shard } = await this.#client.askRange(at, 'listObjects', asked, ask)
      const count = value.objects.length + value.prefixes.length
      if (room <= 0 && count > 0) return { objects, prefixes, next: after }
      objects.push(...value.objects)
      prefixes.push(...value.prefixes)
      if (value.next !== undefined) return { objects, prefixes, next: value.next }
      if (!value.goesOn) return { objects, prefixes, next: undefined }
      after = behind(after, value.objects.at(-1)?.key, value.prefixes.at(-1))
      at = shard.hi
    }
  }

  async versions(
    options: VersionListOptions,
    ask: CatalogAsk,
  ): Promise<Pick<VersionList, 'versions' | 'prefixes' | 'next'>> {
    const versions: VersionList['versions'][number][] = []
    const prefixes: string[] = []
    let { after, afterVersion } = options
    for (let at = startOf(options); ;) {
      const room = options.limit - versions.length - prefixes.length
      const asked = { ...options, after, afterVersion, limit: Math.max(1, room) }
      const { value, shard } = await this.#client.askRange(at, 'listVersions', asked, ask)
      const count = value.versions.length + value.prefixes.length
      if (room <= 0 && count > 0) {
        return { versions, prefixes, next: { after, version: afterVersion } }
      }
      versions.push(...value.versions)
      prefixes.push(...value.prefixes)
      if (value.next !== undefined) return { versions, prefixes, next: value.next }
      if (!value.goesOn) return { versions, prefixes, next: undefined }
      after = behind(after, value.versions.at(-1)?.key, value.prefixes.at(-1))
      afterVersion = undefined
      at = shard.hi
    }
  }

  async uploads(
    bucket: string,
    options: PageOptions,
    ask: CatalogAsk,
  ): Promise<Page<WatchedContent>> {
    const items: WatchedContent[] = []
    let { after } = options
    for (let at = after === undefined ? bucketPosition(bucket) : positionIn(after); ;) {
      const asked = { bucket, after, limit: options.limit - items.length }
      const { value, shard } = await this.#client.askRange(at, 'listUploads', asked, ask)
      items.push(...value.items)
      if (value.next !== undefined) return { items, next: value.next }
      if (!isInside(bucket, shard.hi)) return { items, next: undefined }
      after = undefined
      at = shard.hi
    }
  }

  async buckets(
    { after, limit }: { readonly after: string | undefined; readonly limit: number },
    ask: CatalogAsk,
  ): Promise<readonly BucketEntry[]> {
    const entries: BucketEntry[] = []
    let last = after
    for (let at = after === undefined ? FIRST : bucketPosition(after); entries.length < limit;) {
      const asked = { after: last, limit: limit - entries.length }
      const { value, shard } = await this.#client.askRange(at, 'listBuckets', asked, ask)
      entries.push(...value)
      // A page may be short although there is more; only an empty one ends a range.
      if (value.length > 0) last = value.at(-1)?.name
      else if (shard.hi.length === 0) break
      else {
        at = shard.hi
        last = undefined
      }
    }
    return entries
  }

  /** What single ranges count may be less than nothing; only their sum says something. */
  async usage(bucket: string, ask: CatalogAsk): Promise<Usage> {
    let sum = NO_USAGE
    for (let at = bucketPosition(bucket); ;) {
      const { value, shard } = await this.#client.askRange(at, 'usage', { bucket }, ask)
      sum = addUsage(sum, value)
      if (!isInside(bucket, shard.hi)) return sum
      at = shard.hi
    }
  }
}

/** The place from which a list can have anything. */
function startOf({ bucket, prefix, after }: ListOptions): Position {
  const home = bucketPosition(bucket)
  const first = fromUtf8(prefix)
  return concat([home, compare(after, first) > 0 ? after : first])
}

/** Behind everything that was listed so far, the common prefixes with all that is in them. */
function behind(
  after: Uint8Array,
  key: string | undefined,
  prefix: string | undefined,
): Uint8Array {
  const ends = [
    after,
    ...(key === undefined ? [] : [fromUtf8(key)]),
    ...(prefix === undefined ? [] : [concat([fromUtf8(prefix), TOP])]),
  ]
  return ends.reduce((a, b) => (compare(a, b) > 0 ? a : b))
}

/** The place of a row: what stands between its table and its second NUL. */
function positionIn(row: Uint8Array): Position {
  const first = row.indexOf(0, 9)
  const end = row.indexOf(0, first + 1)
  return row.slice(1, end < 0 ? row.length : end)
}
