import {
  bytes,
  type Codec,
  type Fields,
  fixed,
  flag,
  list,
  natural,
  oneOf,
  optional,
  signed,
  struct,
  text,
  variant,
  type Versioned,
  versioned,
} from './codec.ts'
import { BUCKET_BYTES_MAX, KEY_BYTES_MAX, type Place, POSITION_BYTES_MAX } from './position.ts'
import { type Stamp, stampCodec } from './stamp.ts'
import { BLOB_ID_BYTES, CONTENT_ID_BYTES } from './tables.ts'

/**
 * What the rows hold. A record begins with the version of its encoding.
 *
 * An object's versions point to *contents*, by reference; a content has parts, parts have segments,
 * and only segments have placements. So a copy is a reference more, repair never touches an object,
 * and a manifest of any size is the rows of its parts and segments: no command carries it whole.
 */
const HEADERS_MAX = 64
const HEADER_NAME_BYTES_MAX = 256
const HEADER_VALUE_BYTES_MAX = 4_096
const TAGS_MAX = 50
const CHECKSUMS_MAX = 8
export const INLINE_BYTES_MAX = 4_096
export const PARTS_MAX = 10_000
export const EXTENTS_MAX = 256
export const ENVELOPE_BYTES_MAX = 512
export const SEGMENT_BYTES_MAX = 16_777_216
/** 64 TiB. Copies by reference could make more of what is there. */
export const OBJECT_BYTES_MAX: number = 2 ** 46
/** A hundred years: sums of moments and spans stay exact. */
const SPAN_MS_MAX = 3_200_000_000_000
export const FRAGMENTS_MAX = 256
const FRAGMENT_ID_BYTES = 36
export const DOCUMENT_BYTES_MAX = 65_536
const ETAG_BYTES_MAX = 128

/** A name and a value: a header, a tag, a checksum. */
export interface Pair {
  readonly name: string
  readonly value: string
}

const pairs = (most: number, nameBytes: number, valueBytes: number): Codec<readonly Pair[]> =>
  list(struct<Pair>({ name: text(nameBytes), value: text(valueBytes) }), most)

export const headersCodec: Codec<readonly Pair[]> = pairs(
  HEADERS_MAX,
  HEADER_NAME_BYTES_MAX,
  HEADER_VALUE_BYTES_MAX,
)
/** S3 counts characters, 128 and 256 of them. */
export const tagsCodec: Codec<readonly Pair[]> = pairs(TAGS_MAX, 512, 1_024)
export const checksumsCodec: Codec<readonly Pair[]> = pairs(CHECKSUMS_MAX, 32, 128)
export const etagCodec: Codec<string> = text(ETAG_BYTES_MAX)
export const placeCodec: Codec<Place> = struct<Place>({
  bucket: text(BUCKET_BYTES_MAX),
  key: text(KEY_BYTES_MAX),
})
export const contentIdCodec: Codec<Uint8Array> = fixed(CONTENT_ID_BYTES)
/** A content's id, and behind it the number of a part that holds it. */
export const holderCodec: Codec<Uint8Array> = bytes(CONTENT_ID_BYTES + 2)

export interface Retention {
  readonly mode: 'governance' | 'compliance'
  readonly untilMs: number
}

export const retentionCodec: Codec<Retention> = struct<Retention>({
  mode: oneOf('governance', 'compliance'),
  untilMs: natural(),
})

/** How long new versions of a bucket are kept at least. */
export interface DefaultRetention {
  readonly mode: Retention['mode']
  readonly forMs: number
}

export const defaultRetentionCodec: Codec<DefaultRetention> = struct<DefaultRetention>({
  mode: oneOf('governance', 'compliance'),
  forMs: natural(SPAN_MS_MAX),
})

export type Versioning = 'off' | 'enabled' | 'suspended'
export const versioningCodec: Codec<Versioning> = oneOf('off', 'enabled', 'suspended')

export interface Bucket {
  readonly createdMs: number
  readonly owner: string
  readonly versioning: Versioning
  /** Versions may be locked; once on it stays on, and so does versioning. */
  readonly hasLock: boolean
  readonly retention: DefaultRetention | undefined
  /** Takes no more objects: it is about to be deleted in every range it lies in. */
  readonly isFrozen: boolean
  /** One more with every change. */
  readonly revision: number
}

export const ownerCodec: Codec<string> = text(256)
export const bucketCodec: Codec<Bucket> = struct<Bucket>({
  createdMs: natural(),
  owner: ownerCodec,
  versioning: versioningCodec,
  hasLock: flag,
  retention: optional(defaultRetentionCodec),
  isFrozen: flag,
  revision: natural(),
})

/**
 * What a bucket holds. Of a bucket that lies in several ranges each keeps what it has added and
 * taken away; a split leaves the sum where it was, so single numbers may be negative, and only their
 * sum over the ranges says something.
 */
export interface Usage {
  /** Keys whose current version is no delete marker. */
  readonly objects: number
  /** Versions with bytes, older ones included. */
  readonly versions: number
  readonly markers: number
  /** Of all those versions. */
  readonly bytes: number
  readonly uploads: number
}

export const usageCodec: Codec<Usage> = struct<Usage>({
  objects: signed,
  versions: signed,
  markers: signed,
  bytes: signed,
  uploads: signed,
})

/** Where the bytes of a version are. */
export type Body =
  | { readonly type: 'marker' }
  /** In a row of their own. */
  | { readonly type: 'inline' }
  /** In a content, which stands at the version's own place unless it says another. */
  | {
      readonly type: 'content'
      readonly content: Uint8Array
      readonly home: Place | undefined
      /** Under which name this version refers to it. */
      readonly holder: Uint8Array
    }

/** What a writer says of an object, and readers are told. */
export interface Description {
  readonly sizeBytes: number
  readonly etag: string
  /** Content headers and user metadata, as the gateway names them. */
  readonly headers: readonly Pair[]
  readonly checksums: readonly Pair[]
  readonly tags: readonly Pair[]
  readonly retention: Retention | undefined
  readonly hasLegalHold: boolean
}

const descriptionFields: Fields<Description> = {
  sizeBytes: natural(),
  etag: etagCodec,
  headers: headersCodec,
  checksums: checksumsCodec,
  tags: tagsCodec,
  retention: optional(retentionCodec),
  hasLegalHold: flag,
}
export const descriptionCodec: Codec<Description> = struct<Description>(descriptionFields)

export interface Version extends Description {
  /** Unique among the versions of its key, and the order they came in. */
  readonly stamp: Stamp
  /** Written while versions were not kept: its id is `null`, and the next such one replaces it. */
  readonly isNull: boolean
  /** How many parts it was uploaded in; 0 if it came whole. */
  readonly parts: number
  readonly body: Body
}

const bodyCodec: Codec<Body> = variant<'type', Body>('type', {
  marker: [0, struct<object>({})],
  inline: [1, struct<object>({})],
  content: [
    2,
    struct<Omit<Extract<Body, { type: 'content' }>, 'type'>>({
      content: contentIdCodec,
      home: optional(placeCodec),
      holder: holderCodec,
    }),
  ],
})

export const versionCodec: Codec<Version> = struct<Version>({
  stamp: stampCodec,
  isNull: flag,
  parts: natural(PARTS_MAX),
  body: bodyCodec,
  ...descriptionFields,
})

/** The current version, and what there is besides. */
export interface Head {
  readonly version: Version
  /** How many older versions there are. */
  readonly older: number
  /** Which of these is the `null` version. */
  readonly olderNull: Stamp | undefined
}

const headCodec: Codec<Head> = struct<Head>({
  version: versionCodec,
  older: natural(),
  olderNull: optional(stampCodec),
})

/**
 * open: being written, under a lease. kept: whole, referenced by versions. released: never to be
 * kept again; being taken apart, or remembered only so that a late command cannot bring it back.
 */
export interface Content {
  readonly state: 'open' | 'kept' | 'released'
  /** While kept: rows in `r`. */
  readonly references: number
  /** No command may keep it after this. */
  readonly untilMs: number
}

export const contentCodec: Codec<Content> = struct<Content>({
  state: oneOf('open', 'kept', 'released'),
  references: natural(),
  untilMs: natural(),
})

/** Why a content is watched. */
export interface Watch {
  readonly kind: 'intent' | 'upload' | 'fence'
  readonly untilMs: number
  readonly sinceMs: number
  /** What the object of an upload will be. */
  readonly upload: Description | undefined
}

export const watchCodec: Codec<Watch> = struct<Watch>({
  kind: oneOf('intent', 'upload', 'fence'),
  untilMs: natural(),
  sinceMs: natural(),
  upload: optional(descriptionCodec),
})

/** A run of bytes of one blob: segments that were encrypted as one stream under one data key. */
export interface Extent {
  /** Of another content, where the part was copied. */
  readonly source: ContentName | undefined
  readonly blob: Uint8Array
  /** Plain size of the whole blob. */
  readonly blobBytes: number
  readonly fromBytes: number
  readonly lengthBytes: number
  /** The data key, encrypted; opaque. */
  readonly envelope: Uint8Array
}

/** A content, wherever it stands. */
export interface ContentName extends Place {
  readonly content: Uint8Array
}

export const contentNameCodec: Codec<ContentName> = struct<ContentName>({
  bucket: text(BUCKET_BYTES_MAX),
  key: text(KEY_BYTES_MAX),
  content: contentIdCodec,
})

export const extentFields: Fields<Extent> = {
  source: optional(contentNameCodec),
  blob: fixed(BLOB_ID_BYTES),
  blobBytes: natural(),
  fromBytes: natural(),
  lengthBytes: natural(),
  envelope: bytes(ENVELOPE_BYTES_MAX),
}
const extentCodec: Codec<Extent> = struct<Extent>(extentFields)

export interface Part {
  readonly sizeBytes: number
  readonly etag: string
  readonly checksums: readonly Pair[]
  readonly createdMs: number
  readonly extents: readonly Extent[]
}

export const partCodec: Codec<Part> = struct<Part>({
  sizeBytes: natural(),
  etag: etagCodec,
  checksums: checksumsCodec,
  createdMs: natural(),
  extents: list(extentCodec, EXTENTS_MAX),
})

/** Which part holds which bytes. */
export interface PartSize {
  readonly part: number
  readonly sizeBytes: number
}

const partSizesCodec: Codec<readonly PartSize[]> = list(
  struct<PartSize>({ part: natural(PARTS_MAX), sizeBytes: natural() }),
  PARTS_MAX,
)

/** A fragment by its place in the segment. Seat 0 is nobody: it is owed. */
export interface Fragment {
  readonly id: Uint8Array
  readonly seat: number
}

export const fragmentCodec: Codec<Fragment> = struct<Fragment>({
  id: fixed(FRAGMENT_ID_BYTES),
  seat: natural(0xffff_ffff),
})

/** A segment as its writer hands it in. */
export interface SegmentInit {
  readonly sizeBytes: number
  readonly k: number
  /** k + m of them. */
  readonly fragments: readonly Fragment[]
}

/** A segment: what it is made of, and who has it. */
export interface Segment extends SegmentInit {
  /** One more with every change of its placement. */
  readonly revision: number
  /** One more whenever it was cut anew; part of the name under which peers hold its fragments. */
  readonly generation: number
}

const segmentFields = {
  sizeBytes: natural(SEGMENT_BYTES_MAX),
  k: natural(FRAGMENTS_MAX),
  fragments: list(fragmentCodec, FRAGMENTS_MAX),
}
export const segmentInitCodec: Codec<SegmentInit> = struct<SegmentInit>(segmentFields)
export const segmentCodec: Codec<Segment> = struct<Segment>({
  revision: natural(),
  generation: natural(255),
  ...segmentFields,
})

/** A fragment that nobody needs any more, as long as its peer has not been told. */
export interface Garbage {
  readonly fragment: Fragment
  readonly sinceMs: number
}

export const garbageCodec: Codec<Garbage> = struct<Garbage>({
  fragment: fragmentCodec,
  sinceMs: natural(),
})

export interface RangeState {
  /** Positions from `lo` on and below `hi`; an empty `hi` is the end. */
  readonly lo: Uint8Array
  readonly hi: Uint8Array
  /** One more with every split, merge, freeze and thaw. */
  readonly epoch: number
  /** Refuses every change of its objects: it is about to be merged into its left neighbour. */
  readonly isFrozen: boolean
}

export const rangeCodec: Codec<RangeState> = struct<RangeState>({
  lo: bytes(POSITION_BYTES_MAX),
  hi: bytes(POSITION_BYTES_MAX),
  epoch: natural(),
  isFrozen: flag,
})

/** What a range knows of the bucket it begins inside, whose own record is in another one. */
export interface Mirror {
  readonly bucket: string
  /** Undefined if there is no such bucket. */
  readonly record: Bucket | undefined
  readonly usage: Usage
}

const mirrorCodec: Codec<Mirror> = struct<Mirror>({
  bucket: text(BUCKET_BYTES_MAX),
  record: optional(bucketCodec),
  usage: usageCodec,
})

const VERSION = 1
/** Twice a command: no row holds more than one command said, and what it says itself. */
const ROW_BYTES_MAX = 2 << 20

const row = <Value>(codec: Codec<Value>): Versioned<Value> =>
  versioned(VERSION, ROW_BYTES_MAX, codec)

/** How each row is written. */
export const rowOf: {
  readonly bucket: Versioned<Bucket>
  readonly usage: Versioned<Usage>
  readonly head: Versioned<Head>
  readonly version: Versioned<Version>
  readonly content: Versioned<Content>
  readonly watch: Versioned<Watch>
  readonly part: Versioned<Part>
  readonly partSizes: Versioned<readonly PartSize[]>
  readonly segment: Versioned<Segment>
  readonly garbage: Versioned<Garbage>
  readonly place: Versioned<Place>
  readonly range: Versioned<RangeState>
  readonly mirror: Versioned<Mirror>
} = {
  bucket: row(bucketCodec),
  usage: row(usageCodec),
  head: row(headCodec),
  version: row(versionCodec),
  content: row(contentCodec),
  watch: row(watchCodec),
  part: row(partCodec),
  partSizes: row(partSizesCodec),
  segment: row(segmentCodec),
  garbage: row(garbageCodec),
  place: row(placeCodec),
  range: row(rangeCodec),
  mirror: row(mirrorCodec),
}
