import { liarsOf } from './marzullo.ts'
import type { Sample } from './sample.ts'
import type { Source } from './source.ts'

/**
 * Whose word counts, and how many of them may lie.
 *
 * For UTC: the configured servers; and the peers that were asked, if more than half of them say they
 * know it, for then even liars who conspire are outnumbered. A peer without servers counts itself
 * among those that do not know. Sources that were silent count too, as if they might have
 * contradicted: of M sources ⌈M/2⌉ - 1 may lie, and what the others agree on is believed. If all
 * together do not agree closely enough to be of use, the servers alone decide.
 *
 * For time among peers: those who have agreed already do not look at those who have not. A newcomer
 * follows them, and does not count itself, if they are enough to outvote all liars without it. Where
 * they are not enough everybody who answers counts; whoever is wrong is then one more liar.
 */
export interface Election {
  readonly voices: readonly Answered[]
  readonly liars: number
}

/** A source that answered. */
export type Answered = Source & { readonly sample: Sample }

/** The elections for UTC: with the peers if they are asked at all, and among the servers alone. */
export function electionsOf(
  servers: readonly Source[],
  peers: readonly Source[],
  nowMs: number,
): { readonly all: Election | undefined; readonly inner: Election } {
  const own = answeredOf(servers)
  const claims = answeredOf(peers).filter(peer => knowsUtc(peer) && !peer.isExcluded(nowMs))
  const inner = { voices: own, liars: liarsOf(servers.length) }
  const arePeersAsked = claims.length * 2 > peers.length
  if (!arePeersAsked) return { all: undefined, inner }
  const unknowing = servers.length === 0 ? 1 : 0
  const liars = liarsOf(servers.length + peers.length + unknowing)
  return { all: { voices: [...own, ...claims], liars }, inner }
}

/** Who agrees on time among peers; undefined if too few answered to outvote liars. */
export function electorsOf(
  peers: readonly Source[],
  nowMs: number,
  isTrusted: boolean,
): { readonly voices: readonly Answered[]; readonly isOwnCounted: boolean } | undefined {
  const liars = liarsOf(peers.length + 1)
  const usable = answeredOf(peers).filter(peer => !peer.isExcluded(nowMs))
  const synced = usable.filter(({ standing }) => standing.status === 'SYNCED')
  if (!isTrusted && synced.length > 2 * liars) return { voices: synced, isOwnCounted: false }
  // The median of m clocks is an honest one, or between two, only if there are over 2f of them.
  const areEnough = (voices: readonly Answered[]): boolean => voices.length + 1 > 2 * liars
  if (isTrusted && areEnough(synced)) return { voices: synced, isOwnCounted: true }
  return areEnough(usable) ? { voices: usable, isOwnCounted: true } : undefined
}

/** Most of the peers are so far away that they will soon reject what is stamped here. */
export function areMostFar(peers: readonly Source[], correctionMs: number, farMs: number): boolean {
  const far = answeredOf(peers).filter(
    ({ sample, standing }) =>
      standing.status === 'SYNCED' &&
      Math.abs(sample.correctionMs - correctionMs) - sample.delayMs / 2 > farMs,
  )
  return far.length * 2 > peers.length + 1
}

/** Until they are chosen, nothing rests on those who answered. */
export function markAnswered(sources: readonly Source[], nowMs: number): void {
  for (const source of answeredOf(sources)) {
    source.verdict = source.isExcluded(nowMs) ? 'excluded' : 'surplus'
  }
}

export const nameOf = ({ kind, name }: Source): string => `${kind} ${name}`

const answeredOf = (sources: readonly Source[]): Answered[] =>
  sources.filter((source): source is Answered => source.sample !== undefined)

const knowsUtc = ({ standing }: Source): boolean =>
  standing.basis === 'utc' && standing.status === 'SYNCED'
