import type { HistorySample } from '../../src/gateway/console/views/history.ts'

/** What was counted in each sample, as a rate. */
export const perSecond = (
  samples: readonly HistorySample[],
  countOf: (sample: HistorySample) => number,
  everyMs: number,
): readonly number[] => samples.map(sample => (countOf(sample) * 1000) / everyMs)

/** Latencies of one verb by percentile; null where nothing was asked. */
export const latencies = (
  samples: readonly HistorySample[],
  verb: keyof HistorySample['latency'],
  percentile: 'p50Ms' | 'p95Ms' | 'p99Ms',
): readonly (number | null)[] => samples.map(({ latency }) => latency[verb]?.[percentile] ?? null)
