import { createHash } from 'node:crypto'

import { gossipsub } from '@chainsafe/libp2p-gossipsub'
import { autoNATv2 } from '@libp2p/autonat-v2'
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { dcutr } from '@libp2p/dcutr'
import { identify } from '@libp2p/identify'
import { FaultTolerance, type Libp2p } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { mdns } from '@libp2p/mdns'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { uPnPNAT } from '@libp2p/upnp-nat'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'

import type { Gate } from './gate.ts'
import {
  DIAL_MS,
  GOSSIP_FRAME_BYTES_MAX,
  NEGOTIATION_MS,
  PENDING_CONNECTIONS_MAX,
  STREAMS_PER_CONNECTION_MAX,
  UPGRADE_MS,
} from './limits.ts'
import type { NetworkOptions } from './network-options.ts'
import type { ProtocolNames } from './protocol-names.ts'

export interface NodeParts {
  readonly options: NetworkOptions
  readonly names: ProtocolNames
  readonly gate: Gate
  /** For the namespace `group` of Kademlia's records. */
  readonly validate: (key: Uint8Array, value: Uint8Array) => Promise<void>
  readonly select: (key: Uint8Array, values: Uint8Array[]) => number
}

type Gossip = ReturnType<ReturnType<typeof gossipsub>>
interface NodeServices extends Record<string, unknown> {
  readonly dht: KadDHT
  readonly pubsub: Gossip
}
export type Node = Libp2p<NodeServices>

type Services = NonNullable<NonNullable<Parameters<typeof createLibp2p>[0]>['services']>

const MDNS_INTERVAL_MS = 5_000
const MONITOR_INTERVAL_MS = 15_000
const MEMBERS_MAX = 200
/** Sockets beyond the connections: handshakes, and the lane. */
const SOCKETS_SPARE = 250

/** A libp2p node with our limits, guarded, not yet started. */
export async function createNode(parts: NodeParts): Promise<Node> {
  const { options, names, gate } = parts
  const { identity, listen, nat = {} } = options
  const connectionsMax = 2 * (options.membersMax ?? MEMBERS_MAX) + 50
  const node = await createLibp2p({
    privateKey: identity.privateKey,
    start: false,
    addresses: { listen: [...listen, ...(nat.relay ?? []).map(relay => `${relay}/p2p-circuit`)] },
    // A relay that is away must not keep the peer from starting.
    ...(nat.relay === undefined
      ? {}
      : { transportManager: { faultTolerance: FaultTolerance.NO_FATAL } }),
    transports: [
      tcp({ maxConnections: connectionsMax + SOCKETS_SPARE }),
      ...(nat.relay === undefined ? [] : [circuitRelayTransport()]),
    ],
    // The dialler's order decides. TLS is faster in bulk, but bulk has the lane.
    connectionEncrypters: [noise(), tls()],
    streamMuxers: [yamuxWithLimits()],
    connectionManager: {
      maxConnections: connectionsMax,
      inboundConnectionThreshold: PENDING_CONNECTIONS_MAX,
      maxIncomingPendingConnections: PENDING_CONNECTIONS_MAX,
      inboundUpgradeTimeout: UPGRADE_MS,
      inboundStreamProtocolNegotiationTimeout: NEGOTIATION_MS,
      outboundStreamProtocolNegotiationTimeout: NEGOTIATION_MS,
      dialTimeout: DIAL_MS,
      addressDialTimeout: DIAL_MS,
      // Kademlia marks peers to be kept; ours is the loop that redials.
      reconnectRetries: 0,
    },
    connectionMonitor: {
      protocolPrefix: names.prefix,
      pingInterval: MONITOR_INTERVAL_MS,
      // A busy event loop is no reason to cut a connection; who is dead, SWIM decides.
      abortConnectionOnPingFailure: false,
    },
    connectionGater: gate.gater,
    peerDiscovery: options.mdns === true ? [localDiscovery(options.networkId)] : [],
    services: { ...services(parts), ...natServices(options) },
  })
  gate.guard(node)
  // Services by option have no static type.
  return node as unknown as Node
}

const yamuxWithLimits = (): ReturnType<typeof yamux> =>
  yamux({
    maxInboundStreams: STREAMS_PER_CONNECTION_MAX,
    maxOutboundStreams: STREAMS_PER_CONNECTION_MAX,
    // A larger window lets one bulk stream hold up everything else on its connection.
    streamOptions: { maxStreamWindowSize: 1 << 20, maxWriteBufferLength: 8 << 20 },
  })

function localDiscovery(networkId: string): ReturnType<typeof mdns> {
  const tag = createHash('sha256').update(networkId).digest('hex').slice(0, 16)
  return mdns({ interval: MDNS_INTERVAL_MS, serviceTag: `_holdfast-${tag}._tcp.local` })
}

function services({ options, names, validate, select }: NodeParts): Services {
  // What Kademlia needs of its neighbours, libp2p's types lose between factories.
  return {
    identify: identify({ protocolPrefix: names.prefix }),
    ping: ping({ protocolPrefix: names.prefix }),
    dht: kadDHT({
      protocol: names.kad,
      clientMode: false,
      peerInfoMapper: passthroughMapper,
      alpha: 3,
      disjointPaths: 1,
      allowQueryWithZeroPeers: true,
      initialQuerySelfInterval: 500,
      validators: { group: validate },
      selectors: { group: select },
    }),
    pubsub: gossipsub({
      allowPublishToZeroTopicPeers: true,
      emitSelf: false,
      globalSignaturePolicy: 'StrictSign',
      maxInboundDataLength: GOSSIP_FRAME_BYTES_MAX,
      allowedTopics: [...(options.topics ?? [])],
      // All peers of a test, or behind one router, have one address.
      scoreParams: { IPColocationFactorWeight: 0 },
    }),
  } as unknown as Services
}

function natServices({ nat = {} }: NetworkOptions): Services {
  return {
    ...(nat.relayServer === true ? { relay: circuitRelayServer() } : {}),
    ...(nat.dcutr === true ? { dcutr: dcutr() } : {}),
    // Port forwarding is announced only once somebody has said that it works.
    ...(nat.autonat === true || nat.upnp === true ? { autonat: autoNATv2() } : {}),
    ...(nat.upnp === true ? { upnp: uPnPNAT() } : {}),
  }
}
