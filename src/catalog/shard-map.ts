import { compare } from '../base/bytes.ts'
import { bytes, type Codec, list, natural, struct, type Versioned, versioned } from './codec.ts'
import { type Position, POSITION_BYTES_MAX } from './position.ts'

/**
 * Which group has which range. The system group keeps the truth; everybody else a copy that may be
 * old, and is mended by whatever newer descriptor arrives: in an answer to a request under a stale
 * epoch, or by announcement.
 *
 * Invariant of the truth: descriptors tile the key space, from the empty position to the end.
 */
export interface Shard {
  readonly group: number
  /** Positions from `lo` on and below `hi`; an empty `hi` is the end. */
  readonly lo: Position
  readonly hi: Position
  /** Where two descriptors overlap the one with the higher epoch is right. */
  readonly epoch: number
  /** Seats. */
  readonly voters: readonly number[]
  readonly learners: readonly number[]
}

const seats = list(natural(0xffff_ffff), 32)
export const shardCodec: Codec<Shard> = struct<Shard>({
  group: natural(0xffff_ffff),
  lo: bytes(POSITION_BYTES_MAX),
  hi: bytes(POSITION_BYTES_MAX),
  epoch: natural(),
  voters: seats,
  learners: seats,
})

export const shardRow: Versioned<Shard> = versioned(1, 4_096, shardCodec)

/** Descriptors that a copy may hold. */
const SHARDS_MAX = 65_536

export const holds = (
  { lo, hi }: { readonly lo: Position; readonly hi: Position },
  position: Position,
): boolean => compare(lo, position) <= 0 && (hi.length === 0 || compare(position, hi) < 0)

/** Whether two ranges have a position in common. */
export const overlaps = (
  a: { readonly lo: Position; readonly hi: Position },
  b: { readonly lo: Position; readonly hi: Position },
): boolean =>
  (b.hi.length === 0 || compare(a.lo, b.hi) < 0) && (a.hi.length === 0 || compare(b.lo, a.hi) < 0)

/** Whether `shards`, in order of `lo`, are exactly the range from `lo` to `hi`. */
export function tiles(
  shards: readonly Shard[],
  { lo, hi }: { readonly lo: Position; readonly hi: Position },
): boolean {
  let next: Position | undefined = lo
  for (const shard of shards) {
    if (next === undefined || compare(shard.lo, next) !== 0) return false
    if (shard.hi.length > 0 && compare(shard.lo, shard.hi) >= 0) return false
    next = shard.hi.length > 0 ? shard.hi : undefined
  }
  return next === undefined ? hi.length === 0 : compare(next, hi) === 0 && shards.length > 0
}

/** A copy of the shard map. Where it knows nothing the system group is to be asked. */
export class ShardMap {
  /** In order of `lo`, without overlap. */
  #shards: readonly Shard[] = []

  get shards(): readonly Shard[] {
    return this.#shards
  }

  find(position: Position): Shard | undefined {
    let [from, to] = [0, this.#shards.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if (compare((this.#shards[middle] as Shard).lo, position) <= 0) from = middle + 1
      else to = middle
    }
    const shard = this.#shards[from - 1]
    return shard !== undefined && holds(shard, position) ? shard : undefined
  }

  /**
   * Takes in a descriptor unless one with a higher epoch contradicts it; those it contradicts go.
   * Returns whether anything changed.
   */
  learn(shard: Shard): boolean {
    const contradicted = this.#shards.filter(known => overlaps(known, shard))
    if (contradicted.some(known => known.epoch > shard.epoch)) return false
    if (contradicted.some(known => known.epoch === shard.epoch && known.group !== shard.group)) {
      return false
    }
    const kept = this.#shards.filter(known => !overlaps(known, shard))
    if (kept.length >= SHARDS_MAX) return false
    this.#shards = [...kept, shard].toSorted((a, b) => compare(a.lo, b.lo))
    return true
  }
}
