import type { GroupView } from '../index.ts'
import { formatDuration } from './format.ts'
import { formatTable } from './table.ts'

/** The groups of the network and who votes in them, for people. */
export function groupsTable(groups: readonly GroupView[]): string {
  if (groups.length === 0) return 'no groups: nobody who has one can be asked'
  return groups.map(tableOf).join('\n\n')
}

function tableOf(view: GroupView): string {
  const { group, name, leader, term, commit, applied, epoch } = view
  const facts = [
    ['leader', leader === undefined ? 'nobody' : nameOf(view, leader)],
    ['term', String(term)],
    ['commit', `${commit}, applied ${applied}`],
    ['voters', `${view.members.filter(({ role }) => role !== 'learner').length}`],
    ['decision', decisionOf(view)],
    ...(view.holds.length > 0 ? [['holds', view.holds.join(', ')]] : []),
    ...(epoch === '' ? [] : [['epoch', epoch]]),
    ...(view.role === 'leader'
      ? []
      : [['seen by', `${nameOf(view, view.seenBy)}, a ${view.role}`]]),
  ]
  return `${formatTable(['GROUP', `${group} ${name}`], facts)}\n\n${membersOf(view)}`
}

function membersOf({ members }: GroupView): string {
  const rows = members.map(({ name, peer, role, zone, lag, heardMsAgo }) => [
    name || '?',
    role,
    zone,
    lag === undefined ? '' : String(lag),
    heardMsAgo === undefined ? '' : `${heardMsAgo} ms`,
    peer,
  ])
  return formatTable(['NAME', 'ROLE', 'ZONE', 'LAG', 'HEARD', 'PEER'], rows)
}

function decisionOf({ decision, members }: GroupView): string {
  if (decision === undefined) return 'none since this leader leads'
  const { code, ...rest } = decision.reason
  const called = (value: unknown): string =>
    members.find(({ replica }) => replica === value)?.name ?? String(value)
  const parts = Object.entries(rest).map(([key, value]) => `${key} ${called(value)}`)
  return `${[code, ...parts].join(', ')}; ${formatDuration(decision.agoMs / 1000)} ago`
}

const nameOf = ({ members }: GroupView, id: string): string =>
  members.find(({ peer }) => peer === id)?.name || id
