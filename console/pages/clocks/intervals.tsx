import type { VNode } from 'preact'

import type { ClocksView } from '../../../src/gateway/console/views/clocks.ts'
import { barOf, halfAxisMs } from '../../logic/clock-axis.ts'
import { milliseconds } from '../../logic/format.ts'
import { addressOf } from '../../logic/route.ts'
import { PeerName } from '../../parts/name.tsx'
import { Panel } from '../../parts/panel.tsx'
import { Blank } from '../../parts/shown.tsx'
import { State } from '../../parts/state.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { clockTones } from '../../parts/tones.ts'

type PeerClockRow = ClocksView['peers'][number]

const SMALL_SHARE = 0.004

/** Where the true time may be by the word of each peer, all on one axis. */
export function Intervals({ peers }: { peers: readonly PeerClockRow[] }): VNode {
  const halfMs = halfAxisMs(peers)
  return (
    <Panel
      title="Intervals"
      isFlush
      aside={
        <span class="soft">
          −{milliseconds(halfMs)} to +{milliseconds(halfMs)}, zero is agreed time
        </span>
      }
    >
      {peers.length === 0 ? (
        <Blank title="No clock was heard of yet" />
      ) : (
        <Table
          label="Clocks of peers"
          columns={columnsOf(halfMs)}
          rows={peers}
          idOf={({ peer }) => peer}
          initialSort="Peer"
          tallCss="50dvh"
          onOpen={({ peer }) => (location.hash = addressOf('peers', peer))}
        />
      )}
    </Panel>
  )
}

const columnsOf = (halfMs: number): readonly Column<PeerClockRow>[] => [
  {
    name: 'Peer',
    width: 'minmax(72px, 1fr)',
    order: ({ name, peer }) => name || peer,
    cell: row => (
      <a href={addressOf('peers', row.peer)}>
        <PeerName {...row} />
      </a>
    ),
  },
  {
    name: 'Status',
    width: '112px',
    order: ({ status }) => status,
    cell: ({ status }) => <State tone={clockTones[status]}>{status.toLowerCase()}</State>,
  },
  { name: 'Interval', width: '3fr', cell: row => <Interval row={row} halfMs={halfMs} /> },
  {
    name: 'Offset',
    width: '88px',
    align: 'end',
    isWideOnly: true,
    order: ({ offsetMs }) => offsetMs,
    cell: ({ offsetMs }) => milliseconds(offsetMs),
  },
  {
    name: 'Bound',
    width: '88px',
    align: 'end',
    isWideOnly: true,
    order: ({ boundMs }) => boundMs ?? Infinity,
    cell: ({ boundMs }) => (boundMs === null ? '–' : `± ${milliseconds(boundMs)}`),
  },
]

function Interval({ row, halfMs }: { row: PeerClockRow; halfMs: number }): VNode {
  const bar = barOf(row, halfMs)
  if (bar === undefined) return <span class="soft">no bound is known</span>
  const width = Math.max(SMALL_SHARE, bar.to - bar.from)
  return (
    <span
      class="interval"
      role="img"
      aria-label={`${milliseconds(row.offsetMs)} plus or minus ${milliseconds(row.boundMs ?? 0)}`}
      data-tone={clockTones[row.status]}
      style={{
        '--from': String(bar.from),
        '--width': String(width),
        '--middle': String(bar.middle),
      }}
    >
      <i />
      <b />
    </span>
  )
}
