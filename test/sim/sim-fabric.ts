import type { PeerId } from '../../src/base/environment.ts'
import type { Prng } from '../../src/base/prng.ts'
import { type Packet, type SimNetwork, unreachable } from './sim-network.ts'
import type { World } from './world.ts'

/** How the wire from one peer to another behaves. Change it at any time. */
export interface Link {
  /** One way. */
  latencyMs: number
  /** Mean of the exponential part of the delay. */
  jitterMs: number
  /** Share of datagrams lost; packets of a connection are sent again instead. */
  loss: number
  duplicate: number
  /** Share of datagrams that take ten times as long. */
  reorder: number
  bytesPerMs: number
  isCut: boolean
}

const quietLink: Link = {
  latencyMs: 0.5,
  jitterMs: 0.2,
  loss: 0,
  duplicate: 0,
  reorder: 0,
  bytesPerMs: 125_000,
  isCut: false,
}

/** How long TCP holds on to a connection on which nothing arrives. */
const CONNECTION_PATIENCE_MS = 15_000
const DIAL_PATIENCE_MS = 5_000
const RETRANSMIT_MS = 200
const RETRANSMITS_MAX = 5
const PACKET_OVERHEAD_BYTES = 60

interface Direction {
  busyUntilMs: number
  lastArrivalMs: number
  readonly stalled: (() => void)[]
}

/** A connection between two processes; it dies with either. */
export class Connection {
  readonly id: number
  readonly ends: readonly [SimNetwork, SimNetwork]
  isOpen = true
  readonly #directions = new Map<PeerId, Direction>()

  constructor(id: number, ends: readonly [SimNetwork, SimNetwork]) {
    this.id = id
    this.ends = ends
    for (const { self } of ends) {
      this.#directions.set(self, { busyUntilMs: 0, lastArrivalMs: 0, stalled: [] })
    }
  }

  other(self: PeerId): PeerId {
    const [a, b] = this.ends
    return a.self === self ? b.self : a.self
  }

  direction(from: PeerId): Direction {
    return this.#directions.get(from) as Direction
  }
}

/** All wires of the world. */
export class SimNetworkFabric {
  readonly world: World
  /** What a link is like unless it was given settings of its own. */
  readonly defaults: Link = { ...quietLink }
  readonly #random: Prng
  readonly #links = new Map<string, Link>()
  readonly #processes = new Map<PeerId, SimNetwork>()
  readonly #connections = new Map<string, Connection>()
  /** Datagrams that wait for a connection: the newest of each kind. */
  readonly #slots = new Map<string, Map<string, Uint8Array>>()
  #lastConnection = 0

  constructor(world: World) {
    this.world = world
    this.#random = world.random.fork('network')
  }

  /** The wire from one peer to another, to be changed in place. */
  link(from: PeerId, to: PeerId): Link {
    const key = `${from} ${to}`
    const link = this.#links.get(key) ?? { ...this.defaults }
    this.#links.set(key, link)
    return link
  }

  /** Cuts every wire between peers of different sides. */
  partition(...sides: (readonly PeerId[])[]): void {
    this.world.note('network', `partition ${sides.map(side => side.join('+')).join(' | ')}`)
    for (const [at, side] of sides.entries()) {
      for (const other of [...sides.slice(0, at), ...sides.slice(at + 1)].flat()) {
        for (const peer of side) this.link(peer, other).isCut = true
      }
    }
  }

  cut(from: PeerId, to: PeerId): void {
    this.world.note('network', `cut ${from} ${to}`)
    this.link(from, to).isCut = true
  }

  /** Mends every cut. */
  heal(): void {
    this.world.note('network', 'heal')
    for (const link of this.#links.values()) link.isCut = false
    for (const connection of this.#connections.values()) {
      for (const { self } of connection.ends) {
        for (const arrive of connection.direction(self).stalled.splice(0)) arrive()
      }
    }
  }

  attach(process: SimNetwork): void {
    this.#processes.set(process.self, process)
  }

  /** A process ended: its kernel says so to its peers, unless it lost power too. */
  disconnect(peer: PeerId, ending: 'process' | 'power'): void {
    const gone = this.#processes.get(peer)
    this.#processes.delete(peer)
    for (const connection of this.#connections.values()) {
      const mine = connection.ends.find(end => end === gone)
      if (mine === undefined) continue
      const other = connection.other(peer)
      const after = ending === 'process' ? this.#delay(peer, other) : CONNECTION_PATIENCE_MS
      this.world.schedule(after, () => this.#close(connection))
    }
    for (const key of this.#slots.keys()) if (key.startsWith(`${peer} `)) this.#slots.delete(key)
  }

  /** A process closes its connection to a peer. */
  hangUp(from: SimNetwork, peer: PeerId): void {
    const connection = this.#connectionOf(from, peer)
    if (connection !== undefined) this.#close(connection)
  }

  connectedTo({ self }: SimNetwork): PeerId[] {
    return [...this.#connections.values()]
      .filter(({ ends }) => ends.some(end => end.self === self))
      .map(connection => connection.other(self))
      .toSorted()
  }

  /** The connection between two processes, made if there is none. */
  connect(from: SimNetwork, to: PeerId): Promise<Connection> {
    const open = this.#connectionOf(from, to)
    if (open !== undefined) return Promise.resolve(open)
    return new Promise((resolve, reject) => {
      const { isCut } = this.link(from.self, to)
      const isAnswered = !isCut && !this.link(to, from.self).isCut
      const roundTrip = this.#delay(from.self, to) + this.#delay(to, from.self)
      this.world.schedule(isAnswered ? roundTrip : DIAL_PATIENCE_MS, () => {
        const target = isAnswered ? this.#processes.get(to) : undefined
        const connection =
          target === undefined || target === from ? undefined : this.#open(from, target)
        from.deliver(() => {
          if (connection === undefined) reject(unreachable(to))
          else resolve(connection)
        })
      })
    })
  }

  /** Sends a packet on a connection: once, in order, however long it takes. */
  post(connection: Connection, from: PeerId, packet: Packet): void {
    if (!connection.isOpen) return
    const to = connection.other(from)
    const link = this.link(from, to)
    const direction = connection.direction(from)
    const size = PACKET_OVERHEAD_BYTES + sizeOf(packet)
    direction.busyUntilMs =
      Math.max(this.world.nowMs, direction.busyUntilMs) + size / link.bytesPerMs
    const arrivalMs = Math.max(
      direction.lastArrivalMs,
      direction.busyUntilMs + this.#delay(from, to) + this.#retransmission(link),
    )
    direction.lastArrivalMs = arrivalMs
    const receiver = connection.ends.find(end => end.self === to) as SimNetwork
    const arrive = (): void => {
      if (!connection.isOpen) return
      if (this.link(from, to).isCut || direction.stalled.length > 0) {
        this.#stall(connection, direction, arrive)
        return
      }
      this.world.note(to, `${packet.type} ${packet.id} from ${from}`)
      receiver.deliver(() => receiver.receive(connection, packet))
    }
    this.world.schedule(arrivalMs - this.world.nowMs, arrive)
  }

  sendDatagram(from: SimNetwork, to: PeerId, kind: string, bytes: Uint8Array): void {
    const connection = this.#connectionOf(from, to)
    if (
      connection !== undefined &&
      connection.direction(from.self).busyUntilMs <= this.world.nowMs
    ) {
      this.#launch(from, to, kind, bytes)
      return
    }
    const key = `${from.self} ${to}`
    const slots = this.#slots.get(key)
    if (slots !== undefined) {
      slots.set(kind, bytes)
      return
    }
    this.#slots.set(key, new Map([[kind, bytes]]))
    this.#flushWhenPossible(from, to, key)
  }

  #flushWhenPossible(from: SimNetwork, to: PeerId, key: string): void {
    this.connect(from, to).then(
      connection => {
        const waitMs = connection.direction(from.self).busyUntilMs - this.world.nowMs
        this.world.schedule(waitMs, () => {
          const slots = this.#slots.get(key) ?? new Map<string, Uint8Array>()
          this.#slots.delete(key)
          for (const [kind, bytes] of slots) this.#launch(from, to, kind, bytes)
        })
      },
      () => this.#slots.delete(key),
    )
  }

  #launch(from: SimNetwork, to: PeerId, kind: string, bytes: Uint8Array): void {
    const link = this.link(from.self, to)
    const copies = this.#random.chance(link.duplicate) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      if (this.#random.chance(link.loss)) continue
      const slowness = this.#random.chance(link.reorder) ? 10 : 1
      this.world.schedule(this.#delay(from.self, to) * slowness, () => {
        const receiver = this.#processes.get(to)
        if (receiver === undefined || this.link(from.self, to).isCut) return
        this.world.note(to, `datagram ${kind} ${bytes.length} from ${from.self}`)
        receiver.deliver(() => receiver.receiveDatagram(from.self, kind, bytes))
      })
    }
  }

  #connectionOf(from: SimNetwork, to: PeerId): Connection | undefined {
    const connection = this.#connections.get(pairOf(from.self, to))
    return connection?.ends.includes(from) === true ? connection : undefined
  }

  #open(from: SimNetwork, target: SimNetwork): Connection | undefined {
    const existing = this.#connectionOf(from, target.self)
    if (existing !== undefined) return existing
    if (this.#processes.get(from.self) !== from) return undefined
    const stale = this.#connections.get(pairOf(from.self, target.self))
    if (stale !== undefined) this.#close(stale)
    const connection = new Connection(++this.#lastConnection, [from, target])
    this.#connections.set(pairOf(from.self, target.self), connection)
    for (const end of connection.ends) {
      end.deliver(() => end.peerChanged(connection.other(end.self), 'up'))
    }
    return connection
  }

  #close(connection: Connection): void {
    if (!connection.isOpen) return
    connection.isOpen = false
    const [a, b] = connection.ends
    this.#connections.delete(pairOf(a.self, b.self))
    for (const end of connection.ends) {
      end.deliver(() => {
        end.connectionLost(connection)
        end.peerChanged(connection.other(end.self), 'down')
      })
    }
  }

  /** Data waits behind a cut; after a while TCP gives the connection up. */
  #stall(connection: Connection, direction: Direction, arrive: () => void): void {
    direction.stalled.push(arrive)
    if (direction.stalled.length > 1) return
    this.world.schedule(CONNECTION_PATIENCE_MS, () => {
      if (direction.stalled[0] === arrive) this.#close(connection)
    })
  }

  #delay(from: PeerId, to: PeerId): number {
    const { latencyMs, jitterMs } = this.link(from, to)
    return latencyMs + (jitterMs > 0 ? this.#random.exponential(jitterMs) : 0)
  }

  #retransmission({ loss }: Link): number {
    let delayMs = 0
    for (let tries = 0; tries < RETRANSMITS_MAX && this.#random.chance(loss); tries++) {
      delayMs += RETRANSMIT_MS * 2 ** tries
    }
    return delayMs
  }
}

const pairOf = (a: PeerId, b: PeerId): string => (a < b ? `${a} ${b}` : `${b} ${a}`)

function sizeOf(packet: Packet): number {
  if ('body' in packet) return packet.body.length
  return packet.type === 'data' ? packet.bytes.length : 0
}
