/** A committed command on its way into the state. */
export interface Command {
  readonly index: number
  readonly data: Uint8Array
  /** The time of the log at it, where the log carries one: rises or stays. */
  readonly timeMs?: number
}

/**
 * What a group replicates. All replicas apply the same commands in the same order, so `apply` may
 * depend on nothing but state and command: no clock, no chance, no order of a hash table.
 */
export interface StateMachine {
  /**
   * Applies commands in order and returns one result for each. Total: what a command asks for in
   * vain is told by its result. Throws only on a bug, which stops the replica.
   */
  apply(commands: readonly Command[]): readonly Uint8Array[]
  /** Answers a question from the state as it is. Changes nothing. May throw `HoldfastError`. */
  query(question: Uint8Array): Uint8Array
  /** The whole state in pieces of up to `SNAPSHOT_PIECE_BYTES_MAX`; later applies do not change it. */
  snapshot(): Iterable<Uint8Array>
  /** Becomes what `snapshot` wrote; whatever it was before is gone. Takes the pieces over. */
  restore(pieces: readonly Uint8Array[]): void
}

/** The largest piece of a snapshot: what one message carries. */
export const SNAPSHOT_PIECE_BYTES_MAX = 262_144
