import type { Membership } from './configuration.ts'
import type { ReplicaId } from './entry.ts'
import type { Body, Message } from './message.ts'
import type { RoleName } from './raft-effect.ts'
import type { Proposal, StoredMark } from './raft-event.ts'
import type { RaftState } from './raft-state.ts'

/** What a replica does while it follows, stands for election, or leads. */
export interface Role {
  readonly name: RoleName
  tick(): void
  /** A message of the current term, or an answer to a pre-vote. */
  receive(message: Message): void
  stored(stored: StoredMark): void
  propose(proposals: readonly Proposal[]): void
  read(ids: readonly number[]): void
  change(id: number, membership: Membership): void
  transfer(to: ReplicaId | undefined): void
  unreachable(replica: ReplicaId): void
  snapshotSent(to: ReplicaId, index: number, isDone: boolean): void
  /** The role is over: nothing it promised to somebody may be left unanswered. */
  end(): void
}

/** How a role gives way to another. */
export interface Transitions {
  follow(leader: ReplicaId | undefined): void
  /** Stand for election, at once if a leader asks for it. */
  campaign(isTransfer: boolean): void
  lead(): void
}

/** What everybody but a leader answers to those who want something from the leader. */
export abstract class Subject implements Role {
  abstract readonly name: RoleName
  protected readonly state: RaftState
  protected readonly become: Transitions

  constructor(state: RaftState, become: Transitions) {
    this.state = state
    this.become = become
  }

  abstract tick(): void
  abstract receive(message: Message): void
  abstract stored(stored: StoredMark): void

  propose(proposals: readonly Proposal[]): void {
    for (const { id } of proposals) this.#refuse(id)
  }

  read(ids: readonly number[]): void {
    const { leader } = this.state
    if (ids.length > 0) this.state.outbox.emit({ type: 'readRefused', ids, leader })
  }

  change(id: number): void {
    this.#refuse(id)
  }

  /** Only who leads can hand over. */
  transfer(): void {}
  unreachable(): void {}
  snapshotSent(): void {}
  end(): void {}

  #refuse(id: number): void {
    const { leader, outbox } = this.state
    outbox.emit({ type: 'refused', id, reason: 'not leader', leader })
  }
}

/** Whether only a leader says such things. */
export const isFromLeader = ({ type }: Body): boolean =>
  type === 'append' || type === 'heartbeat' || type === 'timeoutNow'
