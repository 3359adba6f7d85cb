/**
 * What a replica looks like from outside, as text: for transcripts, logs, and whoever wonders why a
 * group does not move.
 */
import { type Configuration, isJoint } from './configuration.ts'
import type { Entry, LogMark, ReplicaId } from './entry.ts'
import { Leader } from './leader.ts'
import type { Message } from './message.ts'
import { majorityOf } from './quorum.ts'
import type { Raft } from './raft.ts'

/** A few lines: role, log, configuration; of a leader also how far everybody is. */
export function describe(raft: Raft): string {
  const { state, role } = raft.inside
  const { term, vote, leader, log, configuration } = state
  const lines = [
    `${state.self} ${role.name} term ${term} leader ${leader ?? '-'} vote ${vote ?? '-'}`,
    `  log ${mark(log.base)} … ${mark(log.last)} commit ${log.commit} stored ${log.stored}`,
    `  ${describeConfiguration(configuration)}`,
  ]
  if (role instanceof Leader) lines.push(...describeQuorum(role, raft))
  return lines.join('\n')
}

export function describeConfiguration(configuration: Configuration): string {
  const { voters, outgoing, learners } = configuration
  const parts = [`voters ${voters.join(' ')}`]
  if (isJoint(configuration)) parts.push(`outgoing ${outgoing.join(' ')}`)
  if (learners.length > 0) parts.push(`learners ${learners.join(' ')}`)
  return parts.join(', ')
}

/**
 * How far each replica is, drawn as bars; the commit index is where a majority of bars reaches.
 *
 *     a ######## 8 self
 *     b ######   6 replicate 2 in flight
 *     c ###      3 probe
 */
function describeQuorum({ replication }: Leader, { inside, last }: Raft): string[] {
  const { configuration, self } = inside.state
  const names = [self, ...replication.progress.keys()].toSorted((a, b) => (a < b ? -1 : 1))
  const width = Math.max(...names.map(name => name.length))
  const lines = names.map(name => {
    const match = replication.matchOf(name)
    return `  ${name.padEnd(width)} ${bar(match, last.index)} ${match} ${activityOf(name)}`
  })
  const halves = [configuration.voters, configuration.outgoing].filter(half => half.length > 0)
  const needed = halves.map(half => `${majorityOf(half.length)} of ${half.length}`)
  return [...lines, `  needs ${needed.join(' and ')}`]

  function activityOf(name: ReplicaId): string {
    const progress = replication.progress.get(name)
    if (progress === undefined) return 'self'
    if (progress.state === 'replicate') return `replicate ${progress.inFlight} in flight`
    if (progress.state === 'snapshot') return `snapshot ${progress.snapshotIndex}`
    return `probe from ${progress.next}${progress.isProbeOut ? ', asked' : ''}`
  }
}

const BAR_COLUMNS = 20

function bar(value: number, full: number): string {
  const columns = full <= BAR_COLUMNS ? value : Math.round((value / full) * BAR_COLUMNS)
  return '#'.repeat(columns).padEnd(Math.min(full, BAR_COLUMNS))
}

/** `a→b append 2 after 1/3 commit 2: 2/3 3/3`; places in the log are written index/term. */
export function describeMessage(message: Message): string {
  return `${message.from}→${message.to} ${message.type} ${message.term}${detailsOf(message)}`
}

function detailsOf(message: Message): string {
  switch (message.type) {
    case 'preVote':
      return ` last ${mark(message.last)}`
    case 'vote':
      return ` last ${mark(message.last)}${message.isTransfer ? ' transfer' : ''}`
    case 'preVoteAnswer':
    case 'voteAnswer':
      return message.isGranted ? ' yes' : ' no'
    case 'append': {
      const { previous, entries, commit } = message
      const list = entries.map(describeEntry).join(' ')
      return ` after ${mark(previous)} commit ${commit}${list === '' ? '' : `: ${list}`}`
    }
    case 'appendAnswer': {
      const { match, miss } = message
      return miss === undefined ? ` hit ${match}` : ` miss ${miss.index} hint ${mark(miss.hint)}`
    }
    case 'heartbeat':
      return ` commit ${message.commit} round ${message.round}`
    case 'heartbeatAnswer':
      return ` round ${message.round}`
    case 'timeoutNow':
      return ''
  }
}

const mark = ({ index, term }: LogMark): string => `${index}/${term}`

const describeEntry = (entry: Entry): string =>
  entry.kind === 'command' ? mark(entry) : `${mark(entry)} ${entry.kind}`
