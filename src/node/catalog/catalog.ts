/**
 * The catalog as a peer reaches it, wherever the group lives that owns a place: a replica here, or
 * whoever leads. Commands take effect at most once, however often they had to be sent; what a group
 * refuses is thrown as its error. Where a range has moved on, the newer map is fetched and the
 * question asked again: callers never see `STALE_EPOCH` or `OUT_OF_RANGE`.
 */
import type { Command } from '../../catalog/commands.ts'
import type { Extents } from '../../catalog/extents.ts'
import type { Place } from '../../catalog/position.ts'
import type {
  FoundObject,
  ListOptions,
  ObjectList,
  VersionList,
  VersionListOptions,
} from '../../catalog/query-objects.ts'
import type {
  BucketDocument,
  GarbageFragment,
  NumberedPart,
  OwedRelease,
  Page,
  PageOptions,
  PlacedSegment,
  WatchedContent,
} from '../../catalog/query-upkeep.ts'
import type { Bucket, Content, ContentName, Segment, Usage, Watch } from '../../catalog/records.ts'
import type { Result } from '../../catalog/results.ts'

/** What belongs to a place: a bucket, an object, a content. */
export type PlacedCommand = Extract<Command, { readonly bucket: string }>
/** What belongs to a whole range, or to segments of one. */
export type GroupCommand = Exclude<Command, PlacedCommand>

/** What became of a command that was not refused. */
export type Applied = Exclude<Result, { readonly type: 'refused' }>

export interface CatalogCall {
  /** @default 10 s */
  readonly deadlineMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface CatalogAsk extends CatalogCall {
  /** `stale`: from any replica, as it is; at most a few seconds old as a rule. @default linearizable */
  readonly consistency?: 'linearizable' | 'stale' | undefined
}

/** Questions about a place, and the types of their answers. */
export interface PlacedQuestions {
  readonly object: {
    readonly asked: Place & { readonly version: string | undefined }
    readonly answer: FoundObject
  }
  readonly extents: {
    readonly asked: ContentName & { readonly fromBytes: number; readonly lengthBytes: number }
    readonly answer: Extents
  }
  readonly segments: {
    readonly asked: ContentName & {
      readonly blob: Uint8Array
      readonly first: number
      readonly count: number
    }
    readonly answer: readonly Segment[]
  }
  readonly bucket: { readonly asked: { readonly bucket: string }; readonly answer: Bucket }
  readonly document: {
    readonly asked: { readonly bucket: string; readonly name: string }
    readonly answer: Uint8Array | undefined
  }
  readonly content: { readonly asked: ContentName; readonly answer: Content | undefined }
  /** Why an open content is watched; of an upload, what its object will be. */
  readonly watch: { readonly asked: ContentName; readonly answer: Watch | undefined }
  /** May be fewer than `limit` although there are more; none only behind the last. */
  readonly parts: {
    readonly asked: ContentName & { readonly after: number; readonly limit: number }
    readonly answer: readonly NumberedPart[]
  }
}

/** Questions to one group, by its number. */
export interface GroupQuestions {
  readonly segmentsOf: {
    readonly asked: PageOptions & { readonly seat: number }
    readonly answer: Page<PlacedSegment>
  }
  readonly debts: { readonly asked: PageOptions; readonly answer: Page<PlacedSegment> }
  readonly allSegments: { readonly asked: PageOptions; readonly answer: Page<PlacedSegment> }
  readonly garbage: { readonly asked: PageOptions; readonly answer: Page<GarbageFragment> }
  readonly watches: { readonly asked: PageOptions; readonly answer: Page<WatchedContent> }
  readonly outbox: { readonly asked: PageOptions; readonly answer: Page<OwedRelease> }
  /** Documents of this name, of buckets whose home is the group's range. */
  readonly documentsNamed: {
    readonly asked: PageOptions & { readonly name: string }
    readonly answer: Page<BucketDocument>
  }
  readonly hasReleased: { readonly asked: object; readonly answer: boolean }
}

export type PlacedQuestion = keyof PlacedQuestions
export type GroupQuestion = keyof GroupQuestions

/** Lists over all ranges that a bucket, or all buckets, lie in: one page. */
export interface BucketEntry {
  readonly name: string
  readonly record: Bucket
}

export interface Catalog {
  /**
   * @throws {HoldfastError} `NO_QUORUM`, `BUSY`: not done; `OUTCOME_UNKNOWN`; what the catalog
   *   refuses (`NO_SUCH_KEY`, `PRECONDITION_FAILED`, …)
   */
  propose(command: PlacedCommand, options?: CatalogCall): Promise<Applied>
  ask<Type extends PlacedQuestion>(
    type: Type,
    asked: PlacedQuestions[Type]['asked'],
    options?: CatalogAsk,
  ): Promise<PlacedQuestions[Type]['answer']>

  /** One page, over as many ranges as it takes; `next` only if there is more. */
  listObjects(
    options: ListOptions,
    ask?: CatalogAsk,
  ): Promise<Pick<ObjectList, 'objects' | 'prefixes' | 'next'>>
  listVersions(
    options: VersionListOptions,
    ask?: CatalogAsk,
  ): Promise<Pick<VersionList, 'versions' | 'prefixes' | 'next'>>
  listUploads(bucket: string, options: PageOptions, ask?: CatalogAsk): Promise<Page<WatchedContent>>
  listBuckets(
    options: { readonly after: string | undefined; readonly limit: number },
    ask?: CatalogAsk,
  ): Promise<readonly BucketEntry[]>
  /** Over all ranges the bucket lies in. */
  usage(bucket: string, ask?: CatalogAsk): Promise<Usage>

  /** Every group of the catalog, ascending. */
  groups(call?: CatalogCall): Promise<readonly number[]>
  /** The group whose range a place is in, as far as is known here. */
  groupOf(place: Place, call?: CatalogCall): Promise<number>
  /** Groups of the catalog that this peer leads now. */
  led(): readonly number[]
  /** Told whenever `led` may have changed; returns what ends that. */
  onLed(listener: () => void): () => void
  /** To a group that this peer leads. @throws {HoldfastError} `NOT_LEADER` otherwise */
  proposeTo(group: number, command: GroupCommand, options?: CatalogCall): Promise<Applied>
  askOf<Type extends GroupQuestion>(
    group: number,
    type: Type,
    asked: GroupQuestions[Type]['asked'],
    options?: CatalogCall,
  ): Promise<GroupQuestions[Type]['answer']>
  /** To whoever has the group, this peer or another. */
  askGroup<Type extends GroupQuestion>(
    group: number,
    type: Type,
    asked: GroupQuestions[Type]['asked'],
    options?: CatalogCall,
  ): Promise<GroupQuestions[Type]['answer']>
}
