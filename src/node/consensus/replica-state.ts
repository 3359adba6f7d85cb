/**
 * What a replica applies its log to. There are two kinds: state in memory, kept as files
 * (memory-state.ts), and the catalog's, kept in a key-value store (catalog/range-state.ts).
 *
 * A replica calls one thing at a time of `apply` and `install`; everything else may come meanwhile.
 * A failure of any of them ends the replica; it goes on with another state, opened from the disk.
 */
import type { LogMark } from '../../consensus/entry.ts'
import type { SnapshotMark } from '../../consensus/raft-event.ts'
import type { Command } from '../../consensus/state-machine.ts'

/** Commands that follow on each other in the log. */
export interface Run {
  readonly commands: readonly Command[]
  /** What the state is made of behind them; its configuration is in force at each of them. */
  readonly mark: SnapshotMark
}

export type Results = readonly Uint8Array[]

export interface ReplicaState {
  /** What it was made of when it was opened. */
  readonly start: SnapshotMark
  /** The command as it is to be appended, by the leader: with its time, for instance. */
  prepare(command: Uint8Array): Uint8Array
  /** One result for each command. Total: see `StateMachine.apply`. */
  apply(run: Run): Results | Promise<Results>
  /** Answers from the state as it is. */
  query(question: Uint8Array): Uint8Array | Promise<Uint8Array>
  /**
   * Makes durable what was applied up to `mark`, which is all; returns up to which index entries are
   * no longer needed for it.
   */
  secure(mark: SnapshotMark): Promise<number>
  /** A file with the state at `index` or later. @throws {HoldfastError} `CORRUPT` if there is none */
  snapshot(index: number): Promise<HeldSnapshot>
  /** Becomes what a received file holds, durably. */
  install(mark: SnapshotMark): Promise<void>
  /** Resolves when nothing of it is under way any more. */
  close(): Promise<void>
}

/** A snapshot file for as long as somebody reads it. */
export interface HeldSnapshot {
  readonly path: string
  readonly mark: LogMark
  release(): Promise<void>
}

/** The states of all groups on this peer. */
export interface ReplicaStates {
  /** What a group's state here is made of. */
  mark(group: number): Promise<SnapshotMark>
  open(group: number): Promise<ReplicaState>
  /** Removes whatever there is of a group: it begins anew. */
  erase(group: number): Promise<void>
}

/** A state that nothing was applied to. */
export const NOTHING: SnapshotMark = {
  index: 0,
  term: 0,
  configuration: { voters: [], outgoing: [], learners: [] },
}
