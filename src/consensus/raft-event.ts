import type { Membership, Configuration } from './configuration.ts'
import type { LogMark, ReplicaId } from './entry.ts'
import type { Message } from './message.ts'

/** A command that waits to be appended; the id comes back in the answer. */
export interface Proposal {
  readonly id: number
  readonly data: Uint8Array
}

/** A snapshot without its content. */
export interface SnapshotMark extends LogMark {
  /** In force at `index`. */
  readonly configuration: Configuration
}

/** What a persist effect contained, handed back once it is durable. Opaque to the driver. */
export interface StoredMark {
  /** The end of the log as it was written; an outdated term there gives it away (bug class 20). */
  readonly last: LogMark
  readonly term: number
  readonly vote: ReplicaId | undefined
}

/** What happens to a replica. */
export type RaftEvent =
  /** Time has passed; every few milliseconds, late ticks do no harm. */
  | { readonly type: 'tick' }
  | { readonly type: 'message'; readonly message: Message }
  /** Answered by `accepted` or `refused`, each. */
  | { readonly type: 'propose'; readonly proposals: readonly Proposal[] }
  /** Answered by `readReady` or `readRefused`. An id is never used again (bug class 21). */
  | { readonly type: 'read'; readonly ids: readonly number[] }
  /** Answered by `accepted`, or `refused`. */
  | { readonly type: 'change'; readonly id: number; readonly membership: Membership }
  /** Lead on; to whoever is most up to date unless one is named. */
  | { readonly type: 'transfer'; readonly to?: ReplicaId }
  /** What was on its way to the replica may be lost. */
  | { readonly type: 'unreachable'; readonly replica: ReplicaId }
  /** The transfer that a `sendSnapshot` asked for ended. */
  | {
      readonly type: 'snapshotSent'
      readonly to: ReplicaId
      readonly index: number
      readonly isDone: boolean
    }
  /** A snapshot from the leader of `term` is here, whole and durable. */
  | {
      readonly type: 'snapshotReceived'
      readonly from: ReplicaId
      readonly term: number
      readonly snapshot: SnapshotMark
    }
  /** A persist effect is durable, and so is every earlier one. */
  | { readonly type: 'stored'; readonly stored: StoredMark }
  /** A durable snapshot holds everything up to `index`; entries up to `keepFrom` may go. */
  | { readonly type: 'compact'; readonly snapshot: SnapshotMark; readonly keepFrom: number }
