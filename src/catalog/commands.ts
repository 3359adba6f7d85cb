import type { Place } from './position.ts'
import type {
  Bucket,
  ContentName,
  DefaultRetention,
  Description,
  Fragment,
  Pair,
  Retention,
  SegmentInit,
  Versioning,
} from './records.ts'
import type { Shard } from './shard-map.ts'
import type { Stamp } from './stamp.ts'

/**
 * What the log of a group may say. A command changes everything it means to, or nothing. Those that
 * concern objects carry the epoch under which their sender believes the range to be, and are refused
 * under another one.
 */

/** When the current version of a key lets a command happen; an empty list asks nothing. */
export interface Conditions {
  /** One of these etags; `*`: any version. */
  readonly ifMatch: readonly string[]
  /** None of these etags; `*`: no version. */
  readonly ifNoneMatch: readonly string[]
  readonly ifSizeBytes: number | undefined
  /** Last changed after, or not after, this second. */
  readonly ifModifiedSinceMs: number | undefined
  readonly ifUnmodifiedSinceMs: number | undefined
}

export const NO_CONDITIONS: Conditions = {
  ifMatch: [],
  ifNoneMatch: [],
  ifSizeBytes: undefined,
  ifModifiedSinceMs: undefined,
  ifUnmodifiedSinceMs: undefined,
}

export const CONDITIONS_MAX = 16
/** In one command; a longer stream adds them step by step under an open content. */
export const SEGMENTS_PER_COMMAND_MAX = 1_024
export const PLACEMENTS_PER_COMMAND_MAX = 256
export const SWEEP_MAX = 256
export const EXPIRE_MAX = 64
export const SHARDS_PER_COMMAND_MAX = 64
export const REGISTER_NAME_BYTES_MAX = 256
export const REGISTER_BYTES_MAX = 65_536
export const COMMAND_BYTES_MAX: number = 1 << 20

/** Segments of one blob that were made durable, and where. */
export interface BlobInit {
  readonly blob: Uint8Array
  /** Those before it were added earlier. */
  readonly firstSegment: number
  readonly segments: readonly SegmentInit[]
  /** The whole blob: its plain size, and how many segments it has. */
  readonly sizeBytes: number
  readonly segmentCount: number
  readonly envelope: Uint8Array
}

/** What a new version is made of. */
export type NewBody =
  | { readonly type: 'inline'; readonly bytes: Uint8Array }
  /** Fragments under their peers' leases; refused after `untilMs`. */
  | {
      readonly type: 'blob'
      readonly content: Uint8Array
      readonly untilMs: number
      readonly blob: BlobInit
    }
  /** A content of another range that was retained for `holder` before. */
  | {
      readonly type: 'shared'
      readonly content: ContentName
      readonly holder: Uint8Array
      readonly parts: number
      readonly untilMs: number
    }

/** One version of an object; without a name the current one. */
export interface VersionName extends Place {
  readonly version: string | undefined
}

/** Part of a blob of a content, by its place in it. */
export interface SegmentName extends ContentName {
  readonly blob: Uint8Array
  readonly segment: number
}

/** A fragment's new holder, after it was proven to have it; seat 0: nobody has it. */
export interface Placement extends SegmentName {
  /** The segment as it was when this was decided. */
  readonly ifRevision: number
  /** One above the last index raises m. */
  readonly index: number
  readonly fragment: Fragment
}

export type Command =
  | {
      readonly type: 'createBucket'
      readonly bucket: string
      readonly owner: string
      readonly versioning: Versioning
      readonly hasLock: boolean
      readonly retention: DefaultRetention | undefined
    }
  /** Everything that a bucket's owner may set; `retention` undefined takes it away. */
  | {
      readonly type: 'changeBucket'
      readonly bucket: string
      readonly ifRevision: number | undefined
      readonly versioning: Versioning
      readonly hasLock: boolean
      readonly retention: DefaultRetention | undefined
      readonly isFrozen: boolean
    }
  | {
      readonly type: 'setDocument'
      readonly bucket: string
      readonly name: string
      /** Undefined removes it. */
      readonly document: Uint8Array | undefined
    }
  | { readonly type: 'deleteBucket'; readonly bucket: string }
  /** What the bucket's home says of it now, for another range that it lies in. */
  | {
      readonly type: 'mirrorBucket'
      readonly bucket: string
      readonly record: Bucket | undefined
    }
  | (Place & {
      readonly type: 'putObject'
      readonly conditions: Conditions
      readonly description: Description
      readonly body: NewBody
    })
  | (VersionName & {
      readonly type: 'deleteObject'
      readonly conditions: Conditions
      /** Past a governance lock. */
      readonly bypassesGovernance: boolean
    })
  | (Place & {
      readonly type: 'copyObject'
      readonly source: VersionName
      readonly sourceConditions: Conditions
      readonly conditions: Conditions
      readonly holder: Uint8Array
      /** Undefined: as the source is. */
      readonly headers: readonly Pair[] | undefined
      readonly tags: readonly Pair[] | undefined
      readonly retention: Retention | undefined
      readonly hasLegalHold: boolean
    })
  /** Ends versions that are over, if the key has the history that was judged: see `lifecycle.ts`. */
  | (Place & {
      readonly type: 'expire'
      readonly ifNewest: Stamp
      /** Versions and delete markers. */
      readonly ifCount: number
      readonly doomed: readonly Doomed[]
    })
  | (VersionName & { readonly type: 'setTags'; readonly tags: readonly Pair[] })
  | (VersionName & {
      readonly type: 'setLock'
      /** Undefined leaves it as it is. */
      readonly retention: Retention | 'none' | undefined
      readonly hasLegalHold: boolean | undefined
      readonly bypassesGovernance: boolean
    })
  /** With `upload` a multipart upload, else a write intent. */
  | (ContentName & {
      readonly type: 'openContent'
      readonly untilMs: number
      readonly upload: Description | undefined
    })
  | (ContentName & { readonly type: 'renewContent'; readonly untilMs: number })
  | (ContentName & { readonly type: 'addSegments'; readonly blob: BlobInit })
  | (ContentName & {
      readonly type: 'putPart'
      readonly part: number
      readonly etag: string
      readonly checksums: readonly Pair[]
      readonly blob: BlobInit
      readonly untilMs: number
    })
  | (ContentName & {
      readonly type: 'copyPart'
      readonly part: number
      readonly etag: string
      readonly checksums: readonly Pair[]
      readonly source: VersionName
      readonly sourceConditions: Conditions
      readonly fromBytes: number
      /** Undefined: to the end. */
      readonly lengthBytes: number | undefined
    })
  | (ContentName & {
      readonly type: 'completeUpload'
      readonly conditions: Conditions
      readonly parts: readonly { readonly part: number; readonly etag: string }[]
      /** What every part but the last must have. */
      readonly partBytesMin: number
      readonly etag: string
      readonly checksums: readonly Pair[]
    })
  /** Gives up an open content, or makes sure that an unknown one stays unknown. */
  | (ContentName & { readonly type: 'releaseContent' })
  /** Gives up a multipart upload that is over. */
  | (ContentName & { readonly type: 'expireUpload'; readonly dueMs: number })
  /** Ends intents and fences whose time is over. */
  | { readonly type: 'sweepContents'; readonly contents: readonly ContentName[] }
  /** Takes released contents apart, about `rows` rows of them. */
  | { readonly type: 'collect'; readonly rows: number }
  /** Peers were told to drop these fragments, or are gone. */
  | { readonly type: 'dropGarbage'; readonly rows: readonly Uint8Array[] }
  /** A version in another range refers to this content, or is about to. */
  | (ContentName & {
      readonly type: 'retainContent'
      readonly holder: Uint8Array
      readonly holderPlace: Place
    })
  | (ContentName & { readonly type: 'dropReference'; readonly holder: Uint8Array })
  /** References of other ranges that have been given up there. */
  | { readonly type: 'settleReferences'; readonly rows: readonly Uint8Array[] }
  /** All of them, or none. */
  | { readonly type: 'place'; readonly placements: readonly Placement[] }
  /** Cut anew under another k; the old fragments become garbage. */
  | (SegmentName & {
      readonly type: 'recut'
      readonly ifRevision: number
      readonly k: number
      readonly fragments: readonly Fragment[]
    })
  /** Its peer would drop this fragment: is it listed? If not, no command under way can list it. */
  | (SegmentName & {
      readonly type: 'disown'
      readonly generation: number
      readonly index: number
      readonly seat: number
    })
  /** What lies at or above `at` becomes the range of another group. */
  | { readonly type: 'splitRange'; readonly at: Place; readonly child: number }
  | { readonly type: 'freezeRange' }
  | { readonly type: 'thawRange' }
  /** Takes over the frozen range to the right, whose rows are here already. */
  | { readonly type: 'absorbRange'; readonly group: number; readonly epoch: number }
  /** Of the system group: new descriptors for exactly what some old ones covered. */
  | { readonly type: 'updateShards'; readonly shards: readonly Shard[] }
  /** Of the system group: a small named value, replaced only where nobody else has. */
  | {
      readonly type: 'setRegister'
      readonly name: string
      /** 0: there is none. Undefined: whatever it is. */
      readonly ifRevision: number | undefined
      /** Undefined removes it. */
      readonly value: Uint8Array | undefined
    }

/** A version whose time is over. */
export interface Doomed {
  readonly stamp: Stamp
  /** Since when. */
  readonly dueMs: number
  /** What its tags must still be; undefined: they do not matter. */
  readonly ifTags: readonly Pair[] | undefined
}

/** A command as it stands in the log, under the epoch of the range its sender means. */
export interface Proposal {
  readonly epoch: number
  readonly command: Command
}
