import { assert } from '../base/assert.ts'
import type { Append, Heartbeat, Message } from './message.ts'
import { Subject } from './role.ts'

/**
 * Takes what the leader sends, and stands for election when it has heard nothing for long enough.
 * It does not ask whether the leader is in its configuration: that may be older than the leader.
 */
export class Follower extends Subject {
  readonly name = 'follower'
  #patienceMs = this.#drawPatience()
  /** When patience began to run, in awake time. */
  #sinceMs = this.state.awakeMs

  tick(): void {
    const { state } = this
    if (!state.isVoter) return
    const { voters, outgoing } = state.configuration
    const isAlone = voters.length === 1 && outgoing.length === 0
    if (isAlone || state.awakeMs - this.#sinceMs >= this.#patienceMs) this.become.campaign(false)
  }

  receive(message: Message): void {
    switch (message.type) {
      case 'append':
        this.#hear(message.from)
        this.#append(message, message.from)
        return
      case 'heartbeat':
        this.#hear(message.from)
        this.#heartbeat(message, message.from)
        return
      case 'timeoutNow':
        if (this.state.isVoter) this.become.campaign(true)
        return
      // Answers to what it asked or sent in another role.
      case 'preVote':
      case 'preVoteAnswer':
      case 'vote':
      case 'voteAnswer':
      case 'appendAnswer':
      case 'heartbeatAnswer':
    }
  }

  /** It has voted for somebody, who may now have a while to lead. */
  wait(): void {
    this.#sinceMs = this.state.awakeMs
    this.#patienceMs = this.#drawPatience()
  }

  stored(): void {}

  #hear(leader: string): void {
    const { state } = this
    assert(state.leader === undefined || state.leader === leader, 'a term has one leader')
    state.leader = leader
    state.heardMs = state.awakeMs
    this.wait()
  }

  #append({ previous, entries, commit }: Append, leader: string): void {
    const { log, term } = this.state
    // What lies below the base is committed, and so the same everywhere (bug class 10).
    if (previous.index > log.base.index && !log.has(previous)) {
      const miss = { index: previous.index, hint: log.agreementHint(previous) }
      this.state.send(leader, { type: 'appendAnswer', term, match: 0, miss })
      return
    }
    this.state.append(log.missingFrom(entries))
    const fitting = previous.index + entries.length
    // Never the own last index: what follows may be from another leader.
    this.state.commitTo(Math.min(commit, fitting))
    const match = Math.max(fitting, log.base.index)
    const answer = { type: 'appendAnswer', term, match, miss: undefined } as const
    if (match <= log.stored) this.state.send(leader, answer)
    else this.state.sendDurable(leader, answer)
  }

  #heartbeat({ commit, round }: Heartbeat, leader: string): void {
    const { term } = this.state
    this.state.commitTo(commit)
    this.state.send(leader, { type: 'heartbeatAnswer', term, round })
  }

  #drawPatience(): number {
    const { electionMinMs, electionMaxMs, random } = this.state.options
    return electionMinMs + random.below(electionMaxMs - electionMinMs)
  }
}
