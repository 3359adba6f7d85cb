import { replicasOf } from './configuration.ts'
import type { ReplicaId } from './entry.ts'
import type { Message } from './message.ts'
import { outcomeOf } from './quorum.ts'
import type { StoredMark } from './raft-event.ts'
import { Subject } from './role.ts'

/**
 * Stands for election. First it asks everybody whether they would vote for it (§9.6 of the thesis);
 * that changes nothing anywhere, so a replica that cannot win disturbs nobody. Only with a majority
 * does it begin a term, vote for itself, and ask in earnest. Its own vote counts, and the question
 * leaves, once term, vote and log are durable: what it says about its log must outlive a crash.
 *
 * A grant of the first kind never counts as one of the second (bug class 13): they are different
 * messages, counted in different rounds.
 */
export class Candidate extends Subject {
  readonly name = 'candidate'
  #phase: 'asking' | 'standing' = 'asking'
  #votes = new Map<ReplicaId, boolean>()
  #sinceMs = this.state.awakeMs
  readonly #patienceMs = this.#drawPatience()

  /** @param isTransfer the leader asked for it: no question first, and nobody protects the leader. */
  begin(isTransfer: boolean): void {
    if (isTransfer || !this.state.options.hasPreVote) this.#stand(isTransfer)
    else this.#ask()
  }

  tick(): void {
    const { awakeMs, isVoter, self } = this.state
    // As long as the disk does not take the own vote, another term would help nobody.
    if (this.#phase === 'standing' && !this.#votes.has(self)) return
    if (!isVoter) this.become.follow(undefined)
    else if (awakeMs - this.#sinceMs >= this.#patienceMs) this.become.campaign(false)
  }

  receive(message: Message): void {
    if (message.type === 'preVoteAnswer') this.#answered('asking', message)
    if (message.type === 'voteAnswer') this.#answered('standing', message)
  }

  /** The own vote is durable. */
  stored({ term, vote }: StoredMark): void {
    const { self } = this.state
    if (this.#phase !== 'standing' || term !== this.state.term || vote !== self) return
    this.#count(self, true)
  }

  get phase(): string {
    return this.#phase
  }

  #ask(): void {
    const { state } = this
    for (const to of this.#others()) {
      state.send(to, { type: 'preVote', term: state.term + 1, last: state.log.last })
    }
    this.#count(state.self, true)
  }

  #stand(isTransfer: boolean): void {
    const { state } = this
    this.#phase = 'standing'
    this.#votes = new Map()
    this.#sinceMs = state.awakeMs
    state.enterTerm(state.term + 1)
    state.vote = state.self
    const { term } = state
    for (const to of this.#others()) {
      state.sendDurable(to, { type: 'vote', term, last: state.log.last, isTransfer })
    }
  }

  #answered(phase: 'asking' | 'standing', { from, isGranted }: Grant): void {
    if (phase === this.#phase) this.#count(from, isGranted)
  }

  #count(from: ReplicaId, isGranted: boolean): void {
    if (!this.#votes.has(from)) this.#votes.set(from, isGranted)
    const outcome = outcomeOf(this.state.configuration, this.#votes)
    if (outcome === 'lost') this.become.follow(undefined)
    if (outcome !== 'won') return
    if (this.#phase === 'asking') this.#stand(false)
    else this.become.lead()
  }

  /** Everybody, for the own configuration may be older than that of those who must elect. */
  #others(): ReplicaId[] {
    return replicasOf(this.state.configuration).filter(replica => replica !== this.state.self)
  }

  #drawPatience(): number {
    const { electionMinMs, electionMaxMs, random } = this.state.options
    return electionMinMs + random.below(electionMaxMs - electionMinMs)
  }
}

type Grant = { readonly from: ReplicaId; readonly isGranted: boolean }
