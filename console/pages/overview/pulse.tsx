import type { VNode } from 'preact'

import type { HistoryView } from '../../../src/gateway/console/views/history.ts'
import { useResource } from '../../api/resource.ts'
import { bytes } from '../../logic/format.ts'
import { perSecond } from '../../logic/history.ts'
import { Chart } from '../../parts/chart.tsx'

/** The last quarter of an hour, small. */
export function Pulse(): VNode | null {
  const { value } = useResource<HistoryView>('/api/v1/history', 10_000)
  if (value === undefined || value.samples.length < 2) return null
  const samples = value.samples.slice(-Math.ceil(900_000 / value.everyMs))
  return (
    <Chart
      label="Throughput of this peer"
      heightPx={110}
      atMs={samples.map(({ atMs }) => atMs)}
      format={amount => `${bytes(amount)}/s`}
      series={[
        {
          name: 'read',
          color: '--series-1',
          values: perSecond(samples, ({ readBytes }) => readBytes, value.everyMs),
        },
        {
          name: 'written',
          color: '--series-2',
          values: perSecond(samples, ({ writtenBytes }) => writtenBytes, value.everyMs),
        },
      ]}
    />
  )
}
