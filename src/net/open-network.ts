import {
  type ByteStream,
  type OutgoingRequest,
  type PeerId,
  type RequestHandler,
  type RequestLimits,
} from '../base/environment.ts'
import { sleep } from '../base/waiting.ts'
import { AddressBook } from './address-book.ts'
import { hostOf, parseAddress } from './address-rules.ts'
import { Connections } from './connections.ts'
import { Datagrams } from './datagrams.ts'
import { notAuthorised, unknownProtocol } from './failures.ts'
import { FlowMeter } from './flow-meter.ts'
import { Gate } from './gate.ts'
import type { GroupLocator } from './group-locator.ts'
import { hasLaneTls } from './lane/lane-tls.ts'
import { Lane } from './lane/lane.ts'
import { createNode, type Node } from './libp2p-node.ts'
import { LOOKUP_MS, STOP_MS } from './limits.ts'
import type { Links } from './links.ts'
import { Locators } from './locators.ts'
import type { NetworkHost, NetworkStatus } from './network-host.ts'
import type { NetworkOptions } from './network-options.ts'
import type { Channel } from './peer-policy.ts'
import { type Pipe, StreamPipe } from './pipe.ts'
import { ProtocolNames } from './protocol-names.ts'
import { Refusals } from './refusals.ts'
import { LANE_PROTOCOL, Requests, WIRE_PROTOCOL } from './requests.ts'
import { StreamChannel, StreamServices } from './stream-channel.ts'
import { Topics } from './topics.ts'
import { Wires } from './wire/wires.ts'

/**
 * Streams and requests that carry little, and that somebody waits for: their peers get a wire. The
 * detour through the lane's thread would cost them more than it saves.
 */
const isPrompt = (protocol: string): boolean =>
  /^(raft\/(?!epoch|views)|kv\/|catalog\/)/.test(protocol)

/** Starts a peer's network: listens, and is ready for handlers. */
export async function openNetwork(options: NetworkOptions): Promise<NetworkHost> {
  const host = await Libp2pNetwork.create(options)
  await host.start()
  return host
}

interface Parts {
  readonly options: NetworkOptions
  readonly names: ProtocolNames
  readonly node: Node
  readonly gate: Gate
  readonly book: AddressBook
  readonly refusals: Refusals
  readonly locators: Locators
}

type PeerListener = (change: { peer: PeerId; state: 'up' | 'down' }) => void

/** `Network` over libp2p: wires the channels to the node, and decides nothing. */
class Libp2pNetwork implements NetworkHost {
  readonly self: PeerId
  readonly #options: NetworkOptions
  readonly #names: ProtocolNames
  readonly #node: Node
  readonly #book: AddressBook
  readonly #gate: Gate
  readonly #refusals: Refusals
  readonly #locators: Locators
  readonly #connections: Connections
  readonly #topics: Topics
  readonly #datagrams: Datagrams
  readonly #requests: Requests
  readonly #services: StreamServices
  readonly #streams: StreamChannel
  readonly #lane: Lane | undefined
  readonly #wires: Wires | undefined
  readonly #relayed: ReadonlySet<string>
  readonly #peerListeners: PeerListener[] = []
  readonly #addressListeners: ((addresses: readonly string[]) => void)[] = []
  #announced = ''

  static async create(options: NetworkOptions): Promise<Libp2pNetwork> {
    const { environment, identity, policy, onEvent = () => undefined } = options
    const names = new ProtocolNames(options.networkId)
    const refusals = new Refusals(environment.clock, onEvent)
    const gate = new Gate({
      policy,
      names,
      refusals,
      clock: environment.clock,
      allowedHosts: options.allowedHosts ?? [],
    })
    const mayLocate = (peer: PeerId): boolean =>
      peer === identity.peer || gate.mayServe(peer, 'kad', 'locate')
    const locators = new Locators({ identity, environment, refusals, mayLocate })
    const { validate, select } = locators
    const node = await createNode({ options, names, gate, validate, select })
    const book = await AddressBook.open({
      ...environment,
      onFailure: error => onEvent({ type: 'address-book-failed', error }),
    })
    return new Libp2pNetwork({ options, names, node, gate, book, refusals, locators })
  }

  private constructor({ options, names, node, gate, book, refusals, locators }: Parts) {
    const { environment, identity, policy, topics = [], openProtocols = ['join'] } = options
    const { clock, timers } = environment
    this.self = identity.peer
    this.#options = options
    this.#names = names
    this.#node = node
    this.#book = book
    this.#gate = gate
    this.#refusals = refusals
    this.#locators = locators
    const { datagram, request, join } = names
    // Bulk would use up what a relay gives.
    this.#relayed = new Set(options.nat?.relay === undefined ? [] : [datagram, request, join])
    const { self } = this
    this.#connections = new Connections({
      self,
      node,
      policy,
      gate,
      book,
      refusals,
      environment,
      allowedHosts: options.allowedHosts ?? [],
      relayed: this.#relayed,
      onPeer: (peer, state) => this.#peerChanged(peer, state),
    })
    const links: Links = {
      self,
      isKnown: peer => this.#connections.isKnown(peer),
      rttMs: peer => this.#connections.rttMs(peer),
      open: async (peer, protocol, signal) =>
        this.#wires?.to(peer)?.open(protocol) ?? this.#connections.open(peer, protocol, signal),
    }
    const may =
      (channel: Channel) =>
      (peer: PeerId, name: string): boolean =>
        gate.mayServe(peer, channel, name)
    this.#topics = new Topics({ topics, clock, refusals, mayReceive: may('gossip') })
    this.#datagrams = new Datagrams({
      links,
      protocol: names.datagram,
      clock,
      refusals,
      mayReceive: may('datagram'),
    })
    this.#requests = new Requests({ links, names, gate, timers, refusals, openProtocols })
    this.#services = new StreamServices({ self, refusals, mayServe: may('stream') })
    this.#streams = new StreamChannel(
      { links, protocol: names.stream, services: this.#services, timers, refusals },
      new FlowMeter(),
    )
    this.#lane = this.#openLane()
    this.#wires = this.#openWires()
  }

  #openLane(): Lane | undefined {
    const { lane = {}, environment, listen, onEvent = () => undefined } = this.#options
    if (lane === false || !hasLaneTls()) return undefined
    const own = new Lane({
      ...environment,
      host: lane.host ?? listenHost(listen),
      port: lane.port ?? 0,
      refusals: this.#refusals,
      services: this.#services,
      onEvent,
      askForTicket: (peer, deadlineMs) =>
        this.request(peer, LANE_PROTOCOL, { body: new Uint8Array(), deadlineMs }),
      hostOf: peer => this.#connections.directHostOf(peer),
    })
    this.onRequest(LANE_PROTOCOL, from => own.ticketFor(from), { bodyBytesMax: 0 })
    return own
  }

  #openWires(): Wires | undefined {
    const { wire = {}, environment, listen, onEvent = () => undefined } = this.#options
    if (wire === false || !hasLaneTls()) return undefined
    const wires = new Wires({
      self: this.self,
      ...environment,
      host: wire.host ?? listenHost(listen),
      port: wire.port ?? 0,
      refusals: this.#refusals,
      onEvent,
      askForTicket: (peer, deadlineMs) =>
        this.request(peer, WIRE_PROTOCOL, { body: new Uint8Array(), deadlineMs }),
      hostOf: peer => this.#connections.directHostOf(peer),
      onPipe: (peer, pipe, protocol) => this.#accept(peer, pipe, protocol),
      onUp: peer => {
        this.#datagrams.renew(peer)
        this.#requests.renew(peer)
      },
    })
    this.onRequest(WIRE_PROTOCOL, from => wires.ticketFor(from), { bodyBytesMax: 0 })
    return wires
  }

  /** A pipe of a wire, served as a stream of libp2p is. */
  #accept(peer: PeerId, pipe: Pipe, protocol: string): void {
    const { datagram, request, stream } = this.#names
    if (!this.#gate.mayServe(peer, this.#names.channelOf(protocol))) {
      this.#refusals.refuse('not-authorised', peer, protocol)
      pipe.abort(notAuthorised(this.self, protocol))
    } else if (protocol === datagram) this.#datagrams.accept(peer, pipe)
    else if (protocol === request) this.#requests.accept('request', peer, pipe)
    else if (protocol === stream) this.#streams.accept(peer, pipe)
    else pipe.abort(unknownProtocol(this.self, protocol))
  }

  async start(): Promise<void> {
    const names = this.#names
    const handle = (protocol: string, limit: number, accept: (peer: PeerId, pipe: Pipe) => void) =>
      this.#node.handle(
        protocol,
        (stream, connection) => accept(connection.remotePeer.toString(), new StreamPipe(stream)),
        {
          runOnLimitedConnection: this.#relayed.has(protocol),
          maxInboundStreams: limit,
          maxOutboundStreams: limit,
        },
      )
    await handle(names.datagram, 2, (peer, pipe) => this.#datagrams.accept(peer, pipe))
    await handle(names.request, 4, (peer, pipe) => this.#requests.accept('request', peer, pipe))
    await handle(names.join, 2, (peer, pipe) => this.#requests.accept('join', peer, pipe))
    await handle(names.stream, 32, (peer, pipe) => this.#streams.accept(peer, pipe))
    this.#topics.attach(this.#node)
    this.#node.addEventListener('self:peer:update', () => this.#announceAddresses())
    for (const peer of this.#book.peers()) this.#connections.learn(peer, this.#book.get(peer))
    await this.#node.start()
    this.#announceAddresses()
  }

  sendDatagram(to: PeerId, kind: string, bytes: Uint8Array): void {
    this.#datagrams.send(to, kind, bytes)
  }

  onDatagram(kind: string, handler: (from: PeerId, bytes: Uint8Array) => void): void {
    this.#datagrams.on(kind, handler)
  }

  async request(to: PeerId, protocol: string, request: OutgoingRequest): Promise<Uint8Array> {
    const answer = await this.#requests.request(to, protocol, request)
    // Who had nothing to say is not worth a wire.
    if (isPrompt(protocol)) this.#wires?.want(to)
    return answer
  }

  onRequest(protocol: string, handler: RequestHandler, limits?: RequestLimits): void {
    this.#requests.serve(protocol, handler, limits)
  }

  async openStream(to: PeerId, protocol: string, signal?: AbortSignal): Promise<ByteStream> {
    signal?.throwIfAborted()
    await this.#connections.connect(to, signal)
    if (isPrompt(protocol)) await this.#wires?.ensure(to)
    signal?.throwIfAborted()
    const isBulk = !isPrompt(protocol)
    const carried = isBulk ? await this.#lane?.open(to, protocol, signal) : undefined
    return carried ?? this.#streams.open(to, protocol, signal)
  }

  onStream(protocol: string, handler: (from: PeerId, stream: ByteStream) => void): void {
    this.#services.serve(protocol, handler)
  }

  connected(): readonly PeerId[] {
    return this.#connections.up()
  }

  onPeer(listener: PeerListener): void {
    this.#peerListeners.push(listener)
  }

  addresses(): readonly string[] {
    return this.#node.getMultiaddrs().map(String).toSorted()
  }

  onAddresses(listener: (addresses: readonly string[]) => void): void {
    this.#addressListeners.push(listener)
  }

  learn(peer: PeerId, addresses: readonly string[]): void {
    this.#connections.learn(peer, addresses)
  }

  addressesOf(peer: PeerId): readonly string[] {
    return this.#book.get(peer)
  }

  knownPeers(): readonly PeerId[] {
    return this.#book.peers()
  }

  dial(address: string, signal?: AbortSignal): Promise<PeerId> {
    return this.#connections.dialAddress(address, signal)
  }

  keep(peers: readonly PeerId[]): void {
    this.#connections.keep(peers)
  }

  disconnect(peer: PeerId): Promise<void> {
    return this.#connections.disconnect(peer)
  }

  drop(peer: PeerId): Promise<void> {
    this.#topics.forget(peer)
    // Its lane goes down with its connection; one that had just come in was not announced yet.
    this.#lane?.drop(peer)
    this.#wires?.drop(peer)
    return this.#connections.drop(peer)
  }

  async findPeers(signal?: AbortSignal): Promise<readonly PeerId[]> {
    const deadline = AbortSignal.timeout(LOOKUP_MS)
    const both = signal === undefined ? deadline : AbortSignal.any([deadline, signal])
    const found = new Set<PeerId>()
    try {
      const key = this.#node.peerId.toMultihash().bytes
      for await (const { id, multiaddrs } of this.#node.peerRouting.getClosestPeers(key, {
        signal: both,
      })) {
        const peer = id.toString()
        if (peer === this.self) continue
        found.add(peer)
        if (this.#options.policy.verdict(peer) === 'member')
          this.#connections.learn(peer, multiaddrs.map(String), true)
      }
    } catch {
      // Whoever was found until then was found.
      signal?.throwIfAborted()
    }
    return [...found]
  }

  findAddresses(peer: PeerId, signal?: AbortSignal): Promise<readonly string[]> {
    return this.#connections.findAddresses(peer, signal)
  }

  publishLocator(locator: Pick<GroupLocator, 'group' | 'epoch' | 'voters'>): Promise<void> {
    return this.#locators.publish(this.#node, locator)
  }

  withdrawLocator(group: string): void {
    this.#locators.withdraw(group)
  }

  resolveLocator(group: string, signal?: AbortSignal): Promise<GroupLocator | undefined> {
    return this.#locators.resolve(this.#node, group, signal)
  }

  publish(topic: string, bytes: Uint8Array): Promise<void> {
    return this.#topics.publish(this.#node, topic, bytes)
  }

  subscribe(topic: string, handler: (from: PeerId, bytes: Uint8Array) => void): void {
    this.#topics.subscribe(this.#node, topic, handler)
  }

  status(): NetworkStatus {
    return {
      self: this.self,
      addresses: this.addresses(),
      connections: this.#node.getConnections().map(connection => ({
        peer: connection.remotePeer.toString(),
        address: connection.remoteAddr.toString(),
        direction: connection.direction,
        rttMs: connection.rtt,
        streams: connection.streams.length,
        lanes: this.#lane?.countOf(connection.remotePeer.toString()) ?? 0,
        wires: this.#wires?.countOf(connection.remotePeer.toString()) ?? 0,
      })),
      waiting: this.#connections.waiting(),
      traffic: {
        datagram: this.#datagrams.flow.snapshot(),
        request: this.#requests.flow.snapshot(),
        lane: (this.#lane?.flow ?? new FlowMeter()).snapshot(),
        stream: this.#streams.flow.snapshot(),
      },
      refusals: this.#refusals.totals(),
    }
  }

  async stop(): Promise<void> {
    this.#connections.stop()
    this.#locators.stop()
    await this.#book.close()
    this.#wires?.stop()
    await this.#lane?.stop()
    const { timers } = this.#options.environment
    const controller = new AbortController()
    const tooLate = sleep(timers, STOP_MS, controller.signal).then(
      () => this.#options.onEvent?.({ type: 'stop-timeout' }),
      () => undefined,
    )
    await Promise.race([Promise.resolve(this.#node.stop()), tooLate])
    controller.abort()
  }

  #peerChanged(peer: PeerId, state: 'up' | 'down'): void {
    if (state === 'down') {
      this.#lane?.drop(peer)
      this.#wires?.drop(peer)
    }
    for (const listener of this.#peerListeners) listener({ peer, state })
  }

  #announceAddresses(): void {
    const addresses = this.addresses()
    const text = addresses.join(' ')
    if (text === this.#announced) return
    this.#announced = text
    this.#options.onEvent?.({ type: 'listening', addresses })
    for (const listener of this.#addressListeners) listener(addresses)
  }
}

/** Where the lane listens: where libp2p does first, if that is an IP. */
function listenHost(listen: readonly string[]): string {
  const [first = ''] = listen
  const address = parseAddress(first)
  return (address === undefined ? undefined : hostOf(address)) ?? '0.0.0.0'
}
