/** Told how long what matters of agreement took, in milliseconds. */
export interface ConsensusMeter {
  /** So many entries, which the state took together. */
  applied(entries: number, ms: number): void
  /** A command, from here to its answer. */
  commanded(isDone: boolean, ms: number): void
  /** Until the state here was as new as a linearizable read needs it. */
  caughtUp(isDone: boolean, ms: number): void
  /** A frame of the log, written and synced. */
  synced(ms: number): void
}
