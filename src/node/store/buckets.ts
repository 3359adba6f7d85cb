/** Buckets, their documents, and what is in them, as the users of the store see it. */
import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { codeOf } from '../../base/errors.ts'
import type { Bucket } from '../../catalog/records.ts'
import { idOf } from '../../catalog/versions.ts'
import type { Applied, Catalog } from '../catalog/catalog.ts'
import { placeOf } from '../catalog/places.ts'
import { listedOf } from './descriptions.ts'
import type {
  BucketChange,
  BucketInfo,
  BucketOptions,
  BucketUsage,
  CallOptions,
  ListEntry,
  ListOptions,
  ListPage,
  ReadOptions,
  VersionPage,
} from './store.ts'

const PAGE_MAX = 1_000
/** How often a change is tried anew because somebody else came first. */
const CHANGES_MAX = 5
/** Stands in a text for the byte 0xff, behind which nothing of a common prefix comes. */
const BEHIND = '\u{10FFFF}'

export class Buckets {
  readonly #catalog: Catalog

  constructor(catalog: Catalog) {
    this.#catalog = catalog
  }

  async create(
    bucket: string,
    { owner = '', versioning = 'off', hasLock = false, signal }: BucketOptions,
  ): Promise<BucketInfo> {
    const kept = hasLock ? 'enabled' : versioning
    const settings = { owner, versioning: kept, hasLock, retention: undefined } as const
    const command = { type: 'createBucket', bucket, ...settings } as const
    return infoOf(bucket, recordOf(await this.#catalog.propose(command, { signal })))
  }

  async find(bucket: string, options: ReadOptions): Promise<BucketInfo> {
    return infoOf(bucket, await this.#catalog.ask('bucket', { bucket }, options))
  }

  /** Reads and writes back, anew where somebody else came first. */
  async change(
    bucket: string,
    { versioning, hasLock, retention }: BucketChange,
    { signal }: CallOptions,
  ): Promise<BucketInfo> {
    for (let round = 1; ; round++) {
      const now = await this.#catalog.ask('bucket', { bucket }, { signal })
      const command = {
        type: 'changeBucket',
        bucket,
        ifRevision: now.revision,
        versioning: versioning ?? now.versioning,
        hasLock: hasLock ?? now.hasLock,
        retention: retention === 'none' ? undefined : (retention ?? now.retention),
        isFrozen: now.isFrozen,
      } as const
      try {
        return infoOf(bucket, recordOf(await this.#catalog.propose(command, { signal })))
      } catch (error) {
        if (codeOf(error) !== 'STALE_REVISION' || round === CHANGES_MAX) throw error
      }
    }
  }

  async delete(bucket: string, { signal }: CallOptions): Promise<void> {
    await this.#catalog.propose({ type: 'deleteBucket', bucket }, { signal })
  }

  async *all(options: ReadOptions): AsyncGenerator<BucketInfo> {
    for (let after: string | undefined; ;) {
      const page = await this.#catalog.listBuckets({ after, limit: PAGE_MAX }, options)
      for (const { name, record } of page) yield infoOf(name, record)
      after = page.at(-1)?.name
      if (page.length < PAGE_MAX) return
    }
  }

  usage(bucket: string, options: ReadOptions): Promise<BucketUsage> {
    return this.#catalog.usage(bucket, options)
  }

  document(bucket: string, name: string, options: ReadOptions): Promise<Uint8Array | undefined> {
    return this.#catalog.ask('document', { bucket, name }, options)
  }

  async setDocument(
    bucket: string,
    name: string,
    document: Uint8Array | undefined,
    { signal }: CallOptions,
  ): Promise<void> {
    await this.#catalog.propose({ type: 'setDocument', bucket, name, document }, { signal })
  }

  async *list(bucket: string, options: ListOptions): AsyncGenerator<ListEntry> {
    let { after } = options
    do {
      const page = await this.page(bucket, { ...options, after })
      yield* inOrder(page)
      after = page.next
    } while (after !== undefined)
  }

  async page(bucket: string, options: ListOptions): Promise<ListPage> {
    placeOf({ bucket })
    const page = await this.#catalog.listObjects(listingOf(bucket, options), options)
    return {
      objects: page.objects.map(({ key, version }) => listedOf(key, idOf(version), version)),
      prefixes: page.prefixes,
      next: page.next && cursorText(page.next),
    }
  }

  async versions(
    bucket: string,
    { afterVersion, ...options }: ListOptions & { readonly afterVersion?: string | undefined },
  ): Promise<VersionPage> {
    placeOf({ bucket })
    const asked = { ...listingOf(bucket, options), afterVersion }
    const page = await this.#catalog.listVersions(asked, options)
    return {
      versions: page.versions.map(({ key, id, version, isLatest }) => ({
        ...listedOf(key, id, version),
        isLatest,
        isMarker: version.body.type === 'marker',
      })),
      prefixes: page.prefixes,
      next: page.next && { after: cursorText(page.next.after), version: page.next.version },
    }
  }
}

function listingOf(
  bucket: string,
  { prefix = '', delimiter = '', after = '', limit = PAGE_MAX }: ListOptions,
): Parameters<Catalog['listObjects']>[0] {
  if (!(Number.isInteger(limit) && limit >= 0 && limit <= PAGE_MAX)) {
    throw new RangeError(`A page has up to ${PAGE_MAX} entries, not ${limit}`)
  }
  return { bucket, prefix, delimiter, after: cursorBytes(after), limit }
}

/** Objects and prefixes as one list, by their names. */
function* inOrder({ objects, prefixes }: ListPage): Generator<ListEntry> {
  let at = 0
  for (const object of objects) {
    for (let prefix = prefixes[at]; prefix !== undefined && prefix < object.key;) {
      yield { type: 'prefix', prefix }
      prefix = prefixes[++at]
    }
    yield { type: 'object', ...object }
  }
  for (const prefix of prefixes.slice(at)) yield { type: 'prefix', prefix }
}

function cursorText(bytes: Uint8Array): string {
  return bytes.at(-1) === 0xff ? toUtf8(bytes.subarray(0, -1)) + BEHIND : toUtf8(bytes)
}

function cursorBytes(text: string): Uint8Array {
  if (!text.endsWith(BEHIND)) return fromUtf8(text)
  return Uint8Array.of(...fromUtf8(text.slice(0, -BEHIND.length)), 0xff)
}

const infoOf = (name: string, record: Bucket): BucketInfo => ({
  name,
  created: new Date(record.createdMs),
  owner: record.owner,
  versioning: record.versioning,
  hasLock: record.hasLock,
  retention: record.retention,
})

function recordOf(applied: Applied): Bucket {
  if (applied.type === 'bucket') return applied.record
  throw new TypeError(`a bucket, not ${applied.type}`)
}
