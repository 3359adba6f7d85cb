/** `GET /api/v1/buckets`, an array. */
export interface BucketRow {
  readonly name: string
  readonly created: string
  readonly owner: string
  readonly versioning: 'off' | 'enabled' | 'suspended'
  readonly hasLock: boolean
  readonly retention?: { readonly mode: 'governance' | 'compliance'; readonly forMs: number }
}

/** `GET /api/v1/buckets/:bucket/usage`. */
export interface UsageView {
  readonly objects: number
  readonly versions: number
  readonly markers: number
  readonly bytes: number
  readonly uploads: number
}

/** `GET /api/v1/buckets/:bucket/objects`: `prefix`, `delimiter`, `after`, `limit` (1 to 1000). */
export interface ObjectPage {
  readonly objects: readonly ObjectRow[]
  readonly prefixes: readonly string[]
  readonly next?: string
}

export interface ObjectRow {
  readonly key: string
  readonly version: string
  readonly sizeBytes: number
  readonly etag: string
  readonly modified: string
}

/** `GET /api/v1/buckets/:bucket/versions`: the same and `afterVersion`. */
export interface VersionPage {
  readonly versions: readonly VersionRow[]
  readonly prefixes: readonly string[]
  readonly next?: { readonly after: string; readonly version?: string }
}

export interface VersionRow extends ObjectRow {
  readonly isLatest: boolean
  readonly isMarker: boolean
}

/** `GET /api/v1/stat/:bucket/*key`: `version`. */
export interface ObjectView extends ObjectRow {
  readonly bucket: string
  readonly headers: Readonly<Record<string, string>>
  readonly tags: Readonly<Record<string, string>>
  readonly checksums: Readonly<Record<string, string>>
  /** How many parts it was uploaded in; 0 if it came whole. */
  readonly parts: number
  readonly retention?: { readonly mode: 'governance' | 'compliance'; readonly until: string }
  readonly hasLegalHold: boolean
  readonly needsKey: boolean
}

/** The answer of `PUT /api/v1/objects/:bucket/*key` and of a completed upload. */
export interface WrittenView {
  readonly version: string
  readonly etag: string
  readonly sizeBytes: number
  readonly modified: string
}

/**
 * An upload that can be resumed: `POST /api/v1/uploads/:bucket/*key` → this;
 * `PUT …?upload=&part=` → `PartView`; `GET …?upload=` → `{parts: PartView[]}`;
 * `POST …?upload=` with `{"parts": [{part, etag}]}` → `WrittenView`; `DELETE …?upload=`.
 */
export interface UploadView {
  readonly bucket: string
  readonly key: string
  readonly upload: string
}

export interface PartView {
  readonly part: number
  readonly etag: string
  readonly sizeBytes: number
  readonly modified: string
}

/** `POST /api/v1/links` with `bucket`, `key`, `version`, `expiresInMs`, `isDownload`: a presigned URL. */
export interface LinkView {
  readonly url: string
  readonly expiresAt: string
}
