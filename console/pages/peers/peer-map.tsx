import { useSignal } from '@preact/signals'
import type { VNode } from 'preact'

import type { PeerRow } from '../../../src/gateway/console/views/peers.ts'
import { milliseconds } from '../../logic/format.ts'
import { spread, type Spot } from '../../logic/peer-map.ts'
import { addressOf } from '../../logic/route.ts'
import { peerText } from '../../parts/name.tsx'
import { Blank } from '../../parts/shown.tsx'
import { peerState } from '../../parts/tones.ts'

/** More would be a cloud of dots in which nobody finds anything. */
const PEERS_MAX = 200
const SIZE = 1000

/**
 * Peers around the one that looks: zones are sectors, and the distance is the round trip or how much
 * of their Kademlia places they share. Each shape says a state.
 */
export function PeerMap({ rows }: { rows: readonly PeerRow[] }): VNode {
  const by = useSignal<'latency' | 'kademlia'>('latency')
  if (rows.length > PEERS_MAX)
    return (
      <Blank title={`A map shows ${PEERS_MAX} peers at most`}>
        <p>Filter them, or look at the table.</p>
      </Blank>
    )
  const { spots, sectors } = spread(rows, by.value)
  return (
    <div class="stack padded">
      <div class="tabs" role="group" aria-label="Distance">
        {(['latency', 'kademlia'] as const).map(name => (
          <button
            key={name}
            type="button"
            class="button"
            aria-pressed={by.value === name}
            onClick={() => (by.value = name)}
          >
            {name === 'latency' ? 'By round trip' : 'By Kademlia distance'}
          </button>
        ))}
      </div>
      <svg
        class="map"
        viewBox={`${-SIZE / 2} ${-SIZE / 2} ${SIZE} ${SIZE}`}
        role="group"
        aria-label="Map of peers"
      >
        {[150, 280, 410].map(radius => (
          <circle key={radius} r={radius} class="ring" />
        ))}
        {sectors.map(({ zone, angle, spanHalf }) => (
          <g key={zone}>
            <line
              class="ring"
              x2={Math.cos(angle - spanHalf) * 440}
              y2={Math.sin(angle - spanHalf) * 440}
            />
            <text
              class="zone"
              x={Math.cos(angle) * 465}
              y={Math.sin(angle) * 465}
              text-anchor="middle"
            >
              {zone === '' ? 'no zone' : `\u2068${zone.slice(0, 24)}\u2069`}
            </text>
          </g>
        ))}
        {spots.map(spot => (
          <Dot key={spot.row.peer} spot={spot} hasLabel={rows.length <= 60} />
        ))}
      </svg>
    </div>
  )
}

function Dot({ spot: { row, x, y }, hasLabel }: { spot: Spot<PeerRow>; hasLabel: boolean }): VNode {
  const { tone, text } = peerState(row)
  const rtt = row.rttMs === undefined ? '' : `, ${milliseconds(row.rttMs)}`
  return (
    <a href={addressOf('peers', row.peer)} aria-label={`${peerText(row)}: ${text}${rtt}`}>
      <g transform={`translate(${x.toFixed(1)} ${y.toFixed(1)})`} class="dot" data-tone={tone}>
        <title>{`${peerText(row)}: ${text}${rtt}`}</title>
        {tone === 'good' && <circle r={row.isSelf ? 20 : 14} />}
        {tone === 'warn' && <path d="M0-18 17 13h-34Z" />}
        {tone === 'bad' && <path d="M-13-13 13 13M13-13-13 13" class="cross" />}
        {tone === 'idle' && <circle r="13" class="hollow" />}
        {hasLabel && (
          <text y="40" text-anchor="middle">
            {`\u2068${peerText(row).slice(0, 18)}\u2069`}
          </text>
        )}
      </g>
    </a>
  )
}
