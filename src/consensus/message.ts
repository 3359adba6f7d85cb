import type { Entry, LogMark, ReplicaId } from './entry.ts'

/**
 * What replicas of a group say to each other. `term` is the sender's, except in a pre-vote and its
 * grant, where it is the term that the candidate would begin.
 *
 *     candidate  ── preVote ──▶  everybody   ── preVoteAnswer ──▶  candidate       nothing changes
 *     candidate  ── vote ─────▶  everybody   ── voteAnswer ─────▶  candidate       durable at both
 *     leader     ── append ───▶  a replica   ── appendAnswer ───▶  leader          a hit: durable
 *     leader     ── heartbeat ▶  a replica   ── heartbeatAnswer ▶  leader
 *     leader     ── timeoutNow ▶ a voter     who begins an election at once (§3.10 of the thesis)
 *
 * Snapshots travel outside: the core only says to whom one must go, and is told when one has come.
 */
export type Message = { readonly from: ReplicaId; readonly to: ReplicaId } & Body

export type Body =
  | PreVote
  | PreVoteAnswer
  | Vote
  | VoteAnswer
  | Append
  | AppendAnswer
  | Heartbeat
  | HeartbeatAnswer
  | TimeoutNow

export interface PreVote {
  readonly type: 'preVote'
  readonly term: number
  /** The end of the candidate's log. */
  readonly last: LogMark
}

export interface PreVoteAnswer {
  readonly type: 'preVoteAnswer'
  /** Granted: the term that was asked for; refused: the sender's own. */
  readonly term: number
  readonly isGranted: boolean
}

export interface Vote {
  readonly type: 'vote'
  readonly term: number
  readonly last: LogMark
  /** The leader asked for this election, so nobody needs to protect it. */
  readonly isTransfer: boolean
}

interface VoteAnswer {
  readonly type: 'voteAnswer'
  readonly term: number
  readonly isGranted: boolean
}

export interface Append {
  readonly type: 'append'
  readonly term: number
  /** The entry before the first. */
  readonly previous: LogMark
  readonly entries: readonly Entry[]
  readonly commit: number
}

export interface AppendAnswer {
  readonly type: 'appendAnswer'
  readonly term: number
  /** A hit: everything up to here is as the leader has it, and durable. */
  readonly match: number
  /** A miss: which `previous` did not fit, and where the logs may still agree. */
  readonly miss: { readonly index: number; readonly hint: LogMark } | undefined
}

export interface Heartbeat {
  readonly type: 'heartbeat'
  readonly term: number
  /** No more than the receiver is known to hold. */
  readonly commit: number
  /** Counts up with every heartbeat of a leader; the answer repeats it. */
  readonly round: number
}

interface HeartbeatAnswer {
  readonly type: 'heartbeatAnswer'
  readonly term: number
  readonly round: number
}

interface TimeoutNow {
  readonly type: 'timeoutNow'
  readonly term: number
}
