import type { Metric } from '../../src/base/metric.ts'
import { gatewayMetrics } from '../../src/gateway/gateway-metrics.ts'
import { processMetrics } from '../../src/gateway/process-metrics.ts'
import { clockMetrics } from '../../src/node/metrics/clock-metrics.ts'
import { groupMetrics } from '../../src/node/metrics/group-metrics.ts'
import { membershipMetrics } from '../../src/node/metrics/membership-metrics.ts'
import { storeMetrics } from '../../src/node/metrics/store-metrics.ts'

/** docs/metrics.md, made from the metrics themselves. */
const chapters: readonly (readonly [title: string, metrics: readonly Metric[]])[] = [
  ['Gateway', gatewayMetrics],
  ['Store, fragments, repair', storeMetrics],
  ['Groups and the log', groupMetrics],
  ['Peers and the network', membershipMetrics],
  ['Clock', clockMetrics],
  ['Process', processMetrics],
]

export const documentedMetrics: readonly Metric[] = chapters.flatMap(([, metrics]) => metrics)

const opening = `# Metrics

Every peer tells its numbers at \`GET /metrics\`, in the text format of Prometheus. It needs the token
in \`api-token\` as a bearer:

\`\`\`yaml
scrape_configs:
  - job_name: holdfast
    authorization: { credentials_file: /var/lib/holdfast/api-token }
    static_configs: [{ targets: ['127.0.0.1:4800'] }]
\`\`\`

A program that embeds a peer has the same numbers without a gateway: \`formatMetrics(node.metrics())\`
(the chapters on the gateway and the process are the gateway's).

Units are seconds and bytes, counters end in \`_total\`. No label holds an id, a key or an address, and
each has a bounded number of values: those listed, or as many as it says; what comes beyond that is
counted as \`other\` or left out. Where there is nothing to tell there is no sample: a clock that does
not know how wrong it is has no \`holdfast_clock_uncertainty_seconds\`, and a group that is led
elsewhere no lag.

This page is made from the sources; a test compares it.
`

export const metricsPage = (): string =>
  [opening, ...chapters.map(([title, metrics]) => chapter(title, metrics))].join('\n')

const chapter = (title: string, metrics: readonly Metric[]): string =>
  [
    `## ${title}`,
    '',
    '| metric | kind | what | labels |',
    '|---|---|---|---|',
    ...metrics.map(
      ({ name, kind, help, labels }) => `| \`${name}\` | ${kind} | ${help} | ${labelsOf(labels)} |`,
    ),
    '',
  ].join('\n')

const labelsOf = (labels: Metric['labels']): string =>
  Object.entries(labels)
    .map(([label, values]) =>
      typeof values === 'number'
        ? `\`${label}\`: ${values} at most`
        : `\`${label}\`: ${values.map(value => `\`${value}\``).join(', ')}`,
    )
    .join('; ')
