import { compare } from '../../base/bytes.ts'
import {
  type Codec,
  list,
  natural,
  oneOf,
  struct,
  text,
  type Versioned,
  versioned,
} from '../../catalog/codec.ts'
import type { RangeState } from '../../catalog/records.ts'
import { overlaps, type Shard, shardCodec } from '../../catalog/shard-map.ts'
import type { ReplicaId } from '../../consensus/entry.ts'

/**
 * Which group has which range: one value of the replicated map, changed by compare-and-set. Each
 * group's leader writes what its own range says; where two overlap, the one of the later epoch is
 * right. Between two writes there may be a gap, never two groups for one place.
 */
export interface ShardRecord {
  /** The first group is to be founded; from `founded` on it never is again. */
  readonly state: 'decided' | 'founded'
  /** The replica that is its only voter at first. */
  readonly founder: ReplicaId
  /** The number of the next group; none is ever given twice. */
  readonly next: number
  /** In order of `lo`. */
  readonly shards: readonly Shard[]
}

export const SHARDS_KEY = 'catalog/shards'
/** The peers that have a replica of a group, as a hint for those who have none. */
export const membersKey = (group: number): string => `catalog/members/${group}`

const FIRST_GROUP = 1
/** A value of the map. */
const RECORD_BYTES_MAX = 65_536
const PEERS_MAX = 32
const everything = { lo: new Uint8Array(0), hi: new Uint8Array(0) }
const shards: Codec<readonly Shard[]> = list(shardCodec, 4_096)

export const shardRecords: Versioned<ShardRecord> = versioned(
  1,
  RECORD_BYTES_MAX,
  struct<ShardRecord>({
    state: oneOf('decided', 'founded'),
    founder: text(256),
    next: natural(0xffff),
    shards,
  }),
)

export const memberLists: Versioned<readonly string[]> = versioned(
  1,
  RECORD_BYTES_MAX,
  list(text(256), PEERS_MAX),
)

/** A group that covers everything is to be founded by this replica; it takes over from another one. */
export function decidedBy(founder: ReplicaId, before: ShardRecord | undefined): ShardRecord {
  const group = before?.next ?? FIRST_GROUP
  const shard = { group, ...everything, epoch: 1, voters: [], learners: [] }
  return { state: 'decided', founder, next: group + 1, shards: [shard] }
}

/** The record once it says what a group's range is; undefined if it need not, or must not, change. */
export function withRange(
  record: ShardRecord,
  group: number,
  { lo, hi, epoch }: RangeState,
): ShardRecord | undefined {
  const shard = { group, lo, hi, epoch, voters: [], learners: [] }
  const isKnown = (other: Shard): boolean =>
    (other.group === group || overlaps(other, shard)) && other.epoch >= epoch
  if (record.shards.some(isKnown)) return undefined
  const others = record.shards.filter(other => other.group !== group && !overlaps(other, shard))
  return { ...record, shards: [...others, shard].toSorted((a, b) => compare(a.lo, b.lo)) }
}
