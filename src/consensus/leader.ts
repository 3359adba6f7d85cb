import { assert } from '../base/assert.ts'
import {
  complaintAbout,
  type Configuration,
  encodeConfiguration,
  enter,
  isJoint,
  isSameSet,
  leave,
  type Membership,
} from './configuration.ts'
import { type Entry, entryBytes, type EntryKind, type ReplicaId } from './entry.ts'
import type { Message } from './message.ts'
import type { Refusal } from './raft-effect.ts'
import type { Proposal } from './raft-event.ts'
import type { RaftState } from './raft-state.ts'
import { Reads, READS_MAX } from './reads.ts'
import { Replication } from './replication.ts'
import type { Role, Transitions } from './role.ts'

const nothing = new Uint8Array(0)

/**
 * Takes proposals, brings them to the others, and leads only as long as a majority answers and its
 * own disk does: a leader that nobody hears, or that cannot write, is worse than none.
 */
export class Leader implements Role {
  readonly name = 'leader'
  readonly replication: Replication
  readonly reads: Reads
  readonly #state: RaftState
  readonly #become: Transitions
  /** The first entry of this term. */
  readonly #opening: number
  #lastBeat: number
  #uncommittedBytes: number
  /** To whom leadership goes, and until when that is tried. */
  #transfer: { readonly to: ReplicaId; readonly untilMs: number; isAsked: boolean } | undefined

  constructor(state: RaftState, become: Transitions) {
    this.#state = state
    this.#become = become
    state.leader = state.self
    this.#lastBeat = this.#beatOf(state.nowMs)
    this.reads = new Reads(state.options.leaseMs)
    this.replication = new Replication(state)
    const { commit, last } = state.log
    this.#uncommittedBytes = sizeOf(state.log.slice(commit + 1, last.index))
    this.#opening = last.index + 1
  }

  /** Opens the term with an entry, without which nothing could be committed or read (§8). */
  begin(): void {
    this.#append('noop', nothing)
    this.replication.broadcast()
  }

  /** To whom leadership is being handed. */
  get successor(): ReplicaId | undefined {
    return this.#transfer?.to
  }

  tick(): void {
    const { awakeMs, nowMs } = this.#state
    if (!this.#mayLead()) return
    if (this.#transfer !== undefined && awakeMs >= this.#transfer.untilMs)
      this.#transfer = undefined
    if (this.#beatOf(nowMs) === this.#lastBeat) return
    this.#lastBeat = this.#beatOf(nowMs)
    this.#beat()
    this.replication.probeAgain()
  }

  receive(message: Message): void {
    const progress = this.replication.progress.get(message.from)
    assert(message.type !== 'append' && message.type !== 'heartbeat', 'a term has one leader')
    if (progress === undefined) return
    progress.heardMs = this.#state.awakeMs
    if (message.type === 'heartbeatAnswer') this.#beaten(message.from, message.round)
    if (message.type !== 'appendAnswer') return
    this.replication.answered(message.from, message)
    this.#advance()
    this.#hurryTransfer()
  }

  stored(): void {
    this.#advance()
  }

  propose(proposals: readonly Proposal[]): void {
    const { uncommittedBytesMax } = this.#state.options
    for (const { id, data } of proposals) {
      if (this.#transfer !== undefined) this.#refuse(id, 'transferring')
      else if (this.#uncommittedBytes >= uncommittedBytesMax) this.#refuse(id, 'busy')
      else this.#accept(id, this.#append('command', data))
    }
    this.replication.broadcast()
  }

  read(ids: readonly number[]): void {
    const { log, outbox, nowMs, self } = this.#state
    if (this.#hasOpened && this.reads.hasLease(nowMs)) {
      outbox.emit({ type: 'readReady', ids, index: log.commit })
    } else if (this.reads.waiting + ids.length > READS_MAX) {
      outbox.emit({ type: 'readRefused', ids, leader: self })
    } else {
      this.reads.add(ids)
      this.#askForReads()
    }
  }

  change(id: number, membership: Membership): void {
    const { configuration, isChanging } = this.#state
    if (this.#transfer !== undefined) return this.#refuse(id, 'transferring')
    if (complaintAbout(membership) !== undefined || isAlready(configuration, membership)) {
      return this.#refuse(id, 'pointless')
    }
    if (isJoint(configuration) || isChanging || !this.#hasOpened) {
      return this.#refuse(id, 'changing')
    }
    this.#accept(id, this.#configure(enter(configuration, membership)))
    this.replication.broadcast()
  }

  transfer(to: ReplicaId | undefined = this.replication.best()): void {
    const { configuration, awakeMs, options, self } = this.#state
    if (to === undefined || to === self || !configuration.voters.includes(to)) return
    // Whoever is asked is elected at once, whatever was promised about other elections.
    this.reads.endLeases()
    this.#transfer = { to, untilMs: awakeMs + options.electionMaxMs, isAsked: false }
    this.#hurryTransfer()
  }

  unreachable(replica: ReplicaId): void {
    this.replication.progress.get(replica)?.lost()
  }

  snapshotSent(to: ReplicaId, index: number, isDone: boolean): void {
    const progress = this.replication.progress.get(to)
    if (progress?.snapshotIndex === index) progress.snapshotEnded(isDone)
  }

  end(): void {
    const ids = this.reads.abandon()
    const { outbox, leader, self } = this.#state
    const other = leader === self ? undefined : leader
    if (ids.length > 0) outbox.emit({ type: 'readRefused', ids, leader: other })
  }

  /** Whether something of this term is committed: only then does it know all that is. */
  get #hasOpened(): boolean {
    return this.#state.log.commit >= this.#opening
  }

  /** Gives up without a majority, or with a disk that does not answer. */
  #mayLead(): boolean {
    const { options, writingMs } = this.#state
    const best = this.replication.best()
    // Alone there is nobody who could do better.
    if (best === undefined) return true
    if (writingMs < options.electionMaxMs && this.replication.isHeard(options.electionMaxMs)) {
      return true
    }
    if (writingMs >= options.electionMaxMs) this.#askToLead(best)
    this.#become.follow(undefined)
    return false
  }

  /** All groups on a peer beat at the same moments, so that their heartbeats travel together. */
  #beatOf(nowMs: number): number {
    return Math.floor(nowMs / this.#state.options.heartbeatMs)
  }

  #beat(): void {
    const { log, nowMs, term } = this.#state
    const round = this.reads.begin(nowMs, this.#hasOpened ? log.commit : undefined)
    for (const [to, { match }] of this.replication.progress) {
      const commit = Math.min(match, log.commit)
      this.#state.send(to, { type: 'heartbeat', term, commit, round })
    }
    this.#confirm()
  }

  #beaten(from: ReplicaId, round: number): void {
    const progress = this.replication.progress.get(from)
    // An answer that comes twice is no news (bug class 32).
    if (progress === undefined || round <= progress.round) return
    progress.round = round
    this.replication.alive(from)
    this.#confirm()
  }

  #confirm(): void {
    const round = this.replication.roundOfQuorum(this.reads.round)
    for (const { ids, index } of this.reads.confirm(round)) {
      this.#state.outbox.emit({ type: 'readReady', ids, index })
    }
    this.#askForReads()
  }

  #askForReads(): void {
    if (this.#hasOpened && this.reads.wantsRound) this.#beat()
  }

  /** Commits what can be, and does what follows from it. */
  #advance(): void {
    const { log } = this.#state
    const before = log.commit
    const { configurationIndex } = this.#state
    if (!this.replication.commit()) return
    this.#uncommittedBytes -= sizeOf(log.slice(before + 1, log.commit))
    if (this.#state.configurationIndex !== configurationIndex) {
      this.replication.follow()
      if (this.#isDismissed) return this.#leave()
      // What was one vote short before may be enough for those who decide now.
      this.#advance()
    }
    this.#finishChange()
    // What is committed the others learn with what is sent next, a heartbeat at the latest; but a
    // configuration at once: until they know of it they count on the votes of those who have left.
    this.replication.broadcast()
    if (this.#state.configurationIndex !== configurationIndex) this.replication.tellCommit()
    this.#askForReads()
  }

  /** The second step of a change follows the first by itself, whoever began it. */
  #finishChange(): void {
    const { configuration, isChanging } = this.#state
    if (!isJoint(configuration) || isChanging || !this.#hasOpened) return
    this.#configure(leave(configuration))
  }

  get #isDismissed(): boolean {
    return this.#hasOpened && !this.#state.isVoter
  }

  /** No longer a voter: tells everybody, and asks the best of them to go on. */
  #leave(): void {
    this.#beat()
    const best = this.replication.best()
    if (best !== undefined) this.#askToLead(best)
    this.#become.follow(undefined)
  }

  #configure(configuration: Configuration): Entry {
    return this.#append('configuration', encodeConfiguration(configuration))
  }

  #append(kind: EntryKind, data: Uint8Array): Entry {
    const { log, term } = this.#state
    const entry = { index: log.last.index + 1, term, kind, data }
    this.#state.append([entry])
    this.#uncommittedBytes += entryBytes(entry)
    return entry
  }

  /** The one to follow begins as soon as it lacks nothing. */
  #hurryTransfer(): void {
    const transfer = this.#transfer
    if (transfer === undefined || transfer.isAsked) return
    if (this.replication.matchOf(transfer.to) < this.#state.log.last.index) return
    transfer.isAsked = true
    this.#askToLead(transfer.to)
  }

  #askToLead(to: ReplicaId): void {
    this.#state.send(to, { type: 'timeoutNow', term: this.#state.term })
  }

  #accept(id: number, { index, term }: Entry): void {
    this.#state.outbox.emit({ type: 'accepted', id, index, term })
  }

  #refuse(id: number, reason: Refusal): void {
    const leader = this.#transfer?.to ?? this.#state.self
    this.#state.outbox.emit({ type: 'refused', id, reason, leader })
  }
}

const sizeOf = (entries: readonly Entry[]): number =>
  entries.reduce((sum, entry) => sum + entryBytes(entry), 0)

const isAlready = (now: Configuration, wish: Membership): boolean =>
  !isJoint(now) && isSameSet(now.voters, wish.voters) && isSameSet(now.learners, wish.learners)
