import {
  type ByteStream,
  type Clock,
  type PeerId,
  STREAM_WINDOW_BYTES_MAX,
  type Timer,
  type Timers,
} from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { type Carrier, CreditStream, feed } from '../credit-stream.ts'
import { busy, closed, unreachable } from '../failures.ts'
import { FlowMeter } from '../flow-meter.ts'
import {
  LANE_CONNECT_MS,
  LANE_IDLE_MS,
  LANE_PENALTY_MS,
  LANE_WAIT_MS,
  LANES_PER_PEER_MAX,
} from '../limits.ts'
import type { NetEvent } from '../net-events.ts'
import type { Refusals } from '../refusals.ts'
import type { StreamServices } from '../stream-channel.ts'
import { StreamFrameReader } from '../stream-frames.ts'
import { Sweeper } from '../sweeper.ts'
import type { FromLane, LaneNews } from './lane-messages.ts'
import { LaneThread } from './lane-thread.ts'
import { decodeTicket, encodeTicket } from './lane-ticket.ts'
import { LaneTickets } from './lane-tickets.ts'

export interface LaneOptions {
  readonly host: string
  readonly port: number
  readonly clock: Clock
  readonly timers: Timers
  readonly refusals: Refusals
  readonly services: StreamServices
  readonly onEvent: (event: NetEvent) => void
  /** Asks a peer for a ticket; rejects if it gives none. */
  readonly askForTicket: (peer: PeerId, deadlineMs: number) => Promise<Uint8Array>
  /** The IP of a peer as its direct connection shows it; undefined if there is none. */
  readonly hostOf: (peer: PeerId) => string | undefined
}

/** A socket in the lane's thread, as the main thread knows it. */
interface Socket {
  readonly number: number
  readonly peer: PeerId
  readonly isOurs: boolean
  reader: StreamFrameReader
  /** What it carries; at the side that was called there is always one, waiting for its `open`. */
  stream: CreditStream | undefined
  countOff: () => void
  idle: Timer | undefined
  isClosed: boolean
}

/**
 * The lane: bulk streams over sockets of their own, in a thread of their own, so that neither their
 * bytes nor their ciphers hold up anything else. One stream at a time per socket; sockets are kept
 * for the next. Who may come in is settled by tickets, asked for over the connection that has proven
 * who both are. Where the lane does not work, it says so at once and streams go over libp2p.
 */
export class Lane {
  readonly flow: FlowMeter = new FlowMeter()
  readonly #options: LaneOptions
  readonly #thread: LaneThread
  readonly #tickets: LaneTickets
  readonly #sweeper = new Sweeper()
  readonly #sockets = new Map<number, Socket>()
  readonly #connecting = new Map<number, PromiseWithResolvers<void>>()
  /** Tickets that the thread has yet to learn of. */
  readonly #ticketing = new Map<string, () => void>()
  /** Until when a peer's lane is left alone. */
  readonly #penalties = new Map<PeerId, number>()
  #lastSocket = 0

  constructor(options: LaneOptions) {
    this.#options = options
    this.#tickets = new LaneTickets(options.timers)
    this.#thread = new LaneThread({
      host: options.host,
      port: options.port,
      onMessage: message => this.#receive(message),
      onEnd: error => this.#ended(error),
    })
  }

  /** Sockets with a peer, for its status. */
  countOf(peer: PeerId): number {
    return [...this.#sockets.values()].filter(socket => socket.peer === peer).length
  }

  /** Opens a stream; undefined where the lane cannot carry it, for whatever reason. */
  async open(
    to: PeerId,
    protocol: string,
    signal: AbortSignal | undefined,
  ): Promise<ByteStream | undefined> {
    const socket = this.#idleTo(to) ?? (await this.#connectSoon(to))
    if (socket === undefined || socket.isClosed) return undefined
    if (signal?.aborted === true) {
      this.#free(socket)
      throw signal.reason
    }
    const stream = this.#carry(socket, undefined)
    const abort = (): void => stream.abort(signal?.reason as Error)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      await stream.open(protocol)
      return stream
    } catch (error) {
      // An idle socket may be found closed; what the peer says itself is final.
      if (codeOf(error) === 'PEER_UNREACHABLE') return undefined
      throw error
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  /**
   * Makes a ticket for a peer that asked for one, encoded.
   * @throws {HoldfastError} `BUSY`, `CLOSED`
   */
  async ticketFor(peer: PeerId): Promise<Uint8Array> {
    const port = await this.#thread.start()
    // Counted after the wait, for others waited too.
    const sockets = [...this.#sockets.values()].filter(each => each.peer === peer && !each.isOurs)
    if (this.#tickets.countOf(peer) + sockets.length >= LANES_PER_PEER_MAX) {
      throw busy('lanes', LANES_PER_PEER_MAX)
    }
    const { id, idBytes, key } = this.#tickets.issue(peer)
    const isKnown = new Promise<void>(resolve => this.#ticketing.set(id, resolve))
    this.#thread.tell({ type: 'ticket', id, key, peer })
    // Told only once the thread knows it, else the caller could be there first.
    await isKnown
    return encodeTicket({ port, id, key }, idBytes)
  }

  /** A peer is gone, or lost its rights: nothing of it is carried any more. */
  drop(peer: PeerId): void {
    this.#penalties.delete(peer)
    this.#tickets.drop(peer)
    this.#thread.tell({ type: 'drop', peer })
    for (const socket of this.#sockets.values()) if (socket.peer === peer) this.#lost(socket)
  }

  async stop(): Promise<void> {
    await this.#thread.stop()
  }

  #idleTo(peer: PeerId): Socket | undefined {
    for (const socket of this.#sockets.values()) {
      if (socket.peer === peer && socket.isOurs && socket.stream === undefined) return socket
    }
    return undefined
  }

  /**
   * A new socket, reserved for the caller, if that takes but a moment. One that takes longer is there
   * for the next stream: nobody waits for a port that a wall between swallows.
   */
  async #connectSoon(peer: PeerId): Promise<Socket | undefined> {
    const connecting = this.#connect(peer)
    let isTooLate = false
    const patience = new Promise<undefined>(resolve => {
      const timer = this.#options.timers.after(LANE_WAIT_MS, () => {
        isTooLate = true
        resolve(undefined)
      })
      void connecting.then(socket => {
        timer.cancel()
        if (isTooLate && socket !== undefined && !socket.isClosed) this.#free(socket)
      })
    })
    return Promise.race([connecting, patience])
  }

  /** A new socket, reserved for the caller. */
  async #connect(peer: PeerId): Promise<Socket | undefined> {
    const { clock, onEvent } = this.#options
    const host = this.#options.hostOf(peer)
    const isPenalised = (this.#penalties.get(peer) ?? 0) > clock.monotonicMs()
    const ours = [...this.#sockets.values()].filter(each => each.peer === peer && each.isOurs)
    if (this.#thread.isDead || host === undefined || isPenalised) return undefined
    if (ours.length >= LANES_PER_PEER_MAX) return undefined
    const number = ++this.#lastSocket
    const socket = this.#newSocket(number, peer, true)
    // Its place is taken before the first wait, so that many at once do not exceed the limit.
    this.#carry(socket, undefined)
    try {
      await this.#thread.start()
      const ticket = decodeTicket(await this.#options.askForTicket(peer, LANE_CONNECT_MS))
      const connecting = Promise.withResolvers<void>()
      this.#connecting.set(number, connecting)
      this.#thread.tell({ type: 'connect', socket: number, peer, host, ...ticket })
      await connecting.promise
      if (!socket.isClosed) return socket
      // The peer was dropped meanwhile.
      this.#thread.tell({ type: 'close', socket: number })
      return undefined
    } catch (error) {
      this.#lost(socket)
      // Too many at once, or a peer that left, is no failure of the lane.
      const isFailure = !['BUSY', 'PEER_UNREACHABLE'].includes(codeOf(error) ?? '')
      if (!isFailure || this.#thread.isDead) return undefined
      this.#penalties.set(peer, clock.monotonicMs() + LANE_PENALTY_MS)
      onEvent({ type: 'lane-failed', peer, error: String(error) })
      return undefined
    }
  }

  #newSocket(number: number, peer: PeerId, isOurs: boolean): Socket {
    const socket: Socket = {
      number,
      peer,
      isOurs,
      reader: new StreamFrameReader(frame => socket.stream?.take(frame)),
      stream: undefined,
      countOff: nothing,
      idle: undefined,
      isClosed: false,
    }
    this.#sockets.set(number, socket)
    return socket
  }

  /** Puts a stream on an idle socket. */
  #carry(socket: Socket, onOpen: ((protocol: string) => void) | undefined): CreditStream {
    const { timers, refusals } = this.#options
    socket.idle?.cancel()
    socket.idle = undefined
    const stream = new CreditStream({
      peer: socket.peer,
      carrier: this.#carrierOf(socket),
      windowBytes: STREAM_WINDOW_BYTES_MAX,
      timers,
      refusals,
      ...(onOpen === undefined ? {} : { onOpen }),
    })
    socket.stream = stream
    return stream
  }

  /** The other side called: whatever it opens next is served. */
  #await(socket: Socket): void {
    const stream = this.#carry(socket, protocol => {
      socket.idle?.cancel()
      socket.idle = undefined
      socket.countOff = this.#options.services.answer(socket.peer, stream, protocol)
    })
    socket.idle = this.#options.timers.after(2 * LANE_IDLE_MS, () => this.#close(socket))
  }

  #carrierOf(socket: Socket): Carrier {
    return {
      send: (header, payload) => {
        if (socket.isClosed) return
        this.flow.sentBytes += header.length + (payload?.length ?? 0)
        this.#sweeper.passed(payload?.length ?? 0)
        this.#send(socket.number, header, payload)
      },
      done: () => this.#free(socket),
      breakOff: () => this.#close(socket),
    }
  }

  #send(socket: number, header: Uint8Array, payload: Uint8Array | undefined): void {
    const owned = payload === undefined ? undefined : movable(payload)
    const moved = owned === undefined ? [] : [owned.buffer]
    this.#thread.tell({ type: 'send', socket, header, payload: owned }, moved)
  }

  /** A stream ended in order: the socket is ready for the next. */
  #free(socket: Socket): void {
    socket.countOff()
    socket.countOff = nothing
    if (!socket.isOurs) {
      this.#await(socket)
      return
    }
    socket.stream = undefined
    socket.idle = this.#options.timers.after(LANE_IDLE_MS, () => this.#close(socket))
  }

  #close(socket: Socket): void {
    this.#thread.tell({ type: 'close', socket: socket.number })
    this.#lost(socket)
  }

  #lost(socket: Socket): void {
    if (socket.isClosed) return
    socket.isClosed = true
    socket.idle?.cancel()
    this.#sockets.delete(socket.number)
    this.#connecting.get(socket.number)?.reject(unreachable(socket.peer))
    this.#connecting.delete(socket.number)
    socket.countOff()
    socket.stream?.lost(unreachable(socket.peer))
  }

  #receive(message: LaneNews): void {
    switch (message.type) {
      case 'listening':
        this.#options.onEvent({ type: 'lane', port: message.port })
        return
      case 'ticketed':
        this.#ticketing.get(message.id)?.()
        this.#ticketing.delete(message.id)
        return
      case 'accepted':
        this.#accepted(message)
        return
      case 'connected':
        this.#connecting.get(message.socket)?.resolve()
        this.#connecting.delete(message.socket)
        return
      case 'data':
        this.#data(message)
        return
      case 'closed':
        this.#closed(message)
        return
      case 'refused':
        this.#options.refusals.refuse('bad-ticket', undefined, message.detail)
    }
  }

  #accepted({ socket: number, peer, id }: FromLane & { type: 'accepted' }): void {
    // A ticket that was dropped meanwhile is good for nothing.
    if (this.#tickets.use(id) !== undefined) this.#await(this.#newSocket(number, peer, false))
    else this.#thread.tell({ type: 'close', socket: number })
  }

  #data({ socket: number, bytes }: FromLane & { type: 'data' }): void {
    this.#thread.tell({ type: 'taken', socket: number, bytes: bytes.length })
    const socket = this.#sockets.get(number)
    if (socket?.stream === undefined) {
      // Credit that is late may come on an idle socket; nothing else may.
      if (socket !== undefined) feedIdle(socket.reader, bytes, () => this.#close(socket))
      return
    }
    this.flow.receivedBytes += bytes.length
    this.#sweeper.passed(bytes.length)
    feed(socket.reader, bytes, socket.stream)
  }

  #closed({ socket: number, error }: FromLane & { type: 'closed' }): void {
    this.#connecting.get(number)?.reject(closed(`the lane: ${error ?? 'in order'}`))
    this.#connecting.delete(number)
    const socket = this.#sockets.get(number)
    if (socket !== undefined) this.#lost(socket)
  }

  #ended(error: string | undefined): void {
    if (error !== undefined) this.#options.onEvent({ type: 'lane-off', error })
    this.#tickets.drop()
    for (const resolve of this.#ticketing.values()) resolve()
    for (const socket of this.#sockets.values()) this.#lost(socket)
  }
}

/** The bytes in memory that holds nothing else, so that it can be moved to another thread. */
function movable(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes
  const isAlone = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length
  return isAlone ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
}

function feedIdle(reader: StreamFrameReader, bytes: Uint8Array, refuse: () => void): void {
  try {
    reader.push(bytes)
  } catch {
    refuse()
  }
}

const nothing = (): void => undefined
