/**
 * One replica of one Raft group (Ongaro and Ousterhout, 2014; sections of the paper as §n).
 *
 * `step` takes what happened and returns what to do; nothing here waits, reads a clock or a disk.
 * What all roles share is in raft-state.ts; what each does in follower.ts, candidate.ts, leader.ts.
 * Here is who gets to speak: terms, and votes, which a replica gives whatever its role.
 *
 *  - Election safety: a vote is durable before it leaves, and each term has one (§5.2).
 *  - A term that is higher than the own ends every role (§5.1); but as long as a leader is heard
 *    nobody helps another one, be his term as high as it may (§6): a replica that comes back from
 *    a partition, or was removed, disturbs nobody. The leader gives up by itself when a majority is
 *    not heard, so this protects only leaders who are of use.
 *  - Pre-votes change nothing: no term, no vote, no timer (bug classes 13 to 16).
 *  - Who asks for a vote need not be in the configuration known here: that may be outdated.
 *
 * A broken invariant throws and leaves the replica undefined: it must not go on.
 */
import { assert } from '../base/assert.ts'
import { Candidate } from './candidate.ts'
import type { Configuration } from './configuration.ts'
import type { LogMark, ReplicaId } from './entry.ts'
import { Follower } from './follower.ts'
import { Leader } from './leader.ts'
import type { Message, PreVote, PreVoteAnswer, Vote } from './message.ts'
import type { RaftEffect, RoleName } from './raft-effect.ts'
import type { RaftEvent, SnapshotMark } from './raft-event.ts'
import type { RaftOptions } from './raft-options.ts'
import { type RaftStart, RaftState } from './raft-state.ts'
import { isFromLeader, type Role, type Transitions } from './role.ts'

export class Raft {
  readonly #state: RaftState
  #role: Role

  constructor(options: RaftOptions, start: RaftStart, nowMs: number) {
    assert(options.leaseMs < options.electionMinMs, 'a lease ends before anybody is elected')
    assert(options.electionMinMs < options.electionMaxMs, 'elections are spread over time')
    this.#state = new RaftState(options, start, nowMs)
    this.#role = new Follower(this.#state, this.#transitions)
  }

  get role(): RoleName {
    return this.#role.name
  }

  get term(): number {
    return this.#state.term
  }

  get leader(): ReplicaId | undefined {
    return this.#state.leader
  }

  get commit(): number {
    return this.#state.log.commit
  }

  get last(): LogMark {
    return this.#state.log.last
  }

  get configuration(): Configuration {
    return this.#state.configuration
  }

  /** For those who describe the replica; not to be changed. */
  get inside(): { readonly state: RaftState; readonly role: Role } {
    return { state: this.#state, role: this.#role }
  }

  /** What the start itself asks for: committed entries that the snapshot does not hold. */
  begin(): readonly RaftEffect[] {
    return this.#state.finish(this.#role.name)
  }

  step(event: RaftEvent, nowMs: number): readonly RaftEffect[] {
    this.#state.advance(nowMs)
    this.#handle(event)
    return this.#state.finish(this.#role.name)
  }

  #handle(event: RaftEvent): void {
    switch (event.type) {
      case 'tick':
        return this.#role.tick()
      case 'message':
        return this.#receive(event.message)
      case 'propose':
        return this.#role.propose(event.proposals)
      case 'read':
        return this.#role.read(event.ids)
      case 'change':
        return this.#role.change(event.id, event.membership)
      case 'transfer':
        return this.#role.transfer(event.to)
      case 'unreachable':
        return this.#role.unreachable(event.replica)
      case 'snapshotSent':
        return this.#role.snapshotSent(event.to, event.index, event.isDone)
      case 'snapshotReceived':
        return this.#install(event)
      case 'stored':
        this.#state.stored(event.stored)
        return this.#role.stored(event.stored)
      case 'compact':
        return this.#state.trim(Math.min(event.keepFrom, event.snapshot.index))
    }
  }

  #receive(message: Message): void {
    // For an earlier replica on this peer: its store is gone, and its promises with it.
    if (message.to !== this.#state.self) return
    if (message.type === 'preVote') return this.#answerPreVote(message)
    if (message.type === 'preVoteAnswer') return this.#takePreVoteAnswer(message)
    if (message.type === 'vote' && this.#isDisturbance(message)) return
    if (message.term > this.#state.term) this.#enterTerm(message)
    if (message.term < this.#state.term) return this.#answerStale(message)
    if (message.type === 'vote') return this.#answerVote(message)
    if (isFromLeader(message) && this.#role.name === 'candidate') this.#follow(message.from)
    this.#role.receive(message)
  }

  #enterTerm(message: Message): void {
    this.#state.enterTerm(message.term)
    this.#follow(isFromLeader(message) ? message.from : undefined)
  }

  /** A vote is asked for while there is a leader, and that leader does not want it. */
  #isDisturbance({ term, isTransfer }: Vote): boolean {
    return !isTransfer && term > this.#state.term && this.#isProtecting
  }

  get #isProtecting(): boolean {
    return this.#role.name === 'leader' || this.#state.isProtecting
  }

  #answerPreVote({ from, term, last }: PreVote & { from: ReplicaId }): void {
    const state = this.#state
    const isGranted = term > state.term && !this.#isProtecting && state.mayElect(last)
    const answer = {
      type: 'preVoteAnswer',
      isGranted,
      term: isGranted ? term : state.term,
    } as const
    state.send(from, answer)
  }

  /** A refusal from a later term says why nobody listens (bug class 16). */
  #takePreVoteAnswer(message: PreVoteAnswer & { from: ReplicaId; to: ReplicaId }): void {
    const { term } = this.#state
    if (!message.isGranted && message.term > term) this.#enterTerm(message)
    else if (!message.isGranted || message.term === term + 1) this.#role.receive(message)
  }

  #answerVote({ from, last }: Vote & { from: ReplicaId }): void {
    const state = this.#state
    const isFree = state.vote === undefined || state.vote === from
    const isGranted = isFree && state.leader === undefined && state.mayElect(last)
    const answer = { type: 'voteAnswer', term: state.term, isGranted } as const
    if (!isGranted) return state.send(from, answer)
    state.vote = from
    if (this.#role instanceof Follower) this.#role.wait()
    state.sendDurable(from, answer)
  }

  /** Whoever believes to lead an old term must hear that it is over. */
  #answerStale(message: Message): void {
    const { term } = this.#state
    if (message.type === 'heartbeat' || message.type === 'append') {
      this.#state.send(message.from, { type: 'heartbeatAnswer', term, round: 0 })
    } else if (message.type === 'vote') {
      this.#state.send(message.from, { type: 'voteAnswer', term, isGranted: false })
    }
  }

  /** A snapshot is as good as the appends that it stands for. */
  #install({
    from,
    term,
    snapshot,
  }: {
    readonly from: ReplicaId
    readonly term: number
    readonly snapshot: SnapshotMark
  }): void {
    const state = this.#state
    if (term < state.term) return
    if (term > state.term) state.enterTerm(term)
    if (this.#role.name !== 'follower' || state.leader !== from) this.#follow(from)
    state.heardMs = state.awakeMs
    if (snapshot.index > state.log.commit) {
      // What this log holds already need not be thrown away.
      if (state.log.has(snapshot)) state.commitTo(snapshot.index)
      else state.install(snapshot)
    }
    const answer = { match: state.log.commit, miss: undefined } as const
    state.sendDurable(from, { type: 'appendAnswer', term: state.term, ...answer })
  }

  /**
   * A follower goes on as it is, and its patience runs on: candidates who cannot win must not keep
   * the one who can from trying.
   */
  #follow(leader: ReplicaId | undefined): void {
    this.#state.leader = leader
    if (this.#role.name === 'follower') return
    this.#role.end()
    this.#role = new Follower(this.#state, this.#transitions)
  }

  readonly #transitions: Transitions = {
    follow: leader => this.#follow(leader),
    campaign: isTransfer => {
      this.#state.leader = undefined
      const candidate = new Candidate(this.#state, this.#transitions)
      this.#role = candidate
      candidate.begin(isTransfer)
    },
    lead: () => {
      const leader = new Leader(this.#state, this.#transitions)
      this.#role = leader
      leader.begin()
    },
  }
}
