import { placeOf } from '../catalog/places.ts'
import { Buckets } from './buckets.ts'
import { Copies } from './copies.ts'
import { conditionsOf, pairsOf, storedRetention } from './descriptions.ts'
import { placementOf } from './object-placements.ts'
import { ObjectReads, type ObjectReadsDrivers } from './object-reads.ts'
import { ObjectWrites, type ObjectWritesDrivers } from './object-writes.ts'
import type { StandingOf } from './segment-standing.ts'
import type {
  Deleted,
  DeleteOptions,
  LockChange,
  ObjectPlace,
  Store,
  VersionOptions,
} from './store.ts'
import { Uploads } from './uploads.ts'

export type NetworkStoreDrivers = ObjectReadsDrivers &
  Omit<ObjectWritesDrivers, 'ownSeat'> & {
    /** What is known of fragments beyond where they are. @default nothing */
    readonly standing?: StandingOf | undefined
  }

/** `Store` over the catalog and the fragments of all peers: each call is the affair of one part. */
export class NetworkStore implements Store {
  readonly #drivers: NetworkStoreDrivers
  readonly #reads: ObjectReads
  readonly #writes: ObjectWrites
  readonly #buckets: Buckets
  readonly #uploads: Uploads
  readonly #copies: Copies

  constructor(drivers: NetworkStoreDrivers) {
    this.#drivers = drivers
    const { self, seats } = drivers
    const reads = new ObjectReads(drivers)
    const writes = new ObjectWrites({
      ...drivers,
      // None until the own peer has one: then nothing is kept here.
      get ownSeat() {
        return seats.seatOf(self) ?? 0
      },
    })
    this.#reads = reads
    this.#writes = writes
    this.#buckets = new Buckets(drivers.catalog)
    this.#uploads = new Uploads({ ...drivers, reads, writes })
    this.#copies = new Copies({ ...drivers, reads })
  }

  put: Store['put'] = (place, source, options = {}) => this.#writes.put(place, source, options)
  get: Store['get'] = (place, options = {}) => this.#reads.get(place, options)
  head: Store['head'] = (place, options = {}) => this.#reads.head(place, options)
  copy: Store['copy'] = (from, to, options = {}) => this.#copies.copy(from, to, options)
  partsOf: Store['partsOf'] = (place, options = {}) => this.#uploads.partsOf(place, options)
  placement: Store['placement'] = (place, options = {}) =>
    placementOf(
      { reads: this.#reads, seats: this.#drivers.seats, standing: this.#drivers.standing },
      place,
      options,
    )

  list: Store['list'] = (bucket, options = {}) => this.#buckets.list(bucket, options)
  listPage: Store['listPage'] = (bucket, options = {}) => this.#buckets.page(bucket, options)
  listVersions: Store['listVersions'] = (bucket, options = {}) =>
    this.#buckets.versions(bucket, options)
  createBucket: Store['createBucket'] = (name, options = {}) => this.#buckets.create(name, options)
  bucket: Store['bucket'] = (name, options = {}) => this.#buckets.find(name, options)
  changeBucket: Store['changeBucket'] = (name, change, options = {}) =>
    this.#buckets.change(name, change, options)
  deleteBucket: Store['deleteBucket'] = (name, options = {}) => this.#buckets.delete(name, options)
  buckets: Store['buckets'] = (options = {}) => this.#buckets.all(options)
  usage: Store['usage'] = (bucket, options = {}) => this.#buckets.usage(bucket, options)
  document: Store['document'] = (bucket, name, options = {}) =>
    this.#buckets.document(bucket, name, options)
  setDocument: Store['setDocument'] = (bucket, name, document, options = {}) =>
    this.#buckets.setDocument(bucket, name, document, options)

  createUpload: Store['createUpload'] = (place, options = {}) =>
    this.#uploads.create(place, options)
  putPart: Store['putPart'] = (upload, part, source, options = {}) =>
    this.#uploads.putPart(upload, part, source, options)
  copyPart: Store['copyPart'] = (upload, part, from, options = {}) =>
    this.#uploads.copyPart(upload, part, from, options)
  parts: Store['parts'] = (upload, options = {}) => this.#uploads.parts(upload, options)
  completeUpload: Store['completeUpload'] = (upload, parts, options = {}) =>
    this.#uploads.complete(upload, parts, options)
  abortUpload: Store['abortUpload'] = (upload, options = {}) => this.#uploads.abort(upload, options)
  upload: Store['upload'] = (upload, options = {}) => this.#uploads.find(upload, options)
  uploads: Store['uploads'] = (bucket, options = {}) => this.#uploads.list(bucket, options)

  async delete(place: ObjectPlace, options: DeleteOptions = {}): Promise<Deleted> {
    const { version, bypassesGovernance = false, signal } = options
    const conditions = conditionsOf(options)
    const { bucket, key } = placeOf(place)
    const name = { bucket, key, version, conditions, bypassesGovernance }
    const applied = await this.#drivers.catalog.propose(
      { type: 'deleteObject', ...name },
      { signal },
    )
    if (applied.type !== 'version') throw new TypeError(`a version, not ${applied.type}`)
    return { version: applied.version, isMarker: applied.isMarker }
  }

  async setTags(
    { bucket, key }: ObjectPlace,
    tags: Readonly<Record<string, string>>,
    { version, signal }: VersionOptions = {},
  ): Promise<{ version: string }> {
    const command = { type: 'setTags', bucket, key, version, tags: pairsOf(tags) } as const
    const applied = await this.#drivers.catalog.propose(command, { signal })
    if (applied.type !== 'version') throw new TypeError(`a version, not ${applied.type}`)
    return { version: applied.version ?? 'null' }
  }

  async setLock(
    { bucket, key }: ObjectPlace,
    { retention, hasLegalHold }: LockChange,
    options: VersionOptions & { readonly bypassesGovernance?: boolean | undefined } = {},
  ): Promise<void> {
    const { version, bypassesGovernance = false, signal } = options
    const kept = retention === 'none' ? retention : storedRetention(retention)
    const lock = { retention: kept, hasLegalHold, bypassesGovernance }
    const command = { type: 'setLock', bucket, key, version, ...lock } as const
    await this.#drivers.catalog.propose(command, { signal })
  }
}
