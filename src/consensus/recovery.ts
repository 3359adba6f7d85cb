/**
 * When a majority of voters is gone for good, the group can never decide again by itself. Somebody
 * has to say that the others will not come back, and make a new group from the best that survived.
 *
 *  1. Of the intact survivors the one with the greatest last (term, index) is chosen, as voters
 *     would choose a leader. It has everything that was acknowledged, unless that was known only to
 *     the lost: which nobody can tell.
 *  2. It becomes the only voter, under a new name, in a term a million higher than any seen, with
 *     everything in its log counted as decided.
 *  3. The new group carries a new epoch. Peers of the old one are refused at the handshake, for if
 *     the lost came back after all they would make a majority of the old group. The other survivors
 *     begin anew as learners.
 *
 * Nothing is planned where the group can still help itself, or where what survives is damaged.
 */
import type { Configuration } from './configuration.ts'
import type { LogMark, ReplicaId } from './entry.ts'
import { majorityOf } from './quorum.ts'

/** What is left of a group on one peer. */
export interface Survivor {
  readonly group: number
  readonly replica: ReplicaId
  readonly term: number
  /** The end of its log. */
  readonly last: LogMark
  /** As far as it knew. */
  readonly commit: number
  /** The last one in its log or snapshot, decided or not. */
  readonly configuration: Configuration
  /** Part of its log or its snapshot cannot be read. */
  readonly isDamaged: boolean
}

export interface RecoveryPlan {
  readonly group: number
  /** The survivor the new group is made of, and the end of its log: it must still be the same. */
  readonly replica: ReplicaId
  readonly last: LogMark
  /** Of the new group's first entry. */
  readonly term: number
  /** Voters whose logs nobody has seen: what only they had is lost. */
  readonly lost: readonly ReplicaId[]
  /** Survivors that must begin anew. */
  readonly wiped: readonly ReplicaId[]
  /** Entries of the chosen log that it did not know to be decided: they will be, though nobody may
   * ever have been told that they were. */
  readonly undecided: number
}

export type RecoveryRefusal =
  | { readonly reason: 'nothing survives' }
  /** They are of different groups, or one is named twice. */
  | { readonly reason: 'not one group' }
  /** Nobody intact is left; damaged logs may have forgotten what they promised. */
  | { readonly reason: 'all are damaged'; readonly survivors: number }
  /** Start these peers instead: they can decide. */
  | { readonly reason: 'majority survives'; readonly have: number; readonly need: number }
  /** None of them has ever heard of any configuration. */
  | { readonly reason: 'no configuration' }

export const TERM_LEAP = 1_000_000

export function planRecovery(
  survivors: readonly Survivor[],
): RecoveryPlan | { readonly refused: RecoveryRefusal } {
  const [first] = survivors
  if (first === undefined) return { refused: { reason: 'nothing survives' } }
  const names = new Set(survivors.map(({ replica }) => replica))
  const isOneGroup = survivors.every(({ group }) => group === first.group)
  if (!isOneGroup || names.size < survivors.length) return { refused: { reason: 'not one group' } }
  const intact = survivors.filter(({ isDamaged }) => !isDamaged).toSorted(bestFirst)
  const [best] = intact
  if (best === undefined) {
    return { refused: { reason: 'all are damaged', survivors: survivors.length } }
  }
  const { voters, outgoing } = best.configuration
  if (voters.length === 0) return { refused: { reason: 'no configuration' } }
  const there = new Set(intact.map(({ replica }) => replica))
  const halves = [voters, outgoing].filter(half => half.length > 0)
  const short = halves.find(half => countIn(half, there) < majorityOf(half.length))
  if (short === undefined) {
    const have = countIn(voters, there)
    return { refused: { reason: 'majority survives', have, need: majorityOf(voters.length) } }
  }
  return {
    group: best.group,
    replica: best.replica,
    last: best.last,
    term: Math.max(...survivors.map(({ term }) => term)) + TERM_LEAP,
    lost: [...new Set([...voters, ...outgoing])].filter(voter => !names.has(voter)).toSorted(),
    wiped: survivors.map(({ replica }) => replica).filter(replica => replica !== best.replica),
    undecided: Math.max(0, best.last.index - best.commit),
  }
}

/** As voters compare logs (§5.4.1); then by name, so that everybody plans the same. */
const bestFirst = (a: Survivor, b: Survivor): number =>
  b.last.term - a.last.term || b.last.index - a.last.index || (a.replica < b.replica ? -1 : 1)

const countIn = (half: readonly ReplicaId[], there: ReadonlySet<ReplicaId>): number =>
  half.filter(voter => there.has(voter)).length
