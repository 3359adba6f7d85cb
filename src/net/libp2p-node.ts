import { gossipsub } from '@chainsafe/libp2p-gossipsub'
import { identify } from '@libp2p/identify'
import { FaultTolerance, isPeerId, type Libp2p } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'

import { metered } from './byte-meter.ts'
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
import { localDiscovery, natServices, relayTransport, tlsOnDemand } from './on-demand.ts'
import type { ProtocolNames } from './protocol-names.ts'
import { quietLogger } from './quiet-logger.ts'

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

/** All it is good for is the round trip time, which hardly changes; each look costs two streams. */
const MONITOR_INTERVAL_MS = 60_000
const MEMBERS_MAX = 200
/** Sockets beyond the connections: handshakes, and the lane. */
const SOCKETS_SPARE = 250

/** A libp2p node with our limits, guarded, not yet started. */
export async function createNode(parts: NodeParts): Promise<Node> {
  const { options, names, gate } = parts
  const { identity, listen, announce = [], nat = {} } = options
  const connectionsMax = 2 * (options.membersMax ?? MEMBERS_MAX) + 50
  const node = await createLibp2p({
    privateKey: identity.privateKey,
    start: false,
    // Whoever wants to see what libp2p does says so by DEBUG, as its manual tells.
    ...(process.env['DEBUG'] === undefined ? { logger: quietLogger() } : {}),
    addresses: {
      listen: [...listen, ...(nat.relay ?? []).map(relay => `${relay}/p2p-circuit`)],
      announce: [...announce],
    },
    // A relay that is away must not keep the peer from starting.
    ...(nat.relay === undefined
      ? {}
      : { transportManager: { faultTolerance: FaultTolerance.NO_FATAL } }),
    transports: [
      tcp({ maxConnections: connectionsMax + SOCKETS_SPARE }),
      ...(await relayTransport(options)),
    ],
    // The dialler's order decides. TLS is faster in bulk, but bulk has the lane.
    connectionEncrypters: [noise(), tlsOnDemand()],
    streamMuxers: [metered(yamuxWithLimits())],
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
    peerDiscovery: await localDiscovery(options),
    services: { ...services(parts), ...(await natServices(options)) },
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

/** Kademlia pings whom it has just been connected with; a connection says as much. */
const pingUnlessConnected =
  (protocolPrefix: string): ReturnType<typeof ping> =>
  components => {
    const service = ping({ protocolPrefix })(components)
    const ask = service.ping.bind(service)
    service.ping = async (target, options) => {
      const isConnected =
        isPeerId(target) && components.connectionManager.getConnections(target).length > 0
      return isConnected ? 0 : ask(target, options)
    }
    return service
  }

function services({ options, names, validate, select }: NodeParts): Services {
  // What Kademlia needs of its neighbours, libp2p's types lose between factories.
  return {
    identify: identify({ protocolPrefix: names.prefix }),
    ping: pingUnlessConnected(names.prefix),
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
