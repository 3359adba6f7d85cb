import type { Metric } from '../../base/metric.ts'
import { Metrics } from '../../base/metrics.ts'
import type { Running } from '../bring-up.ts'
import { clockMetrics, readClock } from './clock-metrics.ts'
import { groupMetrics, readGroups } from './group-metrics.ts'
import { membershipMetrics, readMembership } from './membership-metrics.ts'
import { readStorage, storeMetrics } from './store-metrics.ts'

/** Everything that a peer counts. What is added is put into one of these lists, or is another. */
const nodeMetrics: readonly Metric[] = [
  ...membershipMetrics,
  ...clockMetrics,
  ...groupMetrics,
  ...storeMetrics,
]

/** The numbers of a peer, which go on when it is started again. */
export function peerMetrics(running: () => Running | undefined): Metrics {
  const metrics = new Metrics(nodeMetrics)
  readMembership(metrics, running)
  readClock(metrics, running)
  readGroups(metrics, running)
  readStorage(metrics, running)
  return metrics
}
