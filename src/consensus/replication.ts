/**
 * How a leader brings its log to the others (§5.3): appends leave as soon as there is room in a
 * replica's window, beside the leader's own write, and an entry is committed once a majority holds
 * it durably. The leader counts itself like everybody else: what it has not stored it does not hold.
 *
 * Only entries of the own term are committed by counting (§5.4.2); older ones come with them.
 */
import { assert } from '../base/assert.ts'
import { replicasOf } from './configuration.ts'
import { ENTRY_OVERHEAD_BYTES, type Entry, entryBytes, type ReplicaId } from './entry.ts'
import type { AppendAnswer } from './message.ts'
import { Progress } from './progress.ts'
import { isQuorum, reachedByQuorum } from './quorum.ts'
import type { RaftState } from './raft-state.ts'

export class Replication {
  readonly #state: RaftState
  /** Everybody in the configuration but this replica, in order of their ids. */
  readonly progress: Map<ReplicaId, Progress> = new Map()

  constructor(state: RaftState) {
    this.#state = state
    this.follow()
  }

  /** Takes up those who are new in the configuration and lets go of those who left. */
  follow(): void {
    const { configuration, self, log, awakeMs, options } = this.#state
    const wanted = replicasOf(configuration).filter(replica => replica !== self)
    for (const replica of this.progress.keys()) {
      if (!wanted.includes(replica)) this.#dismiss(replica)
    }
    const window = { messagesMax: options.windowMessagesMax, bytesMax: options.windowBytesMax }
    for (const replica of wanted) {
      if (this.progress.has(replica)) continue
      this.progress.set(replica, new Progress(log.last.index + 1, awakeMs, window))
    }
  }

  /** Sends what there is to everybody who may have more. */
  broadcast(): void {
    for (const replica of this.progress.keys()) this.#fill(replica)
  }

  /** A heartbeat's turn: whoever was probed in vain is probed again. */
  probeAgain(): void {
    for (const [replica, progress] of this.progress) {
      progress.isProbeOut = false
      if (progress.state === 'probe') this.#send(replica, progress)
    }
  }

  /** Tells of a new commit those to whom nothing else is on its way. */
  tellCommit(): void {
    const { last } = this.#state.log
    for (const [replica, progress] of this.progress) {
      const isIdle = progress.state === 'replicate' && progress.inFlight === 0
      if (isIdle && progress.match === last.index) this.#send(replica, progress)
    }
  }

  answered(from: ReplicaId, { match, miss }: AppendAnswer): void {
    const progress = this.progress.get(from)
    if (progress === undefined) return
    if (miss === undefined) {
      assert(match <= this.#state.log.last.index, `${from} holds what its leader sent`)
      progress.hit(match)
    } else if (progress.miss(miss.index, this.#agreement(miss.hint))) {
      this.#send(from, progress)
    }
    this.#fill(from)
  }

  /** It answers heartbeats, so it can be told what it seems to lack. */
  alive(from: ReplicaId): void {
    const progress = this.progress.get(from)
    if (progress === undefined || progress.state === 'snapshot') return
    if (progress.match >= this.#state.log.last.index) return
    if (!progress.isPaused) this.#send(from, progress)
    // What fills the window may all be lost, and nothing more would ever come to show it.
    else if (progress.state === 'replicate') this.#ask(from, progress)
  }

  /** Commits what a majority holds. Returns whether that is news. */
  commit(): boolean {
    const { log, term, configuration } = this.#state
    const index = reachedByQuorum(configuration, voter => this.matchOf(voter))
    if (index <= log.commit || log.termAt(index) !== term) return false
    return this.#state.commitTo(index)
  }

  /** What a replica holds durably. */
  matchOf(replica: ReplicaId): number {
    if (replica === this.#state.self) return this.#state.log.stored
    return this.progress.get(replica)?.match ?? 0
  }

  /** The newest round that a majority has answered. */
  roundOfQuorum(ownRound: number): number {
    const { configuration, self } = this.#state
    return reachedByQuorum(configuration, voter =>
      voter === self ? ownRound : (this.progress.get(voter)?.round ?? 0),
    )
  }

  /** Whether a majority was heard within the last `withinMs`. */
  isHeard(withinMs: number): boolean {
    const { configuration, self, awakeMs } = this.#state
    return isQuorum(configuration, voter => {
      if (voter === self) return true
      const heardMs = this.progress.get(voter)?.heardMs ?? Number.NEGATIVE_INFINITY
      return awakeMs - heardMs < withinMs
    })
  }

  /** The voter, other than this replica, that holds most; of those that answer, if any does. */
  best(): ReplicaId | undefined {
    const { configuration, awakeMs, options } = this.#state
    let best: { voter: ReplicaId; score: number } | undefined
    for (const voter of configuration.voters) {
      const progress = this.progress.get(voter)
      if (progress === undefined) continue
      const isHeard = awakeMs - progress.heardMs < options.electionMinMs
      const score = isHeard ? progress.match : -1
      if (best === undefined || score > best.score) best = { voter, score }
    }
    return best?.voter
  }

  #fill(replica: ReplicaId): void {
    const progress = this.progress.get(replica)
    if (progress === undefined) return
    const { last } = this.#state.log
    while (!progress.isPaused && progress.next <= last.index) {
      if (!this.#send(replica, progress)) return
    }
  }

  /** Sends one append, or has a snapshot sent. Returns whether more may follow. */
  #send(replica: ReplicaId, progress: Progress): boolean {
    const { log, options } = this.#state
    if (log.termAt(progress.next - 1) === undefined) {
      this.#sendSnapshot(replica, progress)
      return false
    }
    const { messageBytesMax, messageEntriesMax } = options
    const entries = log.sliceBytes(progress.next, messageBytesMax, messageEntriesMax)
    this.#sendEntries(replica, progress, entries)
    const sizeBytes = entries.reduce((sum, entry) => sum + entryBytes(entry), ENTRY_OVERHEAD_BYTES)
    progress.sent(progress.next - 1 + entries.length, sizeBytes)
    return progress.state === 'replicate' && entries.length > 0
  }

  /** Asks with an empty append whether what was sent has come. */
  #ask(replica: ReplicaId, progress: Progress): void {
    if (this.#state.log.termAt(progress.next - 1) === undefined) progress.lost()
    else this.#sendEntries(replica, progress, [])
  }

  #sendEntries(replica: ReplicaId, { next }: Progress, entries: readonly Entry[]): void {
    const { log, term } = this.#state
    const previousTerm = log.termAt(next - 1)
    assert(previousTerm !== undefined, 'what is sent follows something that is known')
    const previous = { index: next - 1, term: previousTerm }
    this.#state.send(replica, { type: 'append', term, previous, entries, commit: log.commit })
  }

  /** Nothing is transferred to somebody who does not answer. */
  #sendSnapshot(to: ReplicaId, progress: Progress): void {
    const { log, outbox, awakeMs, options, term } = this.#state
    if (awakeMs - progress.heardMs >= options.electionMaxMs) {
      progress.isProbeOut = true
      return
    }
    const { index } = log.base
    progress.awaitSnapshot(index)
    outbox.emit({ type: 'sendSnapshot', to, index, term })
  }

  /** The last thing a replica hears that is no longer one: that it has left. */
  #dismiss(replica: ReplicaId): void {
    const progress = this.progress.get(replica)
    if (progress?.state === 'replicate') this.#send(replica, progress)
    this.progress.delete(replica)
  }

  /** The last place at or below the hint that both logs may have in common. */
  #agreement(hint: { readonly index: number; readonly term: number }): number {
    return this.#state.log.agreementHint(hint).index
  }
}
