import type { PeerId } from '../../base/environment.ts'
import type { ElectionHold, ElectionReason } from '../../consensus/election-input.ts'
import type { ReplicaId } from '../../consensus/entry.ts'
import type { RangeView } from '../range-views.ts'
import type { GroupMoment } from './group-history.ts'
import type { RaftGroup } from './raft-group.ts'
import { peerOf } from './replica-name.ts'

/** A group as one of its replicas sees it: its leader knows most. A snapshot. */
export interface GroupView {
  readonly group: number
  readonly name: string
  /** Who tells this. */
  readonly seenBy: PeerId
  readonly role: RaftGroup['role']
  readonly leader: PeerId | undefined
  readonly term: number
  readonly commit: number
  readonly applied: number
  /** Empty before the first recovery. */
  readonly epoch: string
  readonly members: readonly GroupMemberView[]
  /** The last decision about the members; undefined if the leader has made none since it leads. */
  readonly decision: GroupDecision | undefined
  /** What keeps the members from being as they should, codes only. */
  readonly holds: readonly ElectionHold['code'][]
  /** What became of it, as who tells this has seen it since it was started; newest first. */
  readonly history: readonly GroupMoment[]
  /** What of the catalog it has; undefined for the system group, or while that cannot be asked. */
  readonly range?: RangeView | undefined
}

export interface GroupMemberView {
  readonly peer: PeerId
  readonly replica: ReplicaId
  /** An `outgoing` one votes until the change under way is done. */
  readonly role: 'leader' | 'voter' | 'outgoing' | 'learner'
  readonly name: string
  readonly zone: string
  /** Committed entries it lacks; only the leader knows. */
  readonly lag: number | undefined
  readonly heardMsAgo: number | undefined
}

export interface GroupDecision {
  readonly agoMs: number
  readonly reason: ElectionReason
}

export interface GroupViewOptions {
  readonly self: PeerId
  readonly epoch: string
  /** Of an application's machine. */
  readonly name: string | undefined
  readonly decision: GroupDecision | undefined
  readonly holds: readonly ElectionHold['code'][]
  readonly history: readonly GroupMoment[]
  readonly describe: (peer: PeerId) => { readonly name: string; readonly zone: string }
}

export function viewOfGroup(group: RaftGroup, options: GroupViewOptions): GroupView {
  const { self, epoch, name, decision, holds, history } = options
  const { leader } = group
  return {
    group: group.group,
    name: groupName(group.group, name),
    seenBy: self,
    role: group.role,
    leader: leader === undefined ? undefined : peerOf(leader),
    term: group.term,
    commit: group.commit,
    applied: group.applied.index,
    epoch,
    members: membersOf(group, options),
    decision,
    holds,
    history,
  }
}

/** What people call a group; a machine of an application has a name of its own. */
export const groupName = (group: number, name: string = String(group)): string =>
  group === 0 ? 'system' : name

function membersOf(group: RaftGroup, { self, describe }: GroupViewOptions): GroupMemberView[] {
  const { voters, outgoing, learners } = group.configuration
  return [...new Set([...voters, ...outgoing, ...learners])].map(replica => {
    const peer = peerOf(replica)
    const progress = group.members.get(replica)
    const isLeading = group.role === 'leader' && peer === self
    const role =
      replica === group.leader
        ? 'leader'
        : voters.includes(replica)
          ? 'voter'
          : outgoing.includes(replica)
            ? 'outgoing'
            : 'learner'
    return {
      peer,
      replica,
      role,
      ...describe(peer),
      lag: isLeading ? 0 : progress && Math.max(0, group.commit - progress.match),
      heardMsAgo: isLeading ? 0 : progress && Math.round(progress.heardMsAgo),
    }
  })
}
