/**
 * What to do with a segment when the network has grown or shrunk and another scheme is the target.
 * Which scheme that is the host knows from the erasure core; what it costs to get there is decided
 * here: more parity leaves every fragment in place, another k writes all of them anew.
 */
export interface Redundancy {
  readonly k: number
  readonly m: number
}

export type SchemeChange =
  | { readonly type: 'keep' }
  /** Make the fragments from `k + m` of the segment on, up to the target's. */
  | { readonly type: 'raise'; readonly from: number; readonly to: number }
  | { readonly type: 'recut'; readonly k: number; readonly m: number }

/** A rewrite has to save this share of the bytes stored. */
const OVERHEAD_GAIN = 0.15

export interface SegmentFacts {
  /** Too small to be cut: it stays at k = 1 under the target's m. */
  readonly isReplicated: boolean
  /** Peers that may hold its fragments, in the long run. */
  readonly peers: number
}

/** One that has more fragments than there are peers becomes smaller, whatever that costs. */
export function schemeChange(
  current: Redundancy,
  target: Redundancy,
  { isReplicated, peers }: SegmentFacts,
): SchemeChange {
  const wanted = isReplicated ? { k: 1, m: target.m } : target
  if (current.k + current.m > peers && wanted.k + wanted.m <= peers) {
    return { type: 'recut', ...wanted }
  }
  if (wanted.k === current.k) {
    if (wanted.m <= current.m) return { type: 'keep' }
    return { type: 'raise', from: current.k + current.m, to: wanted.k + wanted.m }
  }
  const isSafer = wanted.m > current.m
  const isLeaner = overhead(wanted) <= overhead(current) * (1 - OVERHEAD_GAIN)
  const isPoorer = wanted.m < current.m
  if (isSafer || (isLeaner && !isPoorer)) return { type: 'recut', ...wanted }
  return { type: 'keep' }
}

const overhead = ({ k, m }: Redundancy): number => (k + m) / k
