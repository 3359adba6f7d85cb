import { toUtf8 } from '../base/bytes.ts'
import { HoldfastError } from '../base/errors.ts'
import type { Position } from '../catalog/position.ts'
import type { Shard } from '../catalog/shard-map.ts'
import type { Ranges } from './catalog/ranges.ts'

/** Where a range of the catalog begins or ends: buckets go by their hash, keys by their bytes. */
export interface RangeEdge {
  readonly bucket: string
  /** Empty where a bucket begins. */
  readonly key: string
}

/** A contiguous part of the catalog, and the group that has it. */
export interface RangeView {
  readonly group: number
  /** Which change of ranges it is the result of. */
  readonly epoch: number
  /** First place that belongs to it; missing in the first range. */
  readonly from?: RangeEdge
  /** First place behind it; missing in the last range. */
  readonly to?: RangeEdge
}

export interface RangeCalls {
  /** Every range of the catalog, in order. @throws {HoldfastError} `NO_QUORUM`, `NOT_AUTHORISED` */
  ranges(options?: { readonly signal?: AbortSignal | undefined }): Promise<readonly RangeView[]>
  /**
   * Makes what lies at or above a place a group of its own, with the same voters, while everything
   * goes on; nothing is copied. Ranges that hold too much are split without being told.
   * @returns the number of the new group
   * @throws {HoldfastError} `INVALID_COMMAND` if a range begins there already; `NO_QUORUM`, …
   */
  splitRange(
    at: { readonly bucket: string; readonly key?: string },
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<number>
}

/** @param ranges undefined where there is no catalog */
export function rangeCalls(ranges: () => Ranges | undefined): RangeCalls {
  const known = (): Ranges => ranges() ?? refuse()
  return {
    ranges: async (options = {}) => (await known().list(options)).map(rangeView),
    splitRange: async ({ bucket, key = '' }, options = {}) =>
      known().split({ bucket, key }, options),
  }
}

/** A range in words that people can read. */
export const rangeView = ({ group, epoch, lo, hi }: Shard): RangeView => ({
  group,
  epoch,
  ...(lo.length > 0 && { from: edgeOf(lo) }),
  ...(hi.length > 0 && { to: edgeOf(hi) }),
})

const HASH_BYTES = 8

function edgeOf(position: Position): RangeEdge {
  const end = position.indexOf(0, HASH_BYTES)
  const bucket = toUtf8(position.subarray(HASH_BYTES, end))
  return { bucket, key: toUtf8(position.subarray(end + 1)) }
}

function refuse(): never {
  const details = { code: 'NOT_AUTHORISED', peer: 'this peer', protocol: 'catalog' } as const
  throw new HoldfastError('Cannot do that here: a storage member has no catalog', details)
}
