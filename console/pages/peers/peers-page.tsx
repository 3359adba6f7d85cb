import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'

import type { PeerRow } from '../../../src/gateway/console/views/peers.ts'
import { useLive } from '../../api/resource.ts'
import { bytes, counted, duration, milliseconds, percent } from '../../logic/format.ts'
import { addressOf } from '../../logic/route.ts'
import { Meter } from '../../parts/meter.tsx'
import { Name, PeerName, peerText } from '../../parts/name.tsx'
import { Page, Panel } from '../../parts/panel.tsx'
import { Blank, Shown } from '../../parts/shown.tsx'
import { State } from '../../parts/state.tsx'
import { type Column, Table } from '../../parts/table.tsx'
import { clockTones, peerState } from '../../parts/tones.ts'
import { PeerMap } from './peer-map.tsx'

const usedShare = ({ space }: PeerRow): number =>
  space === undefined ? 0 : space.usedBytes / Math.max(1, space.usedBytes + space.freeBytes)

const columns: readonly Column<PeerRow>[] = [
  {
    name: 'Peer',
    width: '2fr',
    order: peerText,
    cell: row => (
      <a href={addressOf('peers', row.peer)}>
        <PeerName {...row} />
        {row.isSelf && <span class="tag self">this</span>}
      </a>
    ),
  },
  {
    name: 'State',
    width: '104px',
    order: row => peerState(row).text,
    cell: row => {
      const { tone, text } = peerState(row)
      return <State tone={tone}>{text}</State>
    },
  },
  {
    name: 'Since',
    width: '88px',
    align: 'end',
    isWideOnly: true,
    order: ({ sinceMs }) => sinceMs ?? Infinity,
    cell: ({ sinceMs, why }) => (
      <span title={why}>{sinceMs === undefined ? '–' : duration(sinceMs)}</span>
    ),
  },
  {
    name: 'Zone',
    width: '1fr',
    isWideOnly: true,
    order: ({ zone }) => zone,
    cell: ({ zone }) => (zone === '' ? <span class="soft">–</span> : <Name text={zone} />),
  },
  {
    name: 'Role',
    width: '64px',
    isWideOnly: true,
    order: ({ role }) => role ?? '',
    cell: ({ role }) => role ?? '–',
  },
  {
    name: 'Seat',
    width: '48px',
    align: 'end',
    isWideOnly: true,
    order: ({ seat }) => seat ?? Infinity,
    cell: ({ seat }) => seat ?? '–',
  },
  {
    name: 'Used',
    width: '116px',
    order: usedShare,
    cell: row => (
      <Meter share={usedShare(row)} label={`Space used on ${peerText(row)}`}>
        {percent(usedShare(row))}
      </Meter>
    ),
  },
  {
    name: 'Round trip',
    width: '84px',
    align: 'end',
    isWideOnly: true,
    order: ({ rttMs }) => rttMs ?? Infinity,
    cell: ({ rttMs }) => (rttMs === undefined ? '–' : milliseconds(rttMs)),
  },
  {
    name: 'Stability',
    width: '76px',
    align: 'end',
    isWideOnly: true,
    order: ({ score }) => score ?? 0,
    cell: ({ score }) => (score === undefined ? '–' : percent(score)),
  },
  {
    name: 'Clock',
    width: '128px',
    isWideOnly: true,
    order: ({ clock }) => Math.abs(clock?.offsetMs ?? Infinity),
    cell: ({ clock }) =>
      clock === undefined ? (
        '–'
      ) : (
        <State tone={clockTones[clock.status]}>
          {clock.boundMs === null ? clock.status.toLowerCase() : `± ${milliseconds(clock.boundMs)}`}
        </State>
      ),
  },
]

/** Who is there, since when, and in what condition. */
export function PeersPage(): VNode {
  const peers = useLive<readonly PeerRow[]>('peers')
  const filter = useSignal('')
  const view = useSignal<'map' | 'table'>('table')
  return (
    <Page title="Peers" hint={peers.value === undefined ? undefined : hintOf(peers.value)}>
      <Shown of={peers} lines={8}>
        {rows => {
          const shown = rows.filter(row => matches(row, filter.value))
          return (
            <Panel
              title={counted(shown.length, 'peer')}
              isFlush
              aside={
                <div class="line">
                  <input
                    class="input filter"
                    type="search"
                    placeholder="Name, zone, state, id"
                    aria-label="Filter peers"
                    value={filter}
                    onInput={event => (filter.value = event.currentTarget.value)}
                  />
                  <div class="tabs" role="group" aria-label="Show as">
                    {(['table', 'map'] as const).map(name => (
                      <button
                        key={name}
                        type="button"
                        class="button"
                        aria-pressed={view.value === name}
                        onClick={() => (view.value = name)}
                      >
                        {name === 'table' ? 'Table' : 'Map'}
                      </button>
                    ))}
                  </div>
                </div>
              }
            >
              <Peers rows={shown} view={view.value} />
            </Panel>
          )
        }}
      </Shown>
    </Page>
  )
}

function Peers({ rows, view }: { rows: readonly PeerRow[]; view: 'map' | 'table' }): VNode {
  if (rows.length === 0) return <Blank title="No peer is like that" />
  if (view === 'map') return <PeerMap rows={rows} />
  return (
    <Table
      label="Peers"
      columns={columns}
      rows={rows}
      idOf={({ peer }) => peer}
      initialSort="Peer"
      tallCss="70dvh"
      onOpen={({ peer }) => (location.hash = addressOf('peers', peer))}
    />
  )
}

const matches = (row: PeerRow, text: string): boolean =>
  `${row.name} ${row.zone} ${peerState(row).text} ${row.peer} ${row.role ?? ''}`
    .toLowerCase()
    .includes(text.trim().toLowerCase())

function hintOf(rows: readonly PeerRow[]): string {
  const zones = new Set(rows.map(({ zone }) => zone)).size
  const free = rows.reduce((sum, { space }) => sum + (space?.freeBytes ?? 0), 0)
  const alive = rows.filter(({ state }) => state === 'alive').length
  return `${alive} of ${rows.length} alive, in ${counted(zones, 'zone')}, ${bytes(free)} free`
}
