import type { Configuration } from './configuration.ts'
import type { Entry, HardState, LogMark, ReplicaId } from './entry.ts'
import type { Message } from './message.ts'
import type { SnapshotMark, StoredMark } from './raft-event.ts'

export type RoleName = 'follower' | 'candidate' | 'leader'

/** Why something was not even begun. State unchanged. */
export type Refusal =
  /** Ask `leader`, if there is one. */
  | 'not leader'
  /** Leadership is being handed over. */
  | 'transferring'
  /** Too much waits for its majority. */
  | 'busy'
  /** Another change is under way, or the leader is too new to begin one. */
  | 'changing'
  /** The membership makes no sense, or is what it is already. */
  | 'pointless'

/**
 * What the driver has to do, in order. It does not wait for a `persist` before it goes on: what has
 * to wait for the disk stands in `after`. The persists of a group complete in the order given, and
 * no entry is applied by the driver before those it came after.
 */
export type RaftEffect =
  | { readonly type: 'send'; readonly messages: readonly Message[] }
  | Persist
  /** Committed entries, each exactly once per start, in order. */
  | { readonly type: 'apply'; readonly entries: readonly Entry[] }
  /** The state machine becomes this snapshot, after all applies before and before all behind. */
  | { readonly type: 'install'; readonly snapshot: SnapshotMark }
  | {
      readonly type: 'accepted'
      readonly id: number
      readonly index: number
      readonly term: number
    }
  | {
      readonly type: 'refused'
      readonly id: number
      readonly reason: Refusal
      readonly leader: ReplicaId | undefined
    }
  /** What was read after `index` was applied is not older than the question. */
  | { readonly type: 'readReady'; readonly ids: readonly number[]; readonly index: number }
  | {
      readonly type: 'readRefused'
      readonly ids: readonly number[]
      readonly leader: ReplicaId | undefined
    }
  /**
   * The replica needs a snapshot of at least `index`, from the leader of `term`; answered by
   * `snapshotSent`, always.
   */
  | {
      readonly type: 'sendSnapshot'
      readonly to: ReplicaId
      readonly index: number
      readonly term: number
    }
  /** Who leads, or what this replica is, has changed. */
  | {
      readonly type: 'role'
      readonly role: RoleName
      readonly term: number
      readonly leader: ReplicaId | undefined
    }
  /** In force from now on. */
  | {
      readonly type: 'configured'
      readonly configuration: Configuration
      readonly index: number
    }

/** Everything here becomes durable together, or nothing; then `after` leaves, then event `stored`. */
export interface Persist {
  readonly type: 'persist'
  readonly hard: HardState | undefined
  /** The log begins anew behind this snapshot; whatever was there is void. */
  readonly base: LogMark | undefined
  /** Replace whatever the log has from the first one's index on. */
  readonly entries: readonly Entry[]
  /** Entries up to here need not be kept. */
  readonly trim: LogMark | undefined
  readonly after: readonly Message[]
  readonly stored: StoredMark
}
