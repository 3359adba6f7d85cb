import { isIP } from 'node:net'

import type { Connection } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'

import type { Environment, PeerId } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import { abortable } from '../base/waiting.ts'
import type { AddressBook } from './address-book.ts'
import { hostOf, mayDial, parseAddress, peerOf, withPeer } from './address-rules.ts'
import { meterOf } from './byte-meter.ts'
import { malformed, unknownProtocol, unreachable } from './failures.ts'
import type { Gate, Insiders } from './gate.ts'
import type { Node } from './libp2p-node.ts'
import {
  CLOSE_MS,
  DIAL_MS,
  NEGOTIATION_MS,
  PROVISIONAL_MS,
  REDIAL_YIELD_MS,
  STRANGER_BYTES_MAX,
} from './limits.ts'
import type { Links } from './links.ts'
import type { PeerPolicy } from './peer-policy.ts'
import { type Pipe, StreamPipe } from './pipe.ts'
import { Redialler } from './redialler.ts'
import type { Refusals } from './refusals.ts'

export interface ConnectionsOptions {
  readonly self: PeerId
  readonly node: Node
  readonly policy: PeerPolicy
  readonly gate: Gate
  readonly book: AddressBook
  readonly refusals: Refusals
  readonly environment: Pick<Environment, 'clock' | 'timers' | 'random'>
  readonly allowedHosts: readonly string[]
  /** What may run over a relay, which has little to give. */
  readonly relayed: ReadonlySet<string>
  readonly onPeer: (peer: PeerId, state: 'up' | 'down') => void
}

/** Every how many failed attempts Kademlia is asked where the peer is. */
const ASK_EVERY = 3

/**
 * Who is connected: makes connections, at most one attempt per peer at a time, notices and announces
 * their coming and going, shows strangers out, and remembers where members can be reached.
 */
export class Connections implements Links, Insiders {
  readonly self: PeerId
  readonly #options: ConnectionsOptions
  readonly #dials = new Map<PeerId, Promise<Connection>>()
  /** Members that were announced as up. */
  readonly #up = new Set<PeerId>()
  readonly #redialler: Redialler

  constructor(options: ConnectionsOptions) {
    this.self = options.self
    this.#options = options
    this.#redialler = new Redialler({
      self: options.self,
      ...options.environment,
      isConnected: peer => this.connectionTo(peer) !== undefined,
      dial: (peer, attempt) => this.#redial(peer, attempt),
    })
    const { node, gate } = options
    gate.attach(this)
    node.addEventListener('connection:open', ({ detail }) => this.#opened(detail))
    node.addEventListener('connection:close', ({ detail }) => this.#closed(detail))
    node.addEventListener('peer:identify', ({ detail }) => {
      this.#identified(detail.connection, detail.listenAddrs.map(String))
    })
    node.addEventListener('peer:discovery', ({ detail }) => {
      this.#discovered(detail.id.toString(), detail.multiaddrs.map(String))
    })
  }

  strangers(): number {
    const { node, policy } = this.#options
    return node
      .getConnections()
      .filter(({ direction }) => direction === 'inbound')
      .filter(({ remotePeer }) => policy.verdict(remotePeer.toString()) !== 'member').length
  }

  isKept(peer: PeerId): boolean {
    return this.#redialler.has(peer)
  }

  up(): readonly PeerId[] {
    return [...this.#up].toSorted()
  }

  waiting(): ReturnType<Redialler['waiting']> {
    return this.#redialler.waiting()
  }

  keep(peers: readonly PeerId[]): void {
    this.#redialler.keep(new Set(peers))
  }

  /** The connection to use: direct before relayed, then the oldest, so that both sides agree. */
  connectionTo(peer: PeerId): Connection | undefined {
    const open = this.#allTo(peer).filter(({ status }) => status === 'open')
    return open.reduce<Connection | undefined>(
      (best, each) => (best === undefined || isBetter(each, best) ? each : best),
      undefined,
    )
  }

  rttMs(peer: PeerId): number | undefined {
    return this.connectionTo(peer)?.rtt
  }

  isKnown(peer: PeerId): boolean {
    return this.#options.book.get(peer).length > 0 || this.connectionTo(peer) !== undefined
  }

  /** The IP at the other end of a direct connection. */
  directHostOf(peer: PeerId): string | undefined {
    const connection = this.connectionTo(peer)
    if (connection === undefined || connection.limits !== undefined) return undefined
    const host = hostOf(connection.remoteAddr)
    return host !== undefined && isIP(host) !== 0 ? host : undefined
  }

  async open(peer: PeerId, protocol: string, signal?: AbortSignal): Promise<Pipe> {
    const connection = await this.connect(peer, signal)
    const deadline = AbortSignal.timeout(NEGOTIATION_MS)
    try {
      const stream = await connection.newStream(protocol, {
        signal: signal === undefined ? deadline : AbortSignal.any([deadline, signal]),
        runOnLimitedConnection: this.#options.relayed.has(protocol),
      })
      return new StreamPipe(stream)
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof Error && error.name === 'UnsupportedProtocolError') {
        throw unknownProtocol(peer, protocol)
      }
      throw unreachable(peer, error)
    }
  }

  /** The connection to a peer, made if there is none. The attempt outlives the signal. */
  connect(peer: PeerId, signal?: AbortSignal): Promise<Connection> {
    const open = this.connectionTo(peer)
    if (open !== undefined) return Promise.resolve(open)
    const known = this.#dials.get(peer)
    if (known !== undefined) return abortable(known, signal)
    const dialling = this.#dial(peer)
    this.#dials.set(peer, dialling)
    const forget = (): void => void this.#dials.delete(peer)
    dialling.then(forget, forget)
    return abortable(dialling, signal)
  }

  async dialAddress(text: string, signal?: AbortSignal): Promise<PeerId> {
    const address = parseAddress(text)
    if (address === undefined) throw malformed(`address ${text.slice(0, 100)}`)
    if (!mayDial(address, this.#options.allowedHosts)) throw unreachable(text)
    const peer = peerOf(address)
    if (peer !== undefined) {
      this.#options.book.add(peer, [address.toString()])
      await this.connect(peer, signal)
      return peer
    }
    const deadline = AbortSignal.timeout(DIAL_MS)
    const both = signal === undefined ? deadline : AbortSignal.any([deadline, signal])
    try {
      const connection = await this.#options.node.dial(address, { signal: both })
      return connection.remotePeer.toString()
    } catch (error) {
      signal?.throwIfAborted()
      throw unreachable(text, error)
    }
  }

  /** True if any of it was news. Hearsay is what neither the peer nor its signature says. */
  learn(peer: PeerId, addresses: readonly string[], isHearsay: boolean = false): boolean {
    const { book, allowedHosts, node, refusals } = this.#options
    const good = addresses.flatMap(text => {
      const address = parseAddress(text)
      const isOurs = address !== undefined && (peerOf(address) ?? peer) === peer
      if (isOurs && mayDial(address, allowedHosts)) return [withPeer(address, peer)]
      refusals.refuse('bad-address', peer, text.slice(0, 100))
      return []
    })
    if (peer === this.self || good.length === 0) return false
    const isNews = book.add(peer, good.map(String), isHearsay)
    if (isNews) this.#redialler.hurry(peer)
    // For the dials that Kademlia makes.
    node.peerStore.merge(peerIdFromString(peer), { multiaddrs: good }).catch(() => undefined)
    return isNews
  }

  async disconnect(peer: PeerId): Promise<void> {
    await Promise.all(this.#allTo(peer).map(closeConnection))
  }

  async drop(peer: PeerId): Promise<void> {
    const { book, node } = this.#options
    book.forget(peer)
    this.#redialler.forget(peer)
    await this.disconnect(peer)
    await node.peerStore.delete(peerIdFromString(peer)).catch(() => undefined)
  }

  stop(): void {
    this.#redialler.stop()
  }

  #allTo(peer: PeerId): Connection[] {
    return this.#options.node.getConnections().filter(each => each.remotePeer.toString() === peer)
  }

  async #dial(peer: PeerId): Promise<Connection> {
    const { node, book, gate } = this.#options
    const addresses = book.get(peer).flatMap(text => parseAddress(text) ?? [])
    const unexpect = gate.expect(peer)
    try {
      if (peer === this.self) throw unreachable(peer)
      // Without addresses libp2p uses what Kademlia has left with it, or asks Kademlia.
      const target = addresses.length > 0 ? addresses : peerIdFromString(peer)
      return await node.dial(target, { signal: AbortSignal.timeout(DIAL_MS) })
    } catch (error) {
      throw error instanceof HoldfastError ? error : unreachable(peer, error)
    } finally {
      unexpect()
    }
  }

  async #redial(peer: PeerId, attempt: number): Promise<void> {
    if (attempt % ASK_EVERY === ASK_EVERY - 1) await this.findAddresses(peer)
    await this.connect(peer)
  }

  /** Asks Kademlia; nothing if nobody knows. */
  async findAddresses(peer: PeerId, signal?: AbortSignal): Promise<readonly string[]> {
    const deadline = AbortSignal.timeout(DIAL_MS)
    const both = signal === undefined ? deadline : AbortSignal.any([deadline, signal])
    try {
      const id = peerIdFromString(peer)
      const { multiaddrs } = await this.#options.node.peerRouting.findPeer(id, { signal: both })
      const addresses = multiaddrs.map(String)
      this.learn(peer, addresses, true)
      return addresses
    } catch {
      signal?.throwIfAborted()
      return []
    }
  }

  #opened(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    switch (this.#options.policy.verdict(peer)) {
      case 'member':
        this.#cameUp(peer)
        return
      case 'provisional':
        this.#showOutLater(peer, connection)
        this.#limit(peer, connection)
        return
      case 'deny':
        void closeConnection(connection)
    }
  }

  #cameUp(peer: PeerId): void {
    this.#redialler.up(peer)
    if (this.#up.has(peer)) return
    this.#up.add(peer)
    this.#options.onPeer(peer, 'up')
  }

  #showOutLater(peer: PeerId, connection: Connection): void {
    if (connection.direction === 'outbound') return
    const { environment, policy, refusals } = this.#options
    const timer = environment.timers.after(PROVISIONAL_MS, () => {
      if (connection.status !== 'open') return
      if (policy.verdict(peer) === 'member') {
        // It has joined and stayed; one that dials again is known to Kademlia and gossip too.
        this.#cameUp(peer)
        return
      }
      refusals.refuse('join-timeout', peer, connection.remoteAddr.toString())
      void closeConnection(connection)
    })
    connection.addEventListener('close', () => timer.cancel(), { once: true })
  }

  #limit(peer: PeerId, connection: Connection): void {
    if (connection.direction === 'outbound') return
    const { policy, refusals } = this.#options
    meterOf(connection)?.watch(STRANGER_BYTES_MAX, () => {
      if (policy.verdict(peer) === 'member') return
      refusals.refuse('too-many-bytes', peer, connection.remoteAddr.toString())
      connection.abort(unreachable(peer))
    })
  }

  #closed(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    if (this.#allTo(peer).some(each => each !== connection && each.status === 'open')) return
    if (this.#up.delete(peer)) this.#options.onPeer(peer, 'down')
    this.#redialler.down(peer)
    // A stranger leaves nothing behind.
    if (this.#options.policy.verdict(peer) === 'member') return
    this.#options.node.peerStore.delete(connection.remotePeer).catch(() => undefined)
  }

  #identified(connection: Connection, listening: readonly string[]): void {
    const peer = connection.remotePeer.toString()
    if (this.#options.policy.verdict(peer) !== 'member') return
    const isNear = isLoopback(hostOf(connection.remoteAddr))
    const useful = listening.filter(text => {
      const address = parseAddress(text)
      return address !== undefined && (isNear || !isLoopback(hostOf(address)))
    })
    // What worked comes first.
    const dialled = connection.direction === 'outbound' ? [connection.remoteAddr.toString()] : []
    this.learn(peer, [...dialled, ...useful])
  }

  /**
   * Somebody on the local network, or libp2p telling what it was told by us: then it is no news. Of
   * two that find each other at once one begins; and whom the membership protocol tells of meanwhile
   * is kept, so dialled in its turn.
   */
  #discovered(peer: PeerId, addresses: readonly string[]): void {
    const { policy, environment } = this.#options
    if (peer === this.self || policy.verdict(peer) !== 'member') return
    if (!this.learn(peer, addresses, true) || this.isKept(peer)) return
    const waitMs = this.self > peer ? 2 * REDIAL_YIELD_MS : REDIAL_YIELD_MS
    environment.timers.after(waitMs, () => {
      if (!this.isKept(peer)) this.connect(peer).catch(() => undefined)
    })
  }
}

const isBetter = (a: Connection, b: Connection): boolean =>
  (a.limits === undefined) === (b.limits === undefined)
    ? a.timeline.open < b.timeline.open
    : a.limits === undefined

const isLoopback = (host: string | undefined): boolean =>
  host !== undefined && (host.startsWith('127.') || host === '::1')

/** In order if the other side plays along, else by force: a frozen peer answers nothing. */
async function closeConnection(connection: Connection): Promise<void> {
  try {
    await connection.close({ signal: AbortSignal.timeout(CLOSE_MS) })
  } catch (error) {
    connection.abort(error as Error)
  }
}
