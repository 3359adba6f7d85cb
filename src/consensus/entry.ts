/** Names a replica: a peer and the store it writes to. Opaque to the core. */
export type ReplicaId = string

/** What an entry of the log is for. */
export type EntryKind =
  /** Opens a term: with it everything of earlier terms is committed (§8). */
  | 'noop'
  /** For the state machine. */
  | 'command'
  /** The configuration from here on, encoded (configuration.ts). */
  | 'configuration'

/** An entry of the log. Nobody changes one after it was made. */
export interface Entry {
  readonly index: number
  readonly term: number
  readonly kind: EntryKind
  readonly data: Uint8Array
}

/** What a replica must never forget (§5.2); `commit` is only a hint that saves time after a start. */
export interface HardState {
  readonly term: number
  /** Who got this replica's vote in `term`. */
  readonly vote: ReplicaId | undefined
  readonly commit: number
}

/** A place in the log. */
export interface LogMark {
  readonly index: number
  readonly term: number
}

/** What an entry takes of a message, about, beside its data. */
export const ENTRY_OVERHEAD_BYTES = 24

export const entryBytes = ({ data }: Entry): number => data.length + ENTRY_OVERHEAD_BYTES
