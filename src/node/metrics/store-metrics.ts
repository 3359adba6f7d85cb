import { counter, gauge, histogram, LATENCY, type Metric } from '../../base/metric.ts'
import type { Metrics } from '../../base/metrics.ts'
import type { Running } from '../bring-up.ts'
import type { UpkeepStatus } from '../store/upkeep.ts'

const OPERATIONS_MAX = 64
const CODES_MAX = 128

export const operationSeconds: Metric<'histogram', 'operation' | 'outcome'> = histogram(
  'holdfast_store_operation_seconds',
  'Calls of the store and its upkeep; of a get, until its bytes begin',
  LATENCY,
  { operation: OPERATIONS_MAX, outcome: ['done', 'failed', 'called off'] },
)
export const operationErrors: Metric<'counter', 'code'> = counter(
  'holdfast_store_errors_total',
  'Calls of the store and its upkeep that failed, by code',
  { code: CODES_MAX },
)
const fragments = gauge('holdfast_fragments', 'Fragments that this peer holds')
const used = gauge('holdfast_fragment_bytes', 'Bytes on the disk that fragments take')
const limit = gauge('holdfast_fragment_limit_bytes', 'Most that fragments may take here now')
const readonly = gauge('holdfast_fragments_readonly', '1 while this peer takes no more fragments')
const queue = gauge(
  'holdfast_repair_queue_length',
  'Segments to repair or move in groups that this peer leads; short: there are too few peers for',
  { state: ['waiting', 'running', 'short'] },
)
const margin = gauge(
  'holdfast_redundancy_margin_min',
  'How many more fragments the worst segment under repair may lose; none if nothing is',
)
const repaired = counter(
  'holdfast_repair_segments_total',
  'Segments that this peer mended or moved',
)
const written = counter('holdfast_repair_bytes_total', 'Bytes of fragments made anew or moved')
const failures = counter('holdfast_repair_errors_total', 'Repairs and moves that failed')
const audits = counter('holdfast_audits_total', 'Challenges to holders of fragments', {
  outcome: ['ok', 'wrong', 'unknown', 'offline'],
})
const scrubbed = counter('holdfast_scrub_fragments_total', 'Own fragments read and verified')
const findings = counter('holdfast_scrub_findings_total', 'Own fragments found damaged')
const garbage = gauge('holdfast_garbage_fragments', 'Fragments of deleted objects, not dropped yet')

export const storeMetrics: readonly Metric[] = [
  operationSeconds,
  operationErrors,
  fragments,
  used,
  limit,
  readonly,
  queue,
  margin,
  repaired,
  written,
  failures,
  audits,
  scrubbed,
  findings,
  garbage,
]

/** What this peer holds, and what it does so that all is whole. */
export function readStorage(metrics: Metrics, running: () => Running | undefined): void {
  const usage = () => running()?.storage.fragments.store.usage
  metrics.read(fragments, () => usage()?.fragments)
  metrics.read(used, () => usage()?.usedBytes)
  metrics.read(limit, () => usage()?.limitBytes)
  metrics.read(readonly, () => {
    const known = usage()
    return known && Number(known.isReadonly)
  })
  const upkeep = (): UpkeepStatus | undefined => running()?.storage.upkeep.upkeep()
  metrics.read(queue, () => {
    const known = upkeep()
    return (
      known && [
        [{ state: 'waiting' }, known.waiting],
        [{ state: 'running' }, known.running],
        [{ state: 'short' }, known.short],
      ]
    )
  })
  metrics.read(margin, () => running()?.storage.upkeep.margin)
  metrics.read(failures, () => running()?.storage.upkeep.failures)
  metrics.read(repaired, () => upkeep()?.repairedSegments)
  metrics.read(written, () => upkeep()?.repairedBytes)
  metrics.read(audits, () =>
    Object.entries(upkeep()?.audits ?? {}).map(([outcome, times]) => [{ outcome }, times]),
  )
  metrics.read(scrubbed, () => upkeep()?.scrub.fragments)
  metrics.read(findings, () => upkeep()?.scrub.findings)
  metrics.read(garbage, () => upkeep()?.garbage)
}
