import type { ClockCore } from '../../clock/core.ts'
import type { SourceKind, Verdict } from '../../clock/source.ts'
import type { Basis, Status } from '../../clock/status.ts'

/** What a peer says of one of its sources. */
export interface SourceReport {
  readonly kind: SourceKind
  readonly name: string
  readonly verdict: Verdict
  /** How far this clock is behind it; undefined if it did not answer. */
  readonly offsetMs?: number
  readonly delayMs?: number
  /** The source's own bound, and half the round trip. */
  readonly boundMs?: number
  /** What a peer says of itself. */
  readonly status?: Status
  /** Why its answer was of no use. */
  readonly refusal?: string
}

/** What a peer says of its clock: what `holdfast clock` shows, and metrics export. */
export interface ClockReport {
  readonly status: Status
  /** Whether the bound is against UTC, or only against the other peers. */
  readonly basis: Basis
  /** Milliseconds since 1970. */
  readonly atMs: number
  /** How far the clock is known to be behind; it is being slewed away. */
  readonly offsetMs: number
  /** The truth is within this of `atMs`; null while that is not known. */
  readonly boundMs: number | null
  /** How much slower than true the machine's own clock runs. */
  readonly driftPpm: number
  /** How fast the bound grows. */
  readonly driftErrorPpm: number
  /** How long ago sources were last agreed upon; null if never. */
  readonly lastSyncMs: number | null
  readonly pollEveryMs: number
  readonly sources: readonly SourceReport[]
  /** Timestamps of others that led too far. */
  readonly rejectedStamps: number
  /** How often a majority contradicted what was thought certain. */
  readonly contradictions: number
  readonly disturbances: number
  readonly lastDisturbance: { readonly what: string; readonly agoMs: number } | null
  /** Whether timestamps are given out, and how long until then at least. */
  readonly stamps: { readonly isReady: boolean; readonly waitMs: number }
}

/** What the core knows of it; the rest is the service's. */
export function reportOf(
  core: ClockCore,
  nowMs: number,
): Omit<ClockReport, 'rejectedStamps' | 'stamps'> {
  const { clock, acceptedMs, rateError, contradictions } = core.steering
  const boundMs = core.boundAt(nowMs)
  const { lastDisturbance } = core
  return {
    status: core.statusAt(nowMs),
    basis: core.basis,
    atMs: clock.at(nowMs),
    offsetMs: clock.pendingAt(nowMs),
    boundMs: Number.isFinite(boundMs) ? boundMs : null,
    driftPpm: clock.frequency * 1e6,
    driftErrorPpm: rateError * 1e6,
    lastSyncMs: acceptedMs === undefined ? null : nowMs - acceptedMs,
    pollEveryMs: core.pollEveryMs,
    sources: sourcesOf(core, nowMs),
    contradictions,
    disturbances: core.disturbances,
    lastDisturbance:
      lastDisturbance === undefined
        ? null
        : { what: lastDisturbance.what, agoMs: nowMs - lastDisturbance.atMs },
  }
}

function sourcesOf(core: ClockCore, nowMs: number): SourceReport[] {
  const correctionMs = core.steering.clock.correctionAt(nowMs)
  return core.sources.map(({ kind, name, verdict, sample, standing, refusal }) => ({
    kind,
    name,
    verdict,
    ...(sample === undefined
      ? {}
      : {
          offsetMs: sample.correctionMs - correctionMs,
          delayMs: sample.delayMs,
          boundMs: sample.errorMs,
        }),
    ...(kind === 'peer' && sample !== undefined ? { status: standing.status } : {}),
    ...(refusal === undefined ? {} : { refusal }),
  }))
}
