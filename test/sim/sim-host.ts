import type {
  ByteStream,
  OutgoingRequest,
  PeerId,
  RequestHandler,
  RequestLimits,
  Timers,
} from '../../src/base/environment.ts'
import { HoldfastError } from '../../src/base/errors.ts'
import type { NetworkStatus } from '../../src/net/network-host.ts'
import type { PeerPolicy } from '../../src/net/peer-policy.ts'
import type { PeerHost } from '../../src/node/machine.ts'
import type { SimNetworkFabric } from './sim-fabric.ts'
import { SimNetwork } from './sim-network.ts'

export interface SimHostOptions {
  readonly fabric: SimNetworkFabric
  readonly self: PeerId
  readonly policy: PeerPolicy
  readonly timers: Timers
  readonly deliver: (callback: () => void) => void
}

const RECONNECT_MS = 1_000
/** A message that nobody listens to: all it does is to open the connection. */
const HELLO = 'hello'
const JOIN = 'join'
const nothing = { sentBytes: 0, receivedBytes: 0 }

/**
 * A peer's host in the simulated world: the wires of the fabric behind the rules of admission, and
 * connections that are kept. Everybody knows where everybody is, as if Kademlia had told.
 */
export class SimHost implements PeerHost {
  readonly self: PeerId
  readonly #options: SimHostOptions
  readonly #network: SimNetwork
  readonly #known = new Map<PeerId, readonly string[]>()
  readonly #refusals: Record<string, number> = {}
  #kept: readonly PeerId[] = []
  #isStopped = false

  constructor(options: SimHostOptions) {
    const { fabric, self, deliver } = options
    this.self = self
    this.#options = options
    this.#network = new SimNetwork(fabric, self, deliver)
    this.#network.onPeer(({ peer, state }) => {
      if (state === 'up' && options.policy.verdict(peer) === 'deny') this.#hangUp(peer)
    })
    this.#reconnect()
  }

  sendDatagram(to: PeerId, kind: string, bytes: Uint8Array): void {
    if (!this.#isStopped) this.#network.sendDatagram(to, kind, bytes)
  }

  onDatagram(kind: string, handler: (from: PeerId, bytes: Uint8Array) => void): void {
    this.#network.onDatagram(kind, (from, bytes) => {
      if (this.#serves(from, `datagram/${kind}`)) handler(from, bytes)
    })
  }

  async request(to: PeerId, protocol: string, request: OutgoingRequest): Promise<Uint8Array> {
    if (this.#isStopped) throw stopped()
    return this.#network.request(to, protocol, request)
  }

  onRequest(protocol: string, handler: RequestHandler, limits?: RequestLimits): void {
    const channel = protocol === JOIN ? JOIN : `request/${protocol}`
    const checked: RequestHandler = async (from, body, signal) => {
      if (!this.#serves(from, channel)) throw notAuthorised(from, protocol)
      return handler(from, body, signal)
    }
    this.#network.onRequest(protocol, checked, limits)
  }

  async openStream(to: PeerId, protocol: string, signal?: AbortSignal): Promise<ByteStream> {
    if (this.#isStopped) throw stopped()
    return this.#network.openStream(to, protocol, signal)
  }

  onStream(protocol: string, handler: (from: PeerId, stream: ByteStream) => void): void {
    this.#network.onStream(protocol, (from, stream) => {
      if (this.#serves(from, `stream/${protocol}`)) handler(from, stream)
      else stream.abort(notAuthorised(from, protocol))
    })
  }

  connected(): readonly PeerId[] {
    return this.#network.connected()
  }

  onPeer(listener: (change: { peer: PeerId; state: 'up' | 'down' }) => void): void {
    this.#network.onPeer(change => {
      if (this.#options.policy.verdict(change.peer) !== 'deny') listener(change)
    })
  }

  addresses(): readonly string[] {
    return [addressOf(this.self)]
  }

  /** It never moves. */
  onAddresses(): void {}

  learn(peer: PeerId, addresses: readonly string[]): void {
    if (addresses.length > 0 && peer !== this.self) this.#known.set(peer, addresses)
  }

  addressesOf(peer: PeerId): readonly string[] {
    return this.#known.get(peer) ?? []
  }

  async findAddresses(peer: PeerId): Promise<readonly string[]> {
    this.learn(peer, [addressOf(peer)])
    return this.addressesOf(peer)
  }

  keep(peers: readonly PeerId[]): void {
    this.#kept = peers.filter(peer => peer !== this.self)
    this.#greet()
  }

  async disconnect(peer: PeerId): Promise<void> {
    this.#hangUp(peer)
  }

  async drop(peer: PeerId): Promise<void> {
    this.#known.delete(peer)
    this.#kept = this.#kept.filter(kept => kept !== peer)
    this.#hangUp(peer)
  }

  status(): NetworkStatus {
    return {
      self: this.self,
      addresses: this.addresses(),
      connections: this.connected().map(peer => ({
        peer,
        address: addressOf(peer),
        direction: 'outbound',
        rttMs: undefined,
        streams: 0,
        lanes: 0,
        wires: 0,
      })),
      waiting: [],
      traffic: { datagram: nothing, request: nothing, lane: nothing, stream: nothing },
      refusals: this.#refusals,
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#kept = []
    for (const peer of this.connected()) this.#hangUp(peer)
  }

  #serves(from: PeerId, protocol: string): boolean {
    const isServed = !this.#isStopped && this.#options.policy.mayServe(from, protocol)
    if (!isServed) this.#refusals['protocol'] = (this.#refusals['protocol'] ?? 0) + 1
    return isServed
  }

  #hangUp(peer: PeerId): void {
    this.#options.fabric.hangUp(this.#network, peer)
  }

  #reconnect(): void {
    this.#options.timers.after(RECONNECT_MS, () => {
      if (this.#isStopped) return
      this.#greet()
      this.#reconnect()
    })
  }

  #greet(): void {
    const connected = new Set(this.connected())
    for (const peer of this.#kept) {
      if (!connected.has(peer)) this.#network.sendDatagram(peer, HELLO, new Uint8Array())
    }
  }
}

const addressOf = (peer: PeerId): string => `/dns4/${peer}.sim/tcp/4801/p2p/${peer}`

const stopped = (): HoldfastError =>
  new HoldfastError('Cannot do that: the host is stopped', { code: 'CLOSED', what: 'host' })

const notAuthorised = (peer: PeerId, protocol: string): HoldfastError =>
  new HoldfastError(`Cannot serve ${protocol} to ${peer}`, {
    code: 'NOT_AUTHORISED',
    peer,
    protocol,
  })
