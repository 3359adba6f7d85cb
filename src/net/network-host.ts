import type { Network, PeerId } from '../base/environment.ts'
import type { GroupLocator } from './group-locator.ts'

/**
 * The real network: what the seam promises, and what only a real one has. Peers are known by the
 * text of their libp2p peer id (`12D3Koo…`), addresses are multiaddrs as text.
 */
export interface NetworkHost extends Network {
  /** Where others can reach this peer, each ending in `/p2p/<self>`; a snapshot. */
  addresses(): readonly string[]
  /** Told whenever `addresses()` has changed. */
  onAddresses(listener: (addresses: readonly string[]) => void): void

  /**
   * Notes where a peer can be reached, newest first; the address book keeps them across restarts.
   * Addresses that cannot be read, or that no peer may be dialled at, are left out.
   */
  learn(peer: PeerId, addresses: readonly string[]): void
  /** What the address book knows, best first. */
  addressesOf(peer: PeerId): readonly string[]
  /** Every peer of the address book. */
  knownPeers(): readonly PeerId[]

  /**
   * Connects to an address and returns who answered there. An address that ends in `/p2p/<peer>` is
   * only satisfied by that peer.
   * @throws {HoldfastError} `PEER_UNREACHABLE`, `MALFORMED`
   */
  dial(address: string, signal?: AbortSignal): Promise<PeerId>
  /**
   * The peers to stay connected with, for ever: lost ones are dialled again with growing, jittered
   * pauses. Replaces the former set; connections to others are not closed.
   */
  keep(peers: readonly PeerId[]): void
  /** Closes every connection to a peer; it may come back. After SWIM declared it dead, or a join. */
  disconnect(peer: PeerId): Promise<void>
  /**
   * A peer lost its rights: forgets its addresses, takes it off the kept ones, closes its connections
   * and streams. The policy must deny it already, else it is back at once.
   */
  drop(peer: PeerId): Promise<void>

  /** Asks the network for members near ourselves; learns and returns whom it heard of. */
  findPeers(signal?: AbortSignal): Promise<readonly PeerId[]>
  /** Asks the network where a peer is; learns and returns its addresses, none if nobody knows. */
  findAddresses(peer: PeerId, signal?: AbortSignal): Promise<readonly string[]>

  /**
   * Tells the network who serves a group, signed by this peer, and says so again for as long as it
   * runs; the newest locator of a group replaces the one before.
   */
  publishLocator(locator: {
    group: string
    epoch: number
    voters: readonly PeerId[]
  }): Promise<void>
  /** Stops repeating; what was said is forgotten by all once it expires. */
  withdrawLocator(group: string): void
  /** The newest locator anybody has of a group; undefined if nobody has any. */
  resolveLocator(group: string, signal?: AbortSignal): Promise<GroupLocator | undefined>

  /**
   * Tells every subscriber, once, sooner or later, or never: for announcements, one a second at most.
   * @throws {RangeError} for a topic the host was not opened with, or above `TOPIC_BYTES_MAX`
   */
  publish(topic: string, bytes: Uint8Array): Promise<void>
  /** Messages carry the signature of `from`. */
  subscribe(topic: string, handler: (from: PeerId, bytes: Uint8Array) => void): void

  /** What status pages show; a snapshot. */
  status(): NetworkStatus
  /** Closes everything within `STOP_MS`, whatever the other side makes of it. */
  stop(): Promise<void>
}

export interface NetworkStatus {
  readonly self: PeerId
  readonly addresses: readonly string[]
  readonly connections: readonly ConnectionStatus[]
  /** Kept peers without a connection, and when they are tried next. */
  readonly waiting: readonly { peer: PeerId; attempts: number; nextInMs: number }[]
  /** Bytes of payload since the start. */
  readonly traffic: Traffic
  /** How often peers were refused something, by reason. */
  readonly refusals: Readonly<Record<string, number>>
}

interface ConnectionStatus {
  readonly peer: PeerId
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  /** Measured every 15 s; undefined before the first answer. */
  readonly rttMs: number | undefined
  readonly streams: number
  /** Sockets of the lane, on which bulk streams run where the peer is reachable directly. */
  readonly lanes: number
  /** Sockets that carry what is small and waited for. */
  readonly wires: number
}

interface Traffic {
  readonly datagram: Flow
  readonly request: Flow
  /** Streams over the lane. */
  readonly lane: Flow
  /** Streams over libp2p. */
  readonly stream: Flow
}

export interface Flow {
  readonly sentBytes: number
  readonly receivedBytes: number
}
