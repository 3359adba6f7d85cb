import type { Configuration } from './configuration.ts'
import type { ReplicaId } from './entry.ts'

/** A peer as the leader sees it: measured by others, but for what it can only lose by. */
export interface ElectionPeer {
  /** The replica it would be, or is: the peer with the store it has now. */
  readonly replica: ReplicaId
  /** Replicas it was with stores it no longer has. They never come back. */
  readonly former: readonly ReplicaId[]
  /** Where it stands: what is likely to fail together has the same name. */
  readonly zone: string
  readonly state: 'alive' | 'suspect' | 'dead'
  /** For how long it has been so. */
  readonly stateMs: number
  /** For how long it has been alive without a restart. */
  readonly upMs: number
  /** Stability, 0 … 1. */
  readonly score: number
  /** Names of the demands on a voter that it does not meet: a clock, a disk, a way to reach it. */
  readonly failing: readonly string[]
  /** How often it was suspected and came back, per hour. */
  readonly flapsPerHour: number
}

/** The group as its own replica sees it. */
export interface ElectionGroup {
  readonly self: ReplicaId
  readonly isLeader: boolean
  readonly configuration: Configuration
  /** A change is not committed yet, or the leader is too new to make one. */
  readonly isChanging: boolean
  /** Of all others in the configuration. */
  readonly progress: ReadonlyMap<ReplicaId, ElectionProgress>
}

export interface ElectionProgress {
  /** Entries of the log it does not have yet. */
  readonly lag: number
  /** Since the leader last heard from it. */
  readonly silentMs: number
}

/** Why the configuration is to change. */
export type ElectionReason =
  /** There are peers enough for more voters. */
  | { readonly code: 'GROW'; readonly from: number; readonly to: number }
  /** Too few peers are left for so many voters. */
  | { readonly code: 'SHRINK'; readonly from: number; readonly to: number }
  | Replacement<'REPLACE_DEAD', { readonly deadMs: number; readonly silentMs: number }>
  /** Its peer has another store now, so this replica never comes back. */
  | Replacement<'REPLACE_WIPED', object>
  /** Others find it alive, the leader has not heard from it for long. */
  | Replacement<'REPLACE_SILENT', { readonly silentMs: number }>
  | Replacement<'DEMOTE_FLAPPING', { readonly flapsPerHour: number }>
  /** Too many voters stand in one zone. */
  | Replacement<'SPREAD_ZONES', { readonly zone: string; readonly voters: number }>
  /** Another peer has been clearly steadier for long. */
  | Replacement<'SWAP', { readonly score: number; readonly byScore: number }>
  /** It is to get the log, so that it can become a voter at once; `purpose` says what for. */
  | { readonly code: 'ADD_LEARNER'; readonly replica: ReplicaId; readonly purpose: LearnerPurpose }
  | { readonly code: 'DROP_LEARNER'; readonly replica: ReplicaId; readonly why: LearnerFault }

export type LearnerPurpose =
  | Exclude<ElectionReason['code'], 'ADD_LEARNER' | 'DROP_LEARNER'>
  /** A voter seems dead, and may soon have to be replaced. */
  | 'PREPARE'
  /** The only voter's log is to exist twice. */
  | 'COPY'

export type LearnerFault = 'dead' | 'wiped' | 'flapping' | 'not needed'

type Replacement<Code, Numbers> = Numbers & {
  readonly code: Code
  readonly replica: ReplicaId
  readonly by: ReplicaId
}

/** Why nothing is changed although something could be. */
export type ElectionHold =
  | { readonly code: 'NOT_LEADER' }
  | { readonly code: 'CHANGING' }
  /** Nobody may take the place: not alive, not eligible, or of the wrong zone. */
  | { readonly code: 'NO_CANDIDATE'; readonly purpose: LearnerPurpose }
  | {
      readonly code: 'CATCHING_UP'
      readonly replica: ReplicaId
      readonly lag: number
      readonly stableMs: number
    }
  /** Changes that are not urgent keep their distance. */
  | { readonly code: 'SPACING'; readonly leftMs: number }
  /** The change could cost the group its majority. */
  | { readonly code: 'QUORUM_AT_RISK'; readonly healthy: number; readonly needed: number }
