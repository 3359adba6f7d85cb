import { counter, gauge, type Metric } from '../../base/metric.ts'
import type { Metrics } from '../../base/metrics.ts'
import type { Running } from '../bring-up.ts'
import { memberStates, peersOf } from '../peer-views.ts'

const REASONS_MAX = 32
const channels = ['datagram', 'request', 'lane', 'stream'] as const

const peers = gauge('holdfast_peers', 'Peers of the network by the state this one sees them in', {
  state: memberStates,
})
const localHealth = gauge(
  'holdfast_swim_local_health',
  'How unwell this peer believes itself to be, 0 (well) to 7: its verdicts take longer then',
)
export const swimChanges: Metric<'counter', 'state'> = counter(
  'holdfast_swim_changes_total',
  'Peers that were seen to enter a state',
  { state: ['alive', 'suspect', 'dead', 'left'] },
)
const incarnation = gauge('holdfast_swim_incarnation', 'How often this peer described itself anew')
const roundTrip = gauge(
  'holdfast_peer_round_trip_seconds',
  'Round trips to the peers that are alive, smoothed: the median of them, and the longest',
  { of: ['median', 'longest'] },
)
const connections = gauge('holdfast_network_connections', 'Connections with other peers')
const waiting = gauge(
  'holdfast_network_unconnected_peers',
  'Peers this one wants to be connected with and is not',
)
const traffic = counter(
  'holdfast_network_bytes_total',
  'Bytes of payload between this peer and others',
  { channel: channels, direction: ['sent', 'received'] },
)
const refusals = counter(
  'holdfast_network_refusals_total',
  'How often others were refused something',
  { reason: REASONS_MAX },
)

export const membershipMetrics: readonly Metric[] = [
  peers,
  localHealth,
  swimChanges,
  incarnation,
  roundTrip,
  connections,
  waiting,
  traffic,
  refusals,
]

/** Who is there, and what is said between peers. */
export function readMembership(metrics: Metrics, running: () => Running | undefined): void {
  metrics.read(peers, () => {
    const parts = running()
    if (parts === undefined) return undefined
    const states = peersOf(parts).map(({ membership, state }) =>
      membership === 'banned' ? 'banned' : state,
    )
    return memberStates.map(state => [{ state }, states.filter(each => each === state).length])
  })
  const own = (): ReturnType<Running['membership']['peer']> => {
    const parts = running()
    return parts?.membership.peer(parts.host.self)
  }
  metrics.read(localHealth, () => own()?.vitals?.health)
  metrics.read(incarnation, () => own()?.incarnation)
  metrics.read(roundTrip, () => roundTripsIn(running()))
  metrics.read(connections, () => running()?.host.status().connections.length)
  metrics.read(waiting, () => running()?.host.status().waiting.length)
  metrics.read(traffic, () => {
    const flows = running()?.host.status().traffic
    return (
      flows &&
      channels.flatMap(channel => [
        [{ channel, direction: 'sent' }, flows[channel].sentBytes] as const,
        [{ channel, direction: 'received' }, flows[channel].receivedBytes] as const,
      ])
    )
  })
  metrics.read(refusals, () =>
    Object.entries(running()?.host.status().refusals ?? {}).map(([reason, times]) => [
      { reason },
      times,
    ]),
  )
}

function roundTripsIn(parts: Running | undefined) {
  const trips = (parts?.membership.roster() ?? [])
    .flatMap(({ state, rttMs }) => (state === 'alive' && rttMs !== undefined ? [rttMs] : []))
    .toSorted((a, b) => a - b)
  const [median, longest] = [trips[trips.length >> 1], trips.at(-1)]
  return median === undefined || longest === undefined
    ? undefined
    : ([
        [{ of: 'median' }, median / 1_000],
        [{ of: 'longest' }, longest / 1_000],
      ] as const)
}
