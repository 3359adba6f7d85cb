import type { ActivityHistory } from '../../node/activity.ts'
import type { GroupView } from '../../node/consensus/group-view.ts'
import type { HealthView } from '../../node/store/upkeep.ts'
import type { NodeStatus } from '../../node/views.ts'
import { attentionOf } from './attention.ts'
import { groupRows } from './group-rows.ts'
import { countWhere, stateOf } from './state-sentence.ts'
import type { CapacityView, DataView, OverviewView, ThroughputView } from './views/overview.ts'
import type { PeerCounts, PeerRow } from './views/peers.ts'

/** Everything the overview is made of. */
export interface OverviewFacts {
  readonly nowMs: number
  readonly status: NodeStatus
  readonly peers: readonly PeerRow[]
  readonly groups: readonly GroupView[]
  readonly health: HealthView | undefined
  readonly usage: StoredUsage | undefined
  readonly scheme: { readonly k: number; readonly m: number }
  readonly history: ActivityHistory
  readonly program: string
}

/** Over all buckets. */
export interface StoredUsage {
  readonly buckets: number
  readonly objects: number
  readonly bytes: number
}

/** Samples that make up the throughput of now. */
const RECENT_SAMPLES = 2
const NO_AUDITS = { ok: 0, wrong: 0, unknown: 0, offline: 0 }

/** How everything is, and what to do about it. Decides nothing, and asks nobody. */
export function overviewOf(facts: OverviewFacts): OverviewView {
  const { nowMs, status, peers, health, usage, program } = facts
  const groups = groupRows(facts.groups, peers)
  const counts = countsOf(peers)
  const tolerances = groups.map(({ tolerance }) => tolerance)
  const groupTolerance = tolerances.length === 0 ? null : Math.min(...tolerances)
  const { level, sentence, etaMs } = stateOf({
    health,
    isStorageMember: status.role === 'storage',
    objects: usage?.objects ?? null,
    peersAlive: counts.alive,
    groupTolerance,
    graceLeftMs: graceLeftMs(peers, health),
  })
  const { isAuthority, certificateUntil } = status
  return {
    at: new Date(nowMs).toISOString(),
    level,
    sentence,
    data: dataOf(health, usage),
    groups: {
      total: groups.length,
      withoutLeader: groups.filter(({ leader }) => leader === undefined).length,
      tolerance: groupTolerance,
    },
    repair: {
      waiting: health?.repair.waiting ?? 0,
      running: health?.repair.running ?? 0,
      short: health?.repair.short ?? 0,
      etaMs,
      repairedSegments: health?.repair.repairedSegments ?? 0,
      repairedBytes: health?.repair.repairedBytes ?? 0,
      audits: health?.audits ?? NO_AUDITS,
    },
    peers: counts,
    capacity: capacityOf(peers, facts.scheme),
    throughput: throughputOf(facts.history),
    attention: attentionOf({
      peers,
      groups,
      health,
      program,
      isAuthority,
      certificateUntil,
      nowMs,
    }),
  }
}

function dataOf(health: HealthView | undefined, usage: StoredUsage | undefined): DataView {
  const { margins = [], missing = [] } = health ?? {}
  return {
    objects: usage?.objects ?? null,
    objectBytes: usage?.bytes ?? null,
    buckets: usage?.buckets ?? null,
    segments: health?.segments ?? 0,
    tolerance: health?.tolerance ?? null,
    margins,
    shortSegments: countWhere(missing, () => true),
    missingFragments: missing.reduce((sum, each) => sum + each.fragments * each.segments, 0),
    lostSegments: countWhere(margins, ({ margin }) => margin < 0),
    countedMsAgo: health?.countedMsAgo ?? null,
    groupsHeard: health?.groupsHeard ?? 0,
    groupsTotal: health?.groupsTotal ?? 0,
  }
}

/** Until those are given up that were last found dead, and hold fragments. */
function graceLeftMs(peers: readonly PeerRow[], health: HealthView | undefined): number {
  const graceMs = health?.repair.graceMs ?? 0
  const left = peers
    .filter(
      ({ state, seat, membership }) =>
        state === 'dead' && seat !== undefined && membership !== 'banned',
    )
    .map(({ sinceMs = graceMs }) => graceMs - sinceMs)
  return Math.max(0, ...left)
}

function countsOf(peers: readonly PeerRow[]): PeerCounts {
  const counts = { alive: 0, suspect: 0, dead: 0, left: 0, unknown: 0, banned: 0, draining: 0 }
  for (const { membership, state, drain } of peers) {
    counts[membership === 'banned' ? 'banned' : state]++
    if (drain === 'draining') counts.draining++
  }
  return counts
}

/** Of those who are there: what is on the others is not to be had. */
function capacityOf(peers: readonly PeerRow[], scheme: CapacityView['scheme']): CapacityView {
  const spaces = peers.flatMap(({ space, state, membership }) =>
    space !== undefined && state === 'alive' && membership === 'member' ? [space] : [],
  )
  const usedBytes = spaces.reduce((sum, space) => sum + space.usedBytes, 0)
  const freeBytes = spaces.reduce((sum, space) => sum + space.freeBytes, 0)
  const { k, m } = scheme
  const usableFreeBytes = Math.floor((freeBytes * k) / (k + m))
  return { totalBytes: usedBytes + freeBytes, usedBytes, freeBytes, usableFreeBytes, scheme }
}

function throughputOf({ samples, everyMs }: ActivityHistory): ThroughputView {
  const recent = samples.slice(-RECENT_SAMPLES)
  const seconds = (Math.max(1, recent.length) * everyMs) / 1000
  const rate = (of: 'readBytes' | 'writtenBytes' | 'requests'): number =>
    recent.reduce((sum, sample) => sum + sample[of], 0) / seconds
  return {
    readBytesPerSecond: rate('readBytes'),
    writtenBytesPerSecond: rate('writtenBytes'),
    requestsPerSecond: rate('requests'),
  }
}
