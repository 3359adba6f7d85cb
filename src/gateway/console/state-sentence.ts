import type { HealthView } from '../../node/store/upkeep.ts'
import type { OverviewView } from './views/overview.ts'

/** What the sentence is made of. */
export interface StateFacts {
  /** Undefined where nobody could be asked. */
  readonly health: HealthView | undefined
  readonly isStorageMember: boolean
  /** Objects in all buckets; null if that is not known. */
  readonly objects: number | null
  readonly peersAlive: number
  /** How many voters may yet fail in the group that bears least; null if that is not known. */
  readonly groupTolerance: number | null
  /** How long until the peers that died last are given up; 0 if none is waited for. */
  readonly graceLeftMs: number
}

export interface State {
  readonly level: OverviewView['level']
  readonly sentence: string
  readonly etaMs: number | null
}

const SECOND_MS = 1_000
const MINUTE_MS = 60_000
/** As if a repair had been seen for so long at least: of a moment nothing can be told. */
const RATE_MS_MIN = 2_000

/** The state of everything in one sentence, the worst first. */
export function stateOf(facts: StateFacts): State {
  const { health, isStorageMember, groupTolerance } = facts
  const plain = (level: State['level'], sentence: string): State => ({
    level,
    sentence,
    etaMs: null,
  })
  if (isStorageMember)
    return plain('unknown', 'This peer only holds fragments: it cannot see what is stored')
  const lost = countWhere(health?.margins ?? [], ({ margin }) => margin < 0)
  if (lost > 0)
    return plain('lost', `${segments(lost)} cannot be read: too many fragments are away`)
  if (groupTolerance !== null && groupTolerance < 0)
    return plain('at risk', 'A group has lost its majority: what it has stands still')
  if (health === undefined || (health.groupsTotal > 0 && health.groupsHeard === 0))
    return plain('unknown', 'How safe the data is cannot be told: nobody who leads answers')
  if (!health.isWhole) return plain('unknown', 'What is stored is being counted')
  const short = countWhere(health.missing, () => true)
  if (short > 0) return shortOf(facts, health, short)
  return wholeOf(facts, health)
}

/** Something is missing: how much, and what is done about it. */
function shortOf(facts: StateFacts, health: HealthView, short: number): State {
  const most = Math.max(...health.missing.map(({ fragments }) => fragments))
  const many = most === 1 ? 'one fragment' : `up to ${most} fragments`
  const what = `${segments(short)} ${short === 1 ? 'is' : 'are'} ${many} short`
  const level = (health.tolerance ?? 0) <= 0 ? 'at risk' : undefined
  const { waiting, running } = health.repair
  const etaMs = etaOf(health, short)
  if (waiting + running > 0) {
    const done = etaMs === null ? 'repair is under way' : `repair done in about ${spell(etaMs)}`
    return { level: level ?? 'repairing', sentence: `${what}; ${done}`, etaMs }
  }
  if (health.repair.short > 0)
    return {
      level: level ?? 'degraded',
      sentence: `${what}, and there are too few peers`,
      etaMs: null,
    }
  const next =
    facts.graceLeftMs > 0
      ? `repair begins in ${spell(facts.graceLeftMs)}, unless they come back`
      : 'repair is about to begin'
  return { level: level ?? 'degraded', sentence: `${what}; ${next}`, etaMs: null }
}

function wholeOf({ objects, peersAlive, groupTolerance }: StateFacts, health: HealthView): State {
  const plain = (level: State['level'], sentence: string): State => ({
    level,
    sentence,
    etaMs: null,
  })
  if (objects === 0 && health.segments === 0)
    return plain('healthy', `Nothing is stored yet; ${peers(peersAlive)} ready`)
  const all =
    objects === null
      ? 'Everything stored'
      : objects === 1
        ? 'The one object'
        : `All ${count(objects)} objects`
  const tolerances = [health.tolerance, groupTolerance].filter(each => each !== null)
  const tolerance = tolerances.length === 0 ? 0 : Math.max(0, Math.min(...tolerances))
  if (tolerance > 1) return plain('healthy', `${all} can lose any ${tolerance} peers`)
  if (tolerance === 1) return plain('healthy', `${all} can lose any one peer`)
  if (peersAlive === 1)
    return plain(
      'at risk',
      `${all} ${objects === 1 ? 'is' : 'are'} on one peer only: let another one join`,
    )
  return plain('at risk', `${all} can lose no peer`)
}

/** As quickly as it went within the last minute; null if nothing was done in it. */
function etaOf({ repair }: HealthView, short: number): number | null {
  if (repair.lastMinute === 0) return null
  const eachMs = Math.max(RATE_MS_MIN, repair.lastMinuteMs) / repair.lastMinute
  return Math.round(eachMs * Math.max(short, repair.waiting + repair.running))
}

export const countWhere = <Kind extends { readonly segments: number }>(
  kinds: readonly Kind[],
  holds: (kind: Kind) => boolean,
): number => kinds.filter(holds).reduce((sum, kind) => sum + kind.segments, 0)

const count = (number: number): string => number.toLocaleString('en-US')
const segments = (number: number): string =>
  number === 1 ? 'One segment' : `${count(number)} segments`
const peers = (number: number): string => (number === 1 ? 'one peer is' : `${number} peers are`)

/** In words that need not be counted down. */
function spell(ms: number): string {
  if (ms < 1.5 * MINUTE_MS) return `${Math.max(1, Math.round(ms / SECOND_MS))} s`
  if (ms < 90 * MINUTE_MS) return `${Math.round(ms / MINUTE_MS)} min`
  return `${Math.round(ms / MINUTE_MS / 60)} h`
}
