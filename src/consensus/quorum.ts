/**
 * All arithmetic of majorities: one place, so that reads, commits and elections cannot count
 * differently. A joint configuration decides by a majority of each half.
 */
import type { Configuration } from './configuration.ts'
import type { ReplicaId } from './entry.ts'

/** More than half. */
export const majorityOf = (count: number): number => Math.floor(count / 2) + 1

/**
 * The largest value that a majority has reached in every half; Infinity if nobody needs to.
 * `valueOf` is never asked about anybody but voters.
 */
export function reachedByQuorum(
  { voters, outgoing }: Configuration,
  valueOf: (voter: ReplicaId) => number,
): number {
  return Math.min(reachedByMajority(voters, valueOf), reachedByMajority(outgoing, valueOf))
}

function reachedByMajority(
  voters: readonly ReplicaId[],
  valueOf: (voter: ReplicaId) => number,
): number {
  if (voters.length === 0) return Number.POSITIVE_INFINITY
  const falling = voters.map(valueOf).toSorted((a, b) => b - a)
  return falling[majorityOf(voters.length) - 1] as number
}

/** Whether these are enough to decide. */
export const isQuorum = (
  configuration: Configuration,
  isCounted: (voter: ReplicaId) => boolean,
): boolean => reachedByQuorum(configuration, voter => (isCounted(voter) ? 1 : 0)) >= 1

export type Outcome = 'won' | 'lost' | 'pending'

/** How an election stands; whoever has not answered is not in `votes`. */
export function outcomeOf(
  configuration: Configuration,
  votes: ReadonlyMap<ReplicaId, boolean>,
): Outcome {
  if (isQuorum(configuration, voter => votes.get(voter) === true)) return 'won'
  // Even if all the others said yes.
  return isQuorum(configuration, voter => votes.get(voter) !== false) ? 'pending' : 'lost'
}
