import type { ClockStatusName } from './vitals.ts'

/**
 * Who should be trusted with a vote. The score multiplies what was measured by others, never what
 * the peer says of itself; the gates also use its own word, for there it can only harm itself.
 */
export interface StabilityInputs {
  /** Share of time alive, 0 to 1. */
  readonly availability: number
  /** Since it was last dead or restarted. */
  readonly uptimeMs: number
  /** Returns from death, decayed. */
  readonly flaps: number
  /** Undefined if never measured: then it counts as far away. */
  readonly rttMs: number | undefined
  /** Share of probes it answered in time, 0 to 1: its event loop and machine, seen from outside. */
  readonly responsiveness: number
}

const UPTIME_MS = 6 * 3_600_000
const RTT_MS = 50
const RTT_UNKNOWN_MS = 1_000

/** What each of them makes of the score: 1 takes nothing away. */
export interface StabilityFactors {
  readonly availability: number
  readonly uptime: number
  readonly flaps: number
  readonly roundTrip: number
  readonly responsiveness: number
}

export function stabilityFactors(inputs: StabilityInputs): StabilityFactors {
  const { availability, uptimeMs, flaps, rttMs = RTT_UNKNOWN_MS, responsiveness } = inputs
  return {
    availability: availability ** 4,
    uptime: 1 - Math.exp(-uptimeMs / UPTIME_MS),
    flaps: 1 / (1 + flaps),
    roundTrip: 1 / (1 + rttMs / RTT_MS),
    responsiveness: 0.5 + 0.5 * responsiveness,
  }
}

/** 0 (never choose) to 1. */
export const stabilityScore = (inputs: StabilityInputs): number =>
  Object.values(stabilityFactors(inputs)).reduce((score, factor) => score * factor, 1)

/** The middle of what several peers measured: a minority of liars cannot move it far. */
export function medianScore(scores: readonly number[]): number {
  const sorted = scores.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2
}

export interface GateInputs {
  readonly uptimeMs: number
  /** Waived while a group has fewer voters than it wants. */
  readonly needsUptime: boolean
  readonly isCompatible: boolean
  readonly clockStatus: ClockStatusName
  /** Mean local health multiplier over the last ten minutes. */
  readonly health: number
  readonly loopLagMs: number
  readonly diskSyncMs: number
  readonly usedBytes: number
  readonly freeBytes: number
  readonly isDialable: boolean
  readonly isFlapping: boolean
  readonly rttMs: number | undefined
  readonly electionTimeoutMs: number
}

export type Gate =
  | 'uptime'
  | 'protocol'
  | 'clock'
  | 'health'
  | 'loop lag'
  | 'disk sync'
  | 'disk space'
  | 'reachability'
  | 'flapping'
  | 'round trip'

const UPTIME_MIN_MS = 600_000
const HEALTH_MEAN_MAX = 1
const LOOP_LAG_MAX_MS = 50
const DISK_SYNC_MAX_MS = 20
const FREE_SHARE_MIN = 0.1

/** What keeps a peer from voting; empty if nothing does. */
export function failedGates(inputs: GateInputs): Gate[] {
  const { usedBytes, freeBytes, rttMs = Number.POSITIVE_INFINITY } = inputs
  const checks: readonly [Gate, boolean][] = [
    ['uptime', !inputs.needsUptime || inputs.uptimeMs >= UPTIME_MIN_MS],
    ['protocol', inputs.isCompatible],
    ['clock', inputs.clockStatus === 'SYNCED'],
    ['health', inputs.health <= HEALTH_MEAN_MAX],
    ['loop lag', inputs.loopLagMs <= LOOP_LAG_MAX_MS],
    ['disk sync', inputs.diskSyncMs <= DISK_SYNC_MAX_MS],
    ['disk space', freeBytes >= (usedBytes + freeBytes) * FREE_SHARE_MIN],
    ['reachability', inputs.isDialable],
    ['flapping', !inputs.isFlapping],
    ['round trip', rttMs <= inputs.electionTimeoutMs / 10],
  ]
  return checks.filter(([, holds]) => !holds).map(([gate]) => gate)
}
