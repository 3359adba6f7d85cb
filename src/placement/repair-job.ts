import type { SegmentView } from './segment-view.ts'

/**
 * One segment that is to be made whole, or one fragment that is to move. Its life:
 *
 *     waiting → building → proving → placing → done
 *
 * A fragment that was built is not listed anywhere before its new holder has proven, by a keyed
 * challenge over the stored bytes, that it has it. A job that fails, is refused or loses its reason
 * on the way ends; what is still lost then comes back with the next list.
 */
export interface Target {
  readonly index: number
  /** Who is to hold it. */
  readonly seat: number
}

export interface Job {
  readonly id: number
  /** For want of a holder, for one that is to be emptied, or as a plan says. */
  readonly kind: 'repair' | 'drain' | 'move'
  segment: SegmentView
  /** Which fragments are wanted elsewhere. */
  wanted: readonly number[]
  /** How many more of the segment's fragments may be lost; the smallest go first. */
  margin: number
  state: 'waiting' | 'building' | 'proving' | 'placing'
  targets: readonly Target[]
  startedMs: number
}

/** Smallest margin first, repairs before all else, then in the order they came. */
export const compareJobs = (a: Job, b: Job): number =>
  Number(a.kind !== 'repair') - Number(b.kind !== 'repair') || a.margin - b.margin || a.id - b.id
