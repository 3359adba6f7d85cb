/**
 * What a replica is whatever its role: term, vote, log, configuration, its sense of time, and what
 * the step under way wants written. Roles read and change it; nobody else does.
 */
import { assert } from '../base/assert.ts'
import { type Configuration, decodeConfiguration, isVoter } from './configuration.ts'
import type { Entry, HardState, LogMark, ReplicaId } from './entry.ts'
import type { Body } from './message.ts'
import { Outbox } from './outbox.ts'
import type { Persist, RaftEffect, RoleName } from './raft-effect.ts'
import type { SnapshotMark, StoredMark } from './raft-event.ts'
import { RaftLog } from './raft-log.ts'
import type { RaftOptions } from './raft-options.ts'

/** What a replica finds at its start. All of it is durable. */
export interface RaftStart {
  readonly hard: HardState
  /** What the state machine was restored from. */
  readonly snapshot: SnapshotMark
  /** Where the log begins: at the snapshot or before it. */
  readonly base: LogMark
  readonly entries: readonly Entry[]
}

export class RaftState {
  readonly options: RaftOptions
  readonly log: RaftLog
  readonly outbox: Outbox = new Outbox()
  term: number
  vote: ReplicaId | undefined
  leader: ReplicaId | undefined
  configuration: Configuration
  /** Where the configuration in force stands in the log. */
  configurationIndex: number
  /** Time as given, for promises to others. */
  nowMs: number
  /** Time in which this replica was awake: what came while it slept is still to be read. */
  awakeMs = 0
  /** When a leader was heard last, in `awakeMs`. A start counts: who knows what was promised. */
  heardMs = 0
  /** Persists that are on their way: when each was begun, in `awakeMs`. */
  readonly #writes: number[] = []
  /** From here on entries are not yet handed to the disk. */
  #unwritten = Number.POSITIVE_INFINITY
  #written: HardState
  #base: LogMark | undefined
  #trim: LogMark | undefined
  #told: { role: RoleName; term: number; leader: ReplicaId | undefined } | undefined

  constructor(options: RaftOptions, start: RaftStart, nowMs: number) {
    const { hard, snapshot, base } = start
    this.options = options
    this.nowMs = nowMs
    this.term = hard.term
    this.vote = hard.vote
    this.#written = hard
    assert(base.index <= snapshot.index, 'no gap between snapshot and log')
    this.log = this.#logFrom(start)
    this.configuration = snapshot.configuration
    this.configurationIndex = snapshot.index
    this.#deliver(snapshot.index)
  }

  /** A snapshot that came just before a crash may be all there is: the log had no time to follow. */
  #logFrom({ hard, snapshot, base, entries }: RaftStart): RaftLog {
    const fits =
      snapshot.index === base.index ||
      entries[snapshot.index - base.index - 1]?.term === snapshot.term
    if (fits) return new RaftLog(base, entries, Math.max(hard.commit, snapshot.index))
    this.#base = { index: snapshot.index, term: snapshot.term }
    return new RaftLog(this.#base, [], snapshot.index)
  }

  get self(): ReplicaId {
    return this.options.self
  }

  get isVoter(): boolean {
    return isVoter(this.configuration, this.self)
  }

  /** How long the oldest write has been on its way; 0 if there is none. */
  get writingMs(): number {
    return this.#writes.length === 0 ? 0 : this.awakeMs - (this.#writes[0] as number)
  }

  /** Whether a leader was heard so recently that no other may be elected. */
  get isProtecting(): boolean {
    return this.awakeMs - this.heardMs < this.options.electionMinMs
  }

  /** Whether an entry that would change the configuration waits for its majority. */
  get isChanging(): boolean {
    const { commit, last } = this.log
    return this.log.slice(commit + 1, last.index).some(({ kind }) => kind === 'configuration')
  }

  /**
   * Whether a log that ends at `last` lacks nothing which this replica may have helped to commit
   * (§5.4.1). Once it knows that it is no voter any more, that is what it knows to be committed:
   * the rest of its log is decided without it, and must not keep the others, who may know less than
   * it does, from electing one of them (bug class 18). But if a later configuration is in its log
   * it may count again, unknown to it.
   */
  mayElect(last: LogMark): boolean {
    const { log } = this
    if (this.isVoter || this.isChanging) return isAtLeast(last, log.last)
    return isAtLeast(last, { index: log.commit, term: log.termAt(log.commit) as number })
  }

  /** Lets time pass. */
  advance(nowMs: number): void {
    const gapMs = Math.max(0, nowMs - this.nowMs)
    this.nowMs = Math.max(this.nowMs, nowMs)
    const { tickMs } = this.options
    this.awakeMs += gapMs > 2 * tickMs ? tickMs : gapMs
  }

  send(to: ReplicaId, body: Body): void {
    this.outbox.send({ from: this.self, to, ...body })
  }

  /** Leaves once everything up to now is durable. */
  sendDurable(to: ReplicaId, body: Body): void {
    this.outbox.sendDurable({ from: this.self, to, ...body })
  }

  /** Begins a term in which this replica has voted for nobody. */
  enterTerm(term: number): void {
    assert(term > this.term, `term ${term} follows ${this.term}`)
    this.term = term
    this.vote = undefined
    this.leader = undefined
  }

  /** Puts entries at the end of the log, or from the first one's index on. */
  append(entries: readonly Entry[]): void {
    const first = entries[0]
    if (first === undefined) return
    this.log.append(entries)
    this.wroteFrom(first.index)
  }

  /** Entries from here on are new. */
  wroteFrom(index: number): void {
    this.#unwritten = Math.min(this.#unwritten, index)
  }

  /** Hands what is newly committed to the state machine. Returns whether anything is. */
  commitTo(index: number): boolean {
    const before = this.log.commit
    if (!this.log.commitTo(index)) return false
    this.#deliver(before)
    return true
  }

  install(snapshot: SnapshotMark): void {
    this.log.restart(snapshot)
    this.#base = { index: snapshot.index, term: snapshot.term }
    this.#unwritten = Number.POSITIVE_INFINITY
    this.outbox.emit({ type: 'install', snapshot })
    this.#configure(snapshot.configuration, snapshot.index)
  }

  /** Entries up to `index` may go; they stay if the log does not reach so far. */
  trim(index: number): void {
    if (index <= this.log.base.index) return
    this.log.trim(index)
    this.#trim = this.log.base
  }

  stored({ last }: StoredMark): void {
    this.#writes.shift()
    this.log.storedTo(last)
  }

  /** The effects of the step that is over. */
  finish(role: RoleName): RaftEffect[] {
    const persist = this.#persist()
    const { term, leader } = this
    if (this.#told?.role !== role || this.#told.term !== term || this.#told.leader !== leader) {
      this.#told = { role, term, leader }
      this.outbox.emit({ type: 'role', role, term, leader })
    }
    return this.outbox.take(persist)
  }

  #deliver(after: number): void {
    const entries = this.log.slice(after + 1, this.log.commit)
    if (entries.length === 0) return
    this.outbox.emit({ type: 'apply', entries })
    for (const { index, kind, data } of entries) {
      if (kind === 'configuration') this.#configure(decodeConfiguration(data), index)
    }
  }

  #configure(configuration: Configuration, index: number): void {
    this.configuration = configuration
    this.configurationIndex = index
    this.outbox.emit({ type: 'configured', configuration, index })
  }

  #persist(): Persist[] {
    const entries = this.#takeEntries()
    const after = this.outbox.takeAfter()
    const base = this.#base
    const trim = this.#trim
    this.#base = undefined
    this.#trim = undefined
    const isBallotNew = this.term !== this.#written.term || this.vote !== this.#written.vote
    const isWritten = isBallotNew || base !== undefined || entries.length > 0
    if (!isWritten && trim === undefined && after.length === 0) return []
    // A new beginning voids everything that was written, the ballot too.
    const hard = isWritten ? this.#takeHard(base !== undefined) : undefined
    this.#writes.push(this.awakeMs)
    const { last } = this.log
    const stored = {
      last: { index: last.index, term: last.term },
      term: this.term,
      vote: this.vote,
    }
    return [{ type: 'persist', hard, base, entries, trim, after, stored }]
  }

  #takeEntries(): Entry[] {
    const from = this.#unwritten
    this.#unwritten = Number.POSITIVE_INFINITY
    return from > this.log.last.index ? [] : this.log.slice(from, this.log.last.index)
  }

  /** The commit index rides along with what has to be written anyway. */
  #takeHard(isForced: boolean): HardState | undefined {
    const hard = { term: this.term, vote: this.vote, commit: this.log.commit }
    const { term, vote, commit } = this.#written
    const isSame = hard.term === term && hard.vote === vote && hard.commit === commit
    if (isSame && !isForced) return undefined
    this.#written = hard
    return hard
  }
}

/** Whether a log that ends at `a` is as up to date as one that ends at `b`: by term, then length. */
const isAtLeast = (a: LogMark, b: LogMark): boolean =>
  a.term > b.term || (a.term === b.term && a.index >= b.index)
