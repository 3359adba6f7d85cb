import {
  type Codec,
  flag,
  list,
  natural,
  oneOf,
  optional,
  struct,
  text,
  variant,
  type Versioned,
  versioned,
} from './codec.ts'
import { type Bucket, bucketCodec, type RangeState, rangeCodec } from './records.ts'
import { type Refusal, refusalCodec } from './refusals.ts'

/** What became of a command. Recorded by the host for its session, so it has bytes of its own. */
export type Result =
  | { readonly type: 'done' }
  /** Nothing was changed. */
  | { readonly type: 'refused'; readonly refusal: Refusal }
  | { readonly type: 'bucket'; readonly record: Bucket }
  /** The version that was written, or by a deletion removed; undefined if there was none. */
  | {
      readonly type: 'version'
      readonly version: string | undefined
      readonly isMarker: boolean
      /** When it was written. */
      readonly ms: number
      readonly etag: string
    }
  /** So many versions, or uploads, have ended. */
  | { readonly type: 'expired'; readonly count: number }
  | { readonly type: 'content'; readonly state: 'open' | 'kept' | 'released' }
  | { readonly type: 'collected'; readonly rows: number; readonly isMore: boolean }
  /** The revisions of the segments, in the order of the command. */
  | { readonly type: 'placed'; readonly revisions: readonly number[] }
  | {
      readonly type: 'range'
      readonly range: RangeState
      /** By a split. */
      readonly child: RangeState | undefined
    }
  /** 0 if it is gone. */
  | { readonly type: 'register'; readonly revision: number }

type ResultOf<Type extends Result['type']> = Omit<Extract<Result, { type: Type }>, 'type'>

const resultCodec: Codec<Result> = variant<'type', Result>('type', {
  done: [0, struct<object>({})],
  refused: [1, struct<ResultOf<'refused'>>({ refusal: refusalCodec })],
  bucket: [2, struct<ResultOf<'bucket'>>({ record: bucketCodec })],
  version: [
    3,
    struct<ResultOf<'version'>>({
      version: optional(text(32)),
      isMarker: flag,
      ms: natural(),
      etag: text(128),
    }),
  ],
  content: [4, struct<ResultOf<'content'>>({ state: oneOf('open', 'kept', 'released') })],
  collected: [5, struct<ResultOf<'collected'>>({ rows: natural(), isMore: flag })],
  placed: [6, struct<ResultOf<'placed'>>({ revisions: list(natural(), 256) })],
  range: [7, struct<ResultOf<'range'>>({ range: rangeCodec, child: optional(rangeCodec) })],
  expired: [9, struct<ResultOf<'expired'>>({ count: natural() })],
  register: [8, struct<ResultOf<'register'>>({ revision: natural() })],
})

export const results: Versioned<Result> = versioned(1, 16_384, resultCodec)

export const DONE: Result = { type: 'done' }
