import type { Random } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import {
  type Configuration,
  decodeConfiguration,
  encodeConfiguration,
} from '../../consensus/configuration.ts'
import type { LogMark, ReplicaId } from '../../consensus/entry.ts'
import type { RaftStart } from '../../consensus/raft-state.ts'
import type { RecoveryPlan, Survivor } from '../../consensus/recovery.ts'
import type { Wal } from '../../storage/wal.ts'
import { decodeState, encodeEntry, encodeState } from './group-records.ts'
import { findGroup, type FoundGroup } from './group-start.ts'
import { newReplicaId, peerOf } from './replica-name.ts'
import type { ReplicaStates } from './replica-state.ts'

/**
 * What is left of every group in this log, for disaster recovery. Reads only; nothing of the group
 * may run meanwhile.
 */
export async function inspectGroups(wal: Wal, states: ReplicaStates): Promise<Survivor[]> {
  const survivors: Survivor[] = []
  for (const { group, state, lastIndex, lastTerm } of wal.groups) {
    const found = await findGroup(wal, group, await states.mark(group))
    if (found !== undefined) survivors.push(survivorOf(group, found))
    else if (state !== undefined) {
      const { replica, hard } = decodeState(state)
      const { term, commit } = hard
      const last = { index: lastIndex, term: lastTerm }
      survivors.push({ group, replica, term, commit, last, configuration: none, isDamaged: true })
    }
  }
  return survivors
}

/**
 * Makes this replica the only voter of its group, as planned, and returns its new name. One frame of
 * the log: after a crash it has happened or not.
 * @throws {HoldfastError} `PLAN_OUTDATED` if the replica is not the one that was planned with.
 */
export async function applyRecovery(
  wal: Wal,
  states: ReplicaStates,
  plan: RecoveryPlan,
  random: Random,
): Promise<ReplicaId> {
  const { group, term } = plan
  const found = await findGroup(wal, group, await states.mark(group))
  if (found === undefined) throw outdated(plan, 'its log is missing or damaged')
  const { replica, last } = survivorOf(group, found)
  if (replica !== plan.replica) throw outdated(plan, `it is ${replica} now`)
  if (last.index !== plan.last.index || last.term !== plan.last.term) {
    throw outdated(plan, `its log ends at ${last.index}/${last.term} now`)
  }
  if (term <= found.start.hard.term) throw outdated(plan, `its term is ${found.start.hard.term}`)
  const name = newReplicaId(peerOf(replica), random)
  const index = last.index + 1
  const hard = { term, vote: name, commit: index }
  const data = encodeConfiguration({ voters: [name], outgoing: [], learners: [] })
  const payload = encodeEntry({ index, term, kind: 'configuration', data })
  await wal.append([
    // Where the log had no time to follow the snapshot it begins behind that.
    ...(fitsLog(found.start) ? [] : [{ type: 'base', group, ...last } as const]),
    { type: 'state', group, payload: encodeState({ replica: name, hard }) },
    { type: 'entry', group, index, term, payload },
  ])
  return name
}

const none: Configuration = { voters: [], outgoing: [], learners: [] }

function survivorOf(group: number, { replica, start }: FoundGroup): Survivor {
  const { hard, snapshot, entries } = start
  const last = lastOf(start)
  const change = entries.findLast(
    ({ kind, index }) => kind === 'configuration' && index <= last.index,
  )
  const isNewer = change !== undefined && change.index > snapshot.index
  return {
    group,
    replica,
    term: hard.term,
    last,
    commit: Math.max(hard.commit, snapshot.index),
    configuration: isNewer ? decodeConfiguration(change.data) : snapshot.configuration,
    isDamaged: false,
  }
}

/** A snapshot that came just before a crash may be all that counts. */
function lastOf({ snapshot, base, entries }: RaftStart): LogMark {
  const { index, term } = fitsLog({ snapshot, base, entries }) ? (entries.at(-1) ?? base) : snapshot
  return { index, term }
}

const fitsLog = ({ snapshot, base, entries }: Omit<RaftStart, 'hard'>): boolean =>
  snapshot.index === base.index || entries[snapshot.index - base.index - 1]?.term === snapshot.term

function outdated({ group, replica }: RecoveryPlan, reason: string): HoldfastError {
  const details = { code: 'PLAN_OUTDATED', group, reason } as const
  return new HoldfastError(`Cannot recover group ${group} from ${replica}: ${reason}`, details)
}
