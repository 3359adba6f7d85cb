import type { PeerId } from '../../base/environment.ts'
import type { HealthView } from '../store/upkeep.ts'
import type { AuditScores } from './audit-scores.ts'
import type { HealthShare } from './health-share.ts'
import type { LedGroups } from './led-groups.ts'
import type { Books } from './repair-books.ts'

/** What this peer says of the groups it leads. */
export function ownHealth({
  groups,
  books,
  scores,
  faults,
  graceMs,
}: {
  readonly groups: Pick<LedGroups, 'status' | 'health'>
  readonly books: Pick<Books, 'totals' | 'lastMinute'>
  readonly scores: Pick<AuditScores, 'totals' | 'audited'>
  /** That wait to be mended. */
  readonly faults: number
  readonly graceMs: number
}): HealthShare {
  const { waiting, running, short } = groups.status
  const { segments: repairedSegments, bytes: repairedBytes } = books.totals
  const { segments: lastMinute, overMs: lastMinuteMs } = books.lastMinute
  const done = { repairedSegments, repairedBytes, lastMinute, lastMinuteMs }
  const repair = { waiting: waiting + faults, running, short, ...done, graceMs }
  return { groups: groups.health, repair, audits: scores.totals, audited: scores.audited }
}

/** What a leader has said. */
export interface HeardHealth {
  readonly from: PeerId
  readonly share: HealthShare
}

/**
 * The health of the whole network out of what those say who lead its groups. A group counts as its
 * leader has it, whoever else speaks of it.
 * @param leaders who leads each group of the catalog, if anybody does
 */
export function joinedHealth(
  leaders: ReadonlyMap<number, PeerId | undefined>,
  heard: readonly HeardHealth[],
  peerAt: (seat: number) => PeerId | undefined,
): HealthView {
  const groups = heard.flatMap(({ from, share }) =>
    share.groups.filter(({ group }) => leaders.get(group) === from),
  )
  const margins = summed(groups.map(group => group.margins))
  const missing = summed(groups.map(group => group.missing))
  const known = margins.map(([margin]) => margin)
  const ages = groups.map(({ countedMsAgo }) => countedMsAgo)
  const isWhole = groups.length === leaders.size && !ages.includes(null)
  return {
    segments: groups.reduce((sum, { segments }) => sum + segments, 0),
    tolerance: known.length === 0 ? null : Math.min(...known),
    margins: margins.map(([margin, segments]) => ({ margin, segments })),
    missing: missing.map(([fragments, segments]) => ({ fragments, segments })),
    isWhole,
    countedMsAgo: isWhole ? Math.max(0, ...(ages as number[])) : null,
    groupsHeard: groups.length,
    groupsTotal: leaders.size,
    repair: repairOf(heard),
    audits: auditsOf(heard),
    audited: auditedOf(heard, peerAt),
  }
}

type Pairs = HealthShare['groups'][number]['margins']

/** The smallest first. */
function summed(lists: readonly Pairs[]): Pairs {
  const sums = new Map<number, number>()
  for (const [of, segments] of lists.flat()) sums.set(of, (sums.get(of) ?? 0) + segments)
  return [...sums].toSorted(([a], [b]) => a - b)
}

function repairOf(heard: readonly HeardHealth[]): HealthView['repair'] {
  const sum = (name: keyof HealthShare['repair']): number =>
    heard.reduce((all, { share }) => all + share.repair[name], 0)
  const most = (name: keyof HealthShare['repair']): number =>
    Math.max(0, ...heard.map(({ share }) => share.repair[name]))
  return {
    waiting: sum('waiting'),
    running: sum('running'),
    short: sum('short'),
    repairedSegments: sum('repairedSegments'),
    repairedBytes: sum('repairedBytes'),
    lastMinute: sum('lastMinute'),
    lastMinuteMs: most('lastMinuteMs'),
    graceMs: most('graceMs'),
  }
}

function auditsOf(heard: readonly HeardHealth[]): HealthView['audits'] {
  const sum = (name: keyof HealthView['audits']): number =>
    heard.reduce((all, { share }) => all + share.audits[name], 0)
  return { ok: sum('ok'), wrong: sum('wrong'), unknown: sum('unknown'), offline: sum('offline') }
}

/** Several leaders may audit one peer: their counts add up, the latest outcome counts. */
function auditedOf(
  heard: readonly HeardHealth[],
  peerAt: (seat: number) => PeerId | undefined,
): HealthView['audited'] {
  const found = new Map<PeerId, HealthView['audited'][number]>()
  for (const { seat, counts, last, lastMsAgo } of heard.flatMap(({ share }) => share.audited)) {
    const peer = peerAt(seat)
    if (peer === undefined) continue
    const before = found.get(peer)
    const isLatest = before === undefined || lastMsAgo < before.lastMsAgo
    found.set(peer, {
      peer,
      counts: {
        ok: counts.ok + (before?.counts.ok ?? 0),
        wrong: counts.wrong + (before?.counts.wrong ?? 0),
        unknown: counts.unknown + (before?.counts.unknown ?? 0),
        offline: counts.offline + (before?.counts.offline ?? 0),
      },
      last: isLatest ? last : before.last,
      lastMsAgo: isLatest ? lastMsAgo : before.lastMsAgo,
    })
  }
  return [...found.values()]
}
