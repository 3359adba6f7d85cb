import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'

import type { HistorySample, HistoryView } from '../../../src/gateway/console/views/history.ts'
import { useResource } from '../../api/resource.ts'
import { bytes, count, milliseconds, rate } from '../../logic/format.ts'
import { latencies, perSecond } from '../../logic/history.ts'
import { Chart, type ChartProps } from '../../parts/chart.tsx'
import { Grid, Page, Panel } from '../../parts/panel.tsx'
import { Blank, Shown } from '../../parts/shown.tsx'

const spans = { '15 min': 900_000, '1 h': 3_600_000 } as const

type Span = keyof typeof spans

/** The last hour of this peer, out of its own memory. */
export function MetricsPage(): VNode {
  const history = useResource<HistoryView>('/api/v1/history', 5000)
  const span = useSignal<Span>('1 h')
  return (
    <Page
      title="Metrics"
      hint="What this peer did in the last hour. For longer there is /metrics, for Prometheus."
      actions={
        <div class="tabs" role="group" aria-label="Time shown">
          {(Object.keys(spans) as Span[]).map(name => (
            <button
              key={name}
              type="button"
              class="button"
              aria-pressed={span.value === name}
              onClick={() => (span.value = name)}
            >
              {name}
            </button>
          ))}
        </div>
      }
    >
      <Shown of={history} lines={8}>
        {view => <Charts view={view} spanMs={spans[span.value]} />}
      </Shown>
    </Page>
  )
}

const verbs: readonly (keyof HistorySample['latency'])[] = ['get', 'put', 'head', 'list']

function Charts({ view, spanMs }: { view: HistoryView; spanMs: number }): VNode {
  const samples = view.samples.slice(-Math.ceil(spanMs / view.everyMs))
  if (samples.length < 2)
    return (
      <Blank title="There is nothing to draw yet">
        <p>The first lines are here in a few seconds.</p>
      </Blank>
    )
  const atMs = samples.map(sample => sample.atMs)
  const per = (of: (sample: HistorySample) => number): readonly number[] =>
    perSecond(samples, of, view.everyMs)
  const plain = (of: (sample: HistorySample) => number): readonly number[] => samples.map(of)
  const shared = { atMs, group: 'metrics' } as const
  const charts: readonly ChartProps[] = [
    {
      ...shared,
      label: 'Throughput',
      format: rate,
      series: [
        { name: 'read', color: '--series-1', values: per(({ readBytes }) => readBytes) },
        { name: 'written', color: '--series-2', values: per(({ writtenBytes }) => writtenBytes) },
      ],
    },
    {
      ...shared,
      label: 'Requests',
      format: value => `${value.toFixed(1)}/s`,
      series: [
        { name: 'requests', color: '--series-1', values: per(({ requests }) => requests) },
        { name: 'errors', color: '--series-4', values: per(({ errors }) => errors) },
      ],
    },
    ...verbs.map(verb => ({
      ...shared,
      label: `Latency of ${verb}`,
      format: milliseconds,
      series: [
        { name: 'p50', color: '--series-1', values: latencies(samples, verb, 'p50Ms') },
        { name: 'p95', color: '--series-2', values: latencies(samples, verb, 'p95Ms') },
        { name: 'p99', color: '--series-4', values: latencies(samples, verb, 'p99Ms') },
      ],
    })),
    {
      ...shared,
      label: 'Repair backlog',
      format: count,
      series: [
        { name: 'waiting', color: '--series-2', values: plain(sample => sample.repairWaiting) },
        { name: 'running', color: '--series-1', values: plain(sample => sample.repairRunning) },
      ],
    },
    {
      ...shared,
      label: 'Repaired',
      format: rate,
      series: [
        { name: 'repaired', color: '--series-3', values: per(sample => sample.repairedBytes) },
      ],
    },
    {
      ...shared,
      label: 'Space used by this peer',
      format: bytes,
      series: [{ name: 'used', color: '--series-3', values: plain(({ usedBytes }) => usedBytes) }],
    },
    {
      ...shared,
      label: 'Peers alive',
      format: count,
      series: [
        { name: 'alive', color: '--series-1', values: plain(({ peersAlive }) => peersAlive) },
      ],
    },
  ]
  return (
    <Grid least={420}>
      {charts.map(chart => (
        <Panel key={chart.label} title={chart.label}>
          <Chart {...chart} />
        </Panel>
      ))}
    </Grid>
  )
}
