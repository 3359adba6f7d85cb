/**
 * The store of a network as one of its peers offers it: buckets of objects. Whatever is acknowledged
 * is durable on as many peers as its scheme says, and is seen by whoever asks from then on, anywhere.
 *
 * Every call takes a `signal`; when it aborts, so does everything the call has caused. Failures are
 * `HoldfastError`s. Reads are linearizable unless asked to be `stale`.
 */
import type { PeerId } from '../../base/environment.ts'

/** Where an object is. */
export interface ObjectPlace {
  /** 3 to 63 lower-case letters, digits, dots and hyphens. */
  readonly bucket: string
  /** 1 to 1,024 bytes of UTF-8. */
  readonly key: string
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined
}

export interface ReadOptions extends CallOptions {
  /** `stale` may be a few seconds old, and is answered while no majority can be reached. */
  readonly consistency?: 'linearizable' | 'stale' | undefined
}

/** Changes nothing unless it holds, as `PRECONDITION_FAILED` says. */
export interface WriteConditions {
  /** An ETag, or `*`: there is an object. */
  readonly ifMatch?: string | undefined
  /** An ETag, or `*`: there is none. */
  readonly ifNoneMatch?: string | undefined
}

/** What is stored beside the bytes. */
export interface ObjectSettings {
  /** Content headers such as `content-type`, and the user's own as `x-amz-meta-…`; lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly tags?: Readonly<Record<string, string>> | undefined
  /** By algorithm: `crc32`, `crc32c`, `crc64nvme`, `sha1`, `sha256`; base64. */
  readonly checksums?: Readonly<Record<string, string>> | undefined
  readonly retention?: Retention | undefined
  readonly hasLegalHold?: boolean | undefined
}

export interface Retention {
  readonly mode: 'governance' | 'compliance'
  readonly until: Date
}

export interface PutOptions extends CallOptions, WriteConditions, ObjectSettings {
  /** How many bytes the source has, if that is known: then it must have as many. */
  readonly sizeBytes?: number | undefined
  /** What it must be; otherwise the MD5 of its bytes, as S3 has it. */
  readonly etag?: string | undefined
  /** 32 bytes to encrypt it under, instead of the network's key: no peer can read it without. */
  readonly encryptionKey?: Uint8Array | undefined
  /**
   * Looked at when the last byte has come, before anything is committed: for what is only known
   * then, such as trailing checksums. What it throws calls the write off.
   */
  readonly settle?: ((facts: WrittenFacts) => Promise<ObjectSettings> | ObjectSettings) | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
}

export interface WrittenFacts {
  readonly sizeBytes: number
  /** Hexadecimal. */
  readonly md5: string
}

export interface Progress {
  readonly bytes: number
  readonly totalBytes: number | undefined
}

export interface GetOptions extends ReadOptions, WriteConditions {
  readonly version?: string | undefined
  /** First byte wanted. @default 0 */
  readonly from?: number | undefined
  /** The byte after the last one wanted. @default the end */
  readonly to?: number | undefined
  readonly encryptionKey?: Uint8Array | undefined
  readonly onProgress?: ((progress: Progress) => void) | undefined
  /** Told of every run of bytes that a peer, perhaps this one, gave of one of its fragments. */
  readonly onServed?: ((served: Served) => void) | undefined
}

/** What one peer gave to a reading. */
export interface Served {
  readonly peer: PeerId
  /** Which fragment of its segment. */
  readonly index: number
  readonly bytes: number
}

export interface ObjectInfo extends ObjectPlace {
  readonly version: string
  readonly sizeBytes: number
  readonly etag: string
  readonly modified: Date
  readonly headers: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
  readonly checksums: Readonly<Record<string, string>>
  /** How many parts it was uploaded in; 0 if it came whole. */
  readonly parts: number
  readonly retention: Retention | undefined
  readonly hasLegalHold: boolean
  /** It is encrypted under a key that the reader must bring. */
  readonly needsKey: boolean
}

export interface ObjectReading extends ObjectInfo {
  /** The bytes asked for, each verified, once. Ending early cancels what is under way. */
  readonly body: AsyncIterable<Uint8Array>
  readonly from: number
  readonly to: number
}

export interface ListOptions extends ReadOptions {
  readonly prefix?: string | undefined
  /** Keys that go on with it behind the prefix are listed as one prefix. */
  readonly delimiter?: string | undefined
  /** Only what comes behind this key, or behind the `next` of a page. */
  readonly after?: string | undefined
  /** Of one page. @default 1000 */
  readonly limit?: number | undefined
}

export interface ListedObject {
  readonly key: string
  readonly version: string
  readonly sizeBytes: number
  readonly etag: string
  readonly modified: Date
}

export interface ListPage {
  readonly objects: readonly ListedObject[]
  readonly prefixes: readonly string[]
  /** To be given as `after`; undefined at the end. */
  readonly next: string | undefined
}

export type ListEntry =
  | ({ readonly type: 'object' } & ListedObject)
  | { readonly type: 'prefix'; readonly prefix: string }

export interface ListedVersion extends ListedObject {
  readonly isLatest: boolean
  readonly isMarker: boolean
}

export interface VersionPage {
  readonly versions: readonly ListedVersion[]
  readonly prefixes: readonly string[]
  readonly next: { readonly after: string; readonly version: string | undefined } | undefined
}

export interface Written {
  readonly version: string
  readonly etag: string
  readonly sizeBytes: number
  readonly modified: Date
}

export interface Deleted {
  /** Undefined if there was nothing. */
  readonly version: string | undefined
  readonly isMarker: boolean
}

export interface DeleteOptions extends CallOptions, WriteConditions {
  readonly version?: string | undefined
  readonly bypassesGovernance?: boolean | undefined
}

export interface CopyOptions extends CallOptions, WriteConditions {
  readonly version?: string | undefined
  /** What must hold of the source. */
  readonly source?: WriteConditions | undefined
  /** Undefined: as the source has them. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly tags?: Readonly<Record<string, string>> | undefined
  readonly retention?: Retention | undefined
  readonly hasLegalHold?: boolean | undefined
}

export type Versioning = 'off' | 'enabled' | 'suspended'

export interface BucketOptions extends CallOptions {
  readonly owner?: string | undefined
  readonly versioning?: Versioning | undefined
  readonly hasLock?: boolean | undefined
}

export interface BucketInfo {
  readonly name: string
  readonly created: Date
  readonly owner: string
  readonly versioning: Versioning
  readonly hasLock: boolean
  /** How long new versions are kept at least; needs `hasLock`. */
  readonly retention?: DefaultRetention | undefined
}

export interface DefaultRetention {
  readonly mode: Retention['mode']
  readonly forMs: number
}

export interface BucketChange {
  readonly versioning?: Versioning | undefined
  readonly hasLock?: boolean | undefined
  readonly retention?: DefaultRetention | 'none' | undefined
}

export interface BucketUsage {
  readonly objects: number
  readonly versions: number
  readonly markers: number
  readonly bytes: number
  readonly uploads: number
}

/** A multipart upload. */
export interface UploadName extends ObjectPlace {
  readonly upload: string
}

export interface UploadedPart {
  readonly part: number
  readonly etag: string
  readonly sizeBytes: number
  readonly modified: Date
  readonly checksums: Readonly<Record<string, string>>
}

export interface UploadInfo extends UploadName {
  readonly begun: Date
}

/** With what its object will be, as it was said when it began. */
export interface UploadDetails extends UploadInfo {
  readonly settings: ObjectSettings
}

export interface LockChange {
  readonly retention?: Retention | 'none' | undefined
  readonly hasLegalHold?: boolean | undefined
}

export interface VersionOptions extends CallOptions {
  readonly version?: string | undefined
}

/** Where the bytes of an object are. */
export interface ObjectPlacement extends ObjectPlace {
  readonly version: string
  readonly sizeBytes: number
  /** It rides inside the log: every voter has it. */
  readonly isInline: boolean
  readonly segments: readonly SegmentPlacement[]
  /** To be given as `after` for the next segments. */
  readonly next: number | undefined
  /** How many segments there are in all. */
  readonly segmentsTotal: number
  readonly modified: Date
}

export interface SegmentPlacement {
  /** Counted through the whole object. */
  readonly segment: number
  /** The bytes of the object that are in it: from the first on, and the one behind the last. */
  readonly from: number
  readonly to: number
  /** Of the segment itself, which is encrypted. */
  readonly sizeBytes: number
  readonly k: number
  readonly m: number
  readonly fragments: readonly FragmentPlacement[]
  /** How many more of its fragments may be lost. */
  readonly margin: number
}

export interface FragmentPlacement {
  readonly index: number
  readonly kind: 'data' | 'parity'
  /** Its content name. */
  readonly id: string
  readonly sizeBytes: number
  /** Undefined: nobody has it yet, or any more. */
  readonly peer: PeerId | undefined
  readonly state: 'alive' | 'suspect' | 'draining' | 'dead' | 'gone' | 'owed'
  /** When its holder was last seen to have it; undefined if nobody knows of any time since it was written. */
  readonly verified: Date | undefined
  /** It is being made anew now. */
  readonly isRepairing: boolean
}

export interface Store {
  put(
    place: ObjectPlace,
    source: Uint8Array | AsyncIterable<Uint8Array>,
    options?: PutOptions,
  ): Promise<Written>
  /** @throws {HoldfastError} `NO_SUCH_KEY`, `NO_SUCH_BUCKET`, `RANGE_UNSATISFIABLE`, … */
  get(place: ObjectPlace, options?: GetOptions): Promise<ObjectReading>
  head(place: ObjectPlace, options?: Omit<GetOptions, 'from' | 'to'>): Promise<ObjectInfo>
  delete(place: ObjectPlace, options?: DeleteOptions): Promise<Deleted>
  /** Replaces the tags of a version that is there. Returns its name. */
  setTags(
    place: ObjectPlace,
    tags: Readonly<Record<string, string>>,
    options?: VersionOptions,
  ): Promise<{ readonly version: string }>
  /** @throws {HoldfastError} `OBJECT_LOCKED` if that would weaken a lock */
  setLock(
    place: ObjectPlace,
    lock: LockChange,
    options?: VersionOptions & { readonly bypassesGovernance?: boolean | undefined },
  ): Promise<void>
  /** The parts that a whole object was uploaded in, in order; none if it came whole. */
  partsOf(
    place: ObjectPlace,
    options?: ReadOptions & {
      readonly version?: string | undefined
      readonly after?: number | undefined
      readonly limit?: number | undefined
    },
  ): Promise<readonly UploadedPart[]>
  /** By reference: no bytes are moved. */
  copy(from: ObjectPlace, to: ObjectPlace, options?: CopyOptions): Promise<Written>
  /** Everything in order, page after page as it is consumed. */
  list(bucket: string, options?: ListOptions): AsyncIterable<ListEntry>
  listPage(bucket: string, options?: ListOptions): Promise<ListPage>
  listVersions(
    bucket: string,
    options?: ListOptions & { readonly afterVersion?: string | undefined },
  ): Promise<VersionPage>

  createBucket(name: string, options?: BucketOptions): Promise<BucketInfo>
  bucket(name: string, options?: ReadOptions): Promise<BucketInfo>
  changeBucket(name: string, change: BucketChange, options?: CallOptions): Promise<BucketInfo>
  /** @throws {HoldfastError} `BUCKET_NOT_EMPTY` */
  deleteBucket(name: string, options?: CallOptions): Promise<void>
  buckets(options?: ReadOptions): AsyncIterable<BucketInfo>
  usage(bucket: string, options?: ReadOptions): Promise<BucketUsage>
  /** Small documents kept with a bucket: policies, lifecycle, CORS. */
  document(bucket: string, name: string, options?: ReadOptions): Promise<Uint8Array | undefined>
  setDocument(
    bucket: string,
    name: string,
    document: Uint8Array | undefined,
    options?: CallOptions,
  ): Promise<void>

  createUpload(place: ObjectPlace, options?: ObjectSettings & CallOptions): Promise<UploadName>
  putPart(
    upload: UploadName,
    part: number,
    source: Uint8Array | AsyncIterable<Uint8Array>,
    options?: Omit<PutOptions, 'ifMatch' | 'ifNoneMatch'>,
  ): Promise<UploadedPart>
  copyPart(
    upload: UploadName,
    part: number,
    from: ObjectPlace & { readonly version?: string | undefined },
    options?: CallOptions & { readonly from?: number; readonly to?: number },
  ): Promise<UploadedPart>
  parts(
    upload: UploadName,
    options?: ReadOptions & { readonly after?: number; readonly limit?: number },
  ): Promise<readonly UploadedPart[]>
  completeUpload(
    upload: UploadName,
    parts: readonly { readonly part: number; readonly etag: string }[],
    options?: CallOptions &
      WriteConditions & {
        readonly partBytesMin?: number
        readonly checksums?: Readonly<Record<string, string>>
      },
  ): Promise<Written>
  abortUpload(upload: UploadName, options?: CallOptions): Promise<void>
  /** @throws {HoldfastError} `NO_SUCH_UPLOAD` */
  upload(upload: UploadName, options?: ReadOptions): Promise<UploadDetails>
  uploads(
    bucket: string,
    options?: ReadOptions & { readonly after?: Uint8Array; readonly limit?: number },
  ): Promise<{ readonly uploads: readonly UploadInfo[]; readonly next: Uint8Array | undefined }>

  /** Which peer holds which fragment of an object; a page of its segments. */
  placement(
    place: ObjectPlace,
    options?: ReadOptions & {
      readonly version?: string | undefined
      readonly after?: number | undefined
      readonly limit?: number | undefined
    },
  ): Promise<ObjectPlacement>
}
