import type { Random } from '../base/environment.ts'
import type { ReplicaId } from './entry.ts'

export interface RaftOptions {
  readonly self: ReplicaId
  readonly random: Random
  /** An election begins when no leader was heard for a random time of at least so long. */
  readonly electionMinMs: number
  /** … and less than this. A leader that no majority answers for so long stops leading. */
  readonly electionMaxMs: number
  readonly heartbeatMs: number
  /** How often ticks come; a gap of more than two of them counts as one. */
  readonly tickMs: number
  /** How long a confirmed round makes reads safe; 0 for never. Less than `electionMinMs`. */
  readonly leaseMs: number
  /** Ask whether an election could be won before disturbing anybody. */
  readonly hasPreVote: boolean
  readonly messageBytesMax: number
  readonly messageEntriesMax: number
  /** Appends that may be on their way to one replica. */
  readonly windowMessagesMax: number
  readonly windowBytesMax: number
  /** Proposals that may wait for their majority; more are refused. */
  readonly uncommittedBytesMax: number
}

/** For replicas in one place: over a wide area every time is to be three times as long. */
export const raftDefaults: Omit<RaftOptions, 'self' | 'random'> = {
  electionMinMs: 300,
  electionMaxMs: 600,
  heartbeatMs: 50,
  tickMs: 10,
  leaseMs: 0,
  hasPreVote: true,
  messageBytesMax: 262_144,
  messageEntriesMax: 4_096,
  windowMessagesMax: 256,
  windowBytesMax: 4_194_304,
  uncommittedBytesMax: 67_108_864,
}
