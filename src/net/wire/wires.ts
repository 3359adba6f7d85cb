import type { Server, TLSSocket } from 'node:tls'

import type { Clock, PeerId, Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { busy, closed } from '../failures.ts'
import { decodeTicket, encodeTicket } from '../lane/lane-ticket.ts'
import { LaneTickets } from '../lane/lane-tickets.ts'
import { callWithTicket, listenForTickets } from '../lane/ticket-tls.ts'
import {
  LANE_CONNECT_MS,
  WIRE_PAUSE_MS,
  WIRE_PENALTY_MS,
  WIRE_WAIT_MS,
  WIRES_PER_PEER_MAX,
} from '../limits.ts'
import type { NetEvent } from '../net-events.ts'
import type { Pipe } from '../pipe.ts'
import type { Refusals } from '../refusals.ts'
import { Wire } from './wire.ts'

export interface WiresOptions {
  readonly self: PeerId
  readonly host: string
  readonly port: number
  readonly clock: Clock
  readonly timers: Timers
  readonly refusals: Refusals
  readonly onEvent: (event: NetEvent) => void
  /** Asks a peer for a ticket; rejects if it gives none. */
  readonly askForTicket: (peer: PeerId, deadlineMs: number) => Promise<Uint8Array>
  /** The IP of a peer as its direct connection shows it; undefined if there is none. */
  readonly hostOf: (peer: PeerId) => string | undefined
  /** A peer opened a pipe. */
  readonly onPipe: (peer: PeerId, pipe: Pipe, protocol: string) => void
  /** From now on pipes to this peer are better had here. */
  readonly onUp: (peer: PeerId) => void
}

/**
 * Wires to peers that wait for each other's small messages, such as those of one group: a TLS socket
 * beside the libp2p connection, in this thread, for everything that is not bulk. A message on it costs
 * a tenth of what it costs as a libp2p stream. Who may come in is settled as with the lane, by tickets
 * asked for over the connection that has proven who both are; and where a wire does not work, what
 * wanted it goes over libp2p at once.
 */
export class Wires {
  readonly #options: WiresOptions
  readonly #tickets: LaneTickets
  readonly #wires = new Map<PeerId, Set<Wire>>()
  readonly #calling = new Map<PeerId, Promise<Wire | undefined>>()
  /** Until when a peer's wire is left alone. */
  readonly #penalties = new Map<PeerId, number>()
  #listening: Promise<number> | undefined
  #server: Server | undefined
  #isStopped = false

  constructor(options: WiresOptions) {
    this.#options = options
    this.#tickets = new LaneTickets(options.timers)
  }

  /** Wires with a peer, for its status. */
  countOf(peer: PeerId): number {
    return this.#wires.get(peer)?.size ?? 0
  }

  /** The wire to a peer, if there is one now. */
  to(peer: PeerId): Wire | undefined {
    const [first] = this.#wires.get(peer) ?? []
    return first
  }

  /** Calls for a wire to a peer, if there is none and it is worth a try. */
  want(peer: PeerId): void {
    if (this.#wires.has(peer) || this.#calling.has(peer) || this.#isStopped) return
    const host = this.#options.hostOf(peer)
    const isLeftAlone = (this.#penalties.get(peer) ?? 0) > this.#options.clock.monotonicMs()
    if (host === undefined || isLeftAlone) return
    const calling = this.#call(peer, host).finally(() => this.#calling.delete(peer))
    this.#calling.set(peer, calling)
  }

  /** The same, and waits for it a moment; what takes longer is there for the next. */
  async ensure(peer: PeerId): Promise<Wire | undefined> {
    this.want(peer)
    const calling = this.#calling.get(peer)
    if (calling === undefined) return this.to(peer)
    const { promise, resolve } = Promise.withResolvers<undefined>()
    const timer = this.#options.timers.after(WIRE_WAIT_MS, () => resolve(undefined))
    try {
      return await Promise.race([calling, promise])
    } finally {
      timer.cancel()
    }
  }

  /**
   * Makes a ticket for a peer that asked for one, encoded.
   * @throws {HoldfastError} `BUSY`, `CLOSED`
   */
  async ticketFor(peer: PeerId): Promise<Uint8Array> {
    if (this.#isStopped) throw closed('the network')
    // Of two that call each other at once, one goes on.
    if (this.#calling.has(peer) && this.#options.self < peer) throw busy('wires', 1)
    const port = await (this.#listening ??= this.#listen())
    if (this.#tickets.countOf(peer) + this.countOf(peer) >= WIRES_PER_PEER_MAX) {
      throw busy('wires', WIRES_PER_PEER_MAX)
    }
    const { id, idBytes, key } = this.#tickets.issue(peer)
    return encodeTicket({ port, id, key }, idBytes)
  }

  /** A peer is gone, or lost its rights: nothing of it is carried any more. */
  drop(peer: PeerId): void {
    this.#penalties.delete(peer)
    this.#tickets.drop(peer)
    for (const wire of this.#wires.get(peer) ?? []) wire.destroy()
  }

  stop(): void {
    this.#isStopped = true
    this.#tickets.drop()
    this.#server?.close()
    for (const wires of this.#wires.values()) for (const wire of wires) wire.close()
  }

  async #call(peer: PeerId, host: string): Promise<Wire | undefined> {
    const { clock, hostOf, askForTicket, onEvent } = this.#options
    try {
      const ticket = decodeTicket(await askForTicket(peer, LANE_CONNECT_MS))
      const socket = await callWithTicket({ host, ...ticket })
      // The peer, or this host, may have gone meanwhile.
      if (hostOf(peer) !== undefined && !this.#isStopped) return this.#add(peer, socket, true)
      socket.destroy()
    } catch (error) {
      // A peer that left, or has too much to do, is no failure of the wire.
      const code = codeOf(error) ?? ''
      const isFailure = !['BUSY', 'PEER_UNREACHABLE', 'TIMEOUT', 'CLOSED'].includes(code)
      const pauseMs = isFailure ? WIRE_PENALTY_MS : WIRE_PAUSE_MS
      this.#penalties.set(peer, clock.monotonicMs() + pauseMs)
      if (isFailure) onEvent({ type: 'wire-failed', peer, error: String(error) })
    }
    return undefined
  }

  #listen(): Promise<number> {
    const { host, port, refusals, onEvent } = this.#options
    return new Promise((resolve, reject) => {
      this.#server = listenForTickets({
        host,
        port,
        useTicket: id => this.#tickets.use(id),
        onSocket: (socket, { peer }) => {
          if (this.#isStopped) socket.destroy()
          else this.#add(peer, socket, false)
        },
        onRefused: detail => refusals.refuse('bad-ticket', undefined, detail),
        onListening: listening => {
          onEvent({ type: 'wire', port: listening })
          resolve(listening)
        },
        onFailed: error => {
          onEvent({ type: 'wire-off', error })
          reject(closed('the wire'))
        },
      })
    })
  }

  #add(peer: PeerId, socket: TLSSocket, isOurs: boolean): Wire {
    const { refusals, onPipe, onUp } = this.#options
    socket.setNoDelay(true)
    const wire: Wire = new Wire({
      peer,
      socket,
      isOurs,
      onPipe: (pipe, protocol) => onPipe(peer, pipe, protocol),
      onMisuse: ({ message }) => refusals.refuse('malformed', peer, `wire: ${message}`),
      onClosed: () => {
        const others = this.#wires.get(peer)
        others?.delete(wire)
        if (others?.size === 0) this.#wires.delete(peer)
      },
    })
    const wires = this.#wires.get(peer) ?? new Set()
    this.#wires.set(peer, wires.add(wire))
    if (wires.size === 1) onUp(peer)
    return wire
  }
}
