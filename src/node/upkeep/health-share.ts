import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { UpkeepStatus } from '../store/upkeep.ts'
import type { Outcome } from './audit-scores.ts'

/**
 * What a peer that leads groups says of them, as JSON. It comes over the network, so it is read as
 * what anybody may have written: what is not of this shape is no answer.
 */
export interface HealthShare {
  readonly groups: readonly GroupHealth[]
  readonly repair: RepairShare
  readonly audits: UpkeepStatus['audits']
  /** What audits found of each peer, by seat. */
  readonly audited: readonly AuditShare[]
}

export interface GroupHealth {
  readonly group: number
  readonly segments: number
  readonly margins: readonly Pair[]
  readonly missing: readonly Pair[]
  /** Null before the first count. */
  readonly countedMsAgo: number | null
}

interface RepairShare {
  readonly waiting: number
  readonly running: number
  readonly short: number
  readonly repairedSegments: number
  readonly repairedBytes: number
  /** Segments that were made whole within the last minute. */
  readonly lastMinute: number
  /** How long ago the first of them was. */
  readonly lastMinuteMs: number
  /** How long dead peers may come back before what they held is made anew. */
  readonly graceMs: number
}

export interface AuditShare {
  readonly seat: number
  readonly counts: UpkeepStatus['audits']
  readonly last: Outcome
  readonly lastMsAgo: number
}

type Pair = readonly [of: number, segments: number]

const GROUPS_MAX = 10_000
const PAIRS_MAX = 256
const AUDITED_MAX = 4_000
const outcomes: readonly Outcome[] = ['ok', 'wrong', 'unknown', 'offline']

export const encodeHealth = (share: HealthShare): Uint8Array => {
  const audited = share.audited
    .slice(0, AUDITED_MAX)
    .map(({ seat, counts, last, lastMsAgo }) => [
      seat,
      ...outcomes.map(outcome => counts[outcome]),
      outcomes.indexOf(last),
      Math.round(lastMsAgo),
    ])
  return fromUtf8(JSON.stringify({ ...share, audited }))
}

/** Undefined for what is no such thing. */
export function decodeHealth(bytes: Uint8Array): HealthShare | undefined {
  try {
    return shareIn(JSON.parse(toUtf8(bytes)))
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof Malformed) return undefined
    throw error
  }
}

class Malformed extends Error {}

function shareIn(value: unknown): HealthShare {
  const share = recordIn(value)
  return {
    groups: listIn(share['groups'], GROUPS_MAX).map(groupIn),
    repair: numbersIn(share['repair'], repairFields),
    audits: numbersIn(share['audits'], outcomes),
    audited: listIn(share['audited'], AUDITED_MAX).map(auditIn),
  }
}

const repairFields = [
  'waiting',
  'running',
  'short',
  'repairedSegments',
  'repairedBytes',
  'lastMinute',
  'lastMinuteMs',
  'graceMs',
] as const

function groupIn(value: unknown): GroupHealth {
  const group = recordIn(value)
  const { countedMsAgo } = group
  return {
    ...numbersIn(group, ['group', 'segments']),
    margins: listIn(group['margins'], PAIRS_MAX).map(pairIn),
    missing: listIn(group['missing'], PAIRS_MAX).map(pairIn),
    countedMsAgo: countedMsAgo === null ? null : numberIn(countedMsAgo),
  }
}

function auditIn(value: unknown): AuditShare {
  const [seat = 0, ok = 0, wrong = 0, unknown = 0, offline = 0, last = 0, lastMsAgo = 0] = listIn(
    value,
    7,
  ).map(numberIn)
  const outcome = outcomes[last]
  if (outcome === undefined) throw new Malformed()
  return { seat, counts: { ok, wrong, unknown, offline }, last: outcome, lastMsAgo }
}

function pairIn(value: unknown): Pair {
  const [of, segments] = listIn(value, 2)
  if (!Number.isInteger(of)) throw new Malformed()
  return [of as number, numberIn(segments)]
}

function recordIn(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw new Malformed()
}

function listIn(value: unknown, most: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= most) return value
  throw new Malformed()
}

function numberIn(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
  throw new Malformed()
}

function numbersIn<Name extends string>(
  value: unknown,
  names: readonly Name[],
): Readonly<Record<Name, number>> {
  const record = recordIn(value)
  const entries = names.map(name => [name, numberIn(record[name])] as const)
  return Object.fromEntries(entries) as Record<Name, number>
}
