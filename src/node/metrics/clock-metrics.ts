import { counter, gauge, type Metric } from '../../base/metric.ts'
import type { Metrics } from '../../base/metrics.ts'
import type { Running } from '../bring-up.ts'
import type { ClockReport } from '../clock/clock-report.ts'

const statuses = ['INIT', 'SYNCED', 'HOLDOVER', 'UNSYNCED', 'DISRUPTED'] as const
const VERDICTS_MAX = 16

const offset = gauge(
  'holdfast_clock_offset_seconds',
  'How far this clock is known to be behind; it is being slewed away',
)
const uncertainty = gauge(
  'holdfast_clock_uncertainty_seconds',
  'The truth is within this of the clock; none while that is not known',
)
const drift = gauge(
  'holdfast_clock_drift_ratio',
  "How much slower than true the machine's own clock runs",
)
const driftError = gauge('holdfast_clock_drift_error_ratio', 'How fast the uncertainty grows')
const status = gauge('holdfast_clock_status', '1 for the status that the clock is in', {
  status: statuses,
})
const sinceSync = gauge(
  'holdfast_clock_since_sync_seconds',
  'How long ago sources were last agreed upon; none if never',
)
const sources = gauge('holdfast_clock_sources', 'Sources of time by what is thought of them', {
  verdict: VERDICTS_MAX,
})
const rejected = counter(
  'holdfast_clock_rejected_stamps_total',
  'Timestamps of others that led too far',
)
const contradictions = counter(
  'holdfast_clock_contradictions_total',
  'How often a majority of sources contradicted what was thought certain',
)
const disturbances = counter(
  'holdfast_clock_disturbances_total',
  'How often the machine slept, the process stood still, or the wall clock was set',
)

export const clockMetrics: readonly Metric[] = [
  offset,
  uncertainty,
  drift,
  driftError,
  status,
  sinceSync,
  sources,
  rejected,
  contradictions,
  disturbances,
]

/** What time it is here, and how wrong that may be. */
export function readClock(metrics: Metrics, running: () => Running | undefined): void {
  const read = (metric: Metric<'counter' | 'gauge', never>, of: Told): void =>
    metrics.read(metric, () => {
      const report = running()?.clock.service.report()
      return report && (of(report) ?? undefined)
    })
  read(offset, ({ offsetMs }) => seconds(offsetMs))
  read(uncertainty, ({ boundMs }) => seconds(boundMs))
  read(drift, ({ driftPpm }) => driftPpm / 1e6)
  read(driftError, ({ driftErrorPpm }) => driftErrorPpm / 1e6)
  read(sinceSync, ({ lastSyncMs }) => seconds(lastSyncMs))
  read(rejected, ({ rejectedStamps }) => rejectedStamps)
  read(contradictions, report => report.contradictions)
  read(disturbances, report => report.disturbances)
  metrics.read(status, () => {
    const now = running()?.clock.service.report().status
    return now && statuses.map(each => [{ status: each }, Number(each === now)])
  })
  metrics.read(sources, () => {
    const counts = new Map<string, number>()
    for (const { verdict } of running()?.clock.service.report().sources ?? [])
      counts.set(verdict, (counts.get(verdict) ?? 0) + 1)
    return [...counts].map(([verdict, count]) => [{ verdict }, count])
  })
}

const seconds = (ms: number | null): number | null => (ms === null ? null : ms / 1_000)

type Told = (report: ClockReport) => number | null
