import { counter, gauge, histogram, LATENCY, type Metric, QUICK } from '../../base/metric.ts'
import type { Metrics, Reading } from '../../base/metrics.ts'
import type { Running } from '../bring-up.ts'
import type { ConsensusMeter } from '../consensus/consensus-meter.ts'
import type { GroupView } from '../consensus/group-view.ts'

/** Of so many groups the single numbers are told, the lowest first; sums are of all. */
const GROUPS_TOLD_MAX = 64
const perGroup = { group: GROUPS_TOLD_MAX } as const

const groups = gauge('holdfast_raft_groups', 'Groups that have a replica here')
const isLeader = gauge('holdfast_raft_is_leader', '1 where this peer leads', perGroup)
const hasLeader = gauge('holdfast_raft_has_leader', '1 where a leader is known', perGroup)
const term = gauge('holdfast_raft_term', 'Term', perGroup)
const commit = gauge('holdfast_raft_commit_index', 'Last entry that is agreed on', perGroup)
const applied = gauge('holdfast_raft_applied_index', 'Last entry that the state has', perGroup)
const voters = gauge('holdfast_raft_voters', 'Voters, the leader included', perGroup)
const learners = gauge('holdfast_raft_learners', 'Replicas that catch up or only listen', perGroup)
const lag = gauge(
  'holdfast_raft_follower_lag_entries',
  'Committed entries that the slowest replica lacks, where this peer leads',
  perGroup,
)
const silence = gauge(
  'holdfast_raft_follower_silence_seconds',
  'Since the replica was heard that was silent longest, where this peer leads',
  perGroup,
)
export const leaderChanges: Metric<'counter', 'group'> = counter(
  'holdfast_raft_leader_changes_total',
  'How often another peer was seen to lead',
  perGroup,
)
const applySeconds = histogram(
  'holdfast_raft_apply_seconds',
  'How long the state took for entries that were applied together',
  QUICK,
)
const appliedEntries = counter('holdfast_raft_applied_entries_total', 'Entries applied here')
const commandSeconds = histogram(
  'holdfast_raft_command_seconds',
  'From a command to its answer, wherever the leader is',
  LATENCY,
  { outcome: ['done', 'failed'] },
)
const readSeconds = histogram(
  'holdfast_raft_read_seconds',
  'Until the state here was as new as a linearizable read needs it',
  LATENCY,
  { outcome: ['done', 'failed'] },
)
const walSyncSeconds = histogram(
  'holdfast_wal_sync_seconds',
  'Write and sync of one frame of the log that all groups share',
  QUICK,
)

export const groupMetrics: readonly Metric[] = [
  groups,
  isLeader,
  hasLeader,
  term,
  commit,
  applied,
  voters,
  learners,
  lag,
  silence,
  leaderChanges,
  appliedEntries,
  applySeconds,
  commandSeconds,
  readSeconds,
  walSyncSeconds,
]

/** The replicas of groups on this peer. */
export function readGroups(metrics: Metrics, running: () => Running | undefined): void {
  const views = (): readonly GroupView[] => running()?.agreement.replicas() ?? []
  const read = (metric: Metric<'gauge', 'group'>, of: Told): void =>
    metrics.read(metric, () =>
      views().flatMap((view): Reading<'group'>[] => {
        const value = of(view)
        return value === undefined ? [] : [[{ group: view.name }, value]]
      }),
    )
  metrics.read(groups, () => running()?.agreement.replicas().length)
  read(isLeader, ({ role }) => Number(role === 'leader'))
  read(hasLeader, ({ leader }) => Number(leader !== undefined))
  read(term, view => view.term)
  read(commit, view => view.commit)
  read(applied, view => view.applied)
  read(voters, ({ members }) => members.filter(({ role }) => role !== 'learner').length)
  read(learners, ({ members }) => members.filter(({ role }) => role === 'learner').length)
  read(lag, view => largest(view, member => member.lag))
  read(silence, view => {
    const ms = largest(view, member => member.heardMsAgo)
    return ms === undefined ? undefined : ms / 1_000
  })
}

/** Counts what agreement tells of itself; the disk's times go on to whoever told of them before. */
export const meterInto = (metrics: Metrics, synced: (ms: number) => void): ConsensusMeter => ({
  applied: (entries, ms) => {
    metrics.add(appliedEntries, {}, entries)
    metrics.observe(applySeconds, {}, ms / 1_000)
  },
  commanded: (isDone, ms) => metrics.observe(commandSeconds, outcomeOf(isDone), ms / 1_000),
  caughtUp: (isDone, ms) => metrics.observe(readSeconds, outcomeOf(isDone), ms / 1_000),
  synced: ms => {
    metrics.observe(walSyncSeconds, {}, ms / 1_000)
    synced(ms)
  },
})

const outcomeOf = (isDone: boolean): { outcome: string } => ({
  outcome: isDone ? 'done' : 'failed',
})

type Told = (view: GroupView) => number | undefined

/** Only the leader knows. */
function largest(
  { role, members }: GroupView,
  of: (member: GroupView['members'][number]) => number | undefined,
): number | undefined {
  const known = members.map(of).filter(value => value !== undefined)
  return role === 'leader' && known.length > 0 ? Math.max(...known) : undefined
}
