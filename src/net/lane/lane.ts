import { randomBytes } from 'node:crypto'
import { Worker } from 'node:worker_threads'

import { toHex } from '../../base/bytes.ts'
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
  LANES_PER_PEER_MAX,
  TICKET_MS,
  TICKETS_MAX,
} from '../limits.ts'
import type { NetEvent } from '../net-events.ts'
import type { Refusals } from '../refusals.ts'
import type { StreamServices } from '../stream-channel.ts'
import { StreamFrameReader } from '../stream-frames.ts'
import type { FromLane, LaneThreadData, ToLane } from './lane-messages.ts'
import { decodeTicket, encodeTicket, TICKET_ID_BYTES, TICKET_KEY_BYTES } from './lane-ticket.ts'

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
  /** Started when it is first needed: a peer that moves no bulk pays nothing. */
  #worker: Worker | undefined
  readonly #listening = Promise.withResolvers<number>()
  readonly #sockets = new Map<number, Socket>()
  readonly #connecting = new Map<number, PromiseWithResolvers<void>>()
  readonly #ticketing = new Map<string, () => void>()
  /** Unused tickets we gave out, by their id. */
  readonly #tickets = new Map<string, { peer: PeerId; expiry: Timer }>()
  /** Until when a peer's lane is left alone. */
  readonly #penalties = new Map<PeerId, number>()
  #lastSocket = 0
  #isDead = false

  constructor(options: LaneOptions) {
    this.#options = options
    this.#listening.promise.catch(() => undefined)
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
    const socket = this.#idleTo(to) ?? (await this.#connect(to))
    if (socket === undefined) return undefined
    signal?.throwIfAborted()
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
    this.#start()
    const port = await this.#listening.promise
    const theirs = [...this.#tickets.values()].filter(ticket => ticket.peer === peer).length
    const sockets = [...this.#sockets.values()].filter(each => each.peer === peer && !each.isOurs)
    if (theirs + sockets.length >= LANES_PER_PEER_MAX) throw busy('lanes', LANES_PER_PEER_MAX)
    if (this.#tickets.size >= TICKETS_MAX) throw busy('tickets', TICKETS_MAX)
    const rawId = randomBytes(TICKET_ID_BYTES)
    const id = toHex(rawId)
    const key = new Uint8Array(randomBytes(TICKET_KEY_BYTES))
    const expiry = this.#options.timers.after(TICKET_MS, () => this.#tickets.delete(id))
    this.#tickets.set(id, { peer, expiry })
    const isKnown = new Promise<void>(resolve => this.#ticketing.set(id, resolve))
    this.#tell({ type: 'ticket', id, key, peer })
    // Told only once the thread knows it, else the caller could be there first.
    await isKnown
    return encodeTicket({ port, id, key }, rawId)
  }

  /** A peer is gone, or lost its rights: nothing of it is carried any more. */
  drop(peer: PeerId): void {
    this.#penalties.delete(peer)
    for (const [id, ticket] of this.#tickets) if (ticket.peer === peer) this.#forgetTicket(id)
    this.#tell({ type: 'drop', peer })
    for (const socket of this.#sockets.values()) if (socket.peer === peer) this.#lost(socket)
  }

  async stop(): Promise<void> {
    this.#die(undefined)
    await this.#worker?.terminate()
  }

  #idleTo(peer: PeerId): Socket | undefined {
    for (const socket of this.#sockets.values()) {
      if (socket.peer === peer && socket.isOurs && socket.stream === undefined) return socket
    }
    return undefined
  }

  async #connect(peer: PeerId): Promise<Socket | undefined> {
    const { clock, onEvent } = this.#options
    const host = this.#options.hostOf(peer)
    const isPenalised = (this.#penalties.get(peer) ?? 0) > clock.monotonicMs()
    const ours = [...this.#sockets.values()].filter(each => each.peer === peer && each.isOurs)
    if (this.#isDead || host === undefined || isPenalised) return undefined
    if (ours.length >= LANES_PER_PEER_MAX) return undefined
    const number = ++this.#lastSocket
    const socket = this.#newSocket(number, peer, true)
    // Its place is taken before the first wait, so that many at once do not exceed the limit.
    socket.stream = this.#reserved(socket)
    try {
      this.#start()
      const ticket = decodeTicket(await this.#options.askForTicket(peer, LANE_CONNECT_MS))
      const connecting = Promise.withResolvers<void>()
      this.#connecting.set(number, connecting)
      this.#tell({ type: 'connect', socket: number, peer, host, ...ticket })
      await connecting.promise
      if (socket.isClosed) return undefined
      socket.stream = undefined
      return socket
    } catch (error) {
      this.#lost(socket)
      // Too many at once, or a peer that left, is no failure of the lane.
      const isFailure = !['BUSY', 'PEER_UNREACHABLE'].includes(codeOf(error) ?? '')
      if (!isFailure || this.#isDead) return undefined
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

  /** Keeps a socket from being taken while it is being connected; carries nothing. */
  #reserved(socket: Socket): CreditStream {
    return this.#carry(socket, undefined)
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
        this.#send(socket.number, header, payload)
      },
      done: () => this.#free(socket),
      breakOff: () => this.#close(socket),
    }
  }

  #send(socket: number, header: Uint8Array, payload: Uint8Array | undefined): void {
    const owned = payload === undefined ? undefined : movable(payload)
    const moved = owned === undefined ? [] : [owned.buffer]
    this.#tell({ type: 'send', socket, header, payload: owned }, moved)
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
    this.#tell({ type: 'close', socket: socket.number })
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

  #receive(message: FromLane): void {
    switch (message.type) {
      case 'listening':
        this.#listening.resolve(message.port)
        this.#options.onEvent({ type: 'lane', port: message.port })
        return
      case 'failed':
        this.#die(message.error)
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
    if (!this.#tickets.has(id)) {
      this.#tell({ type: 'close', socket: number })
      return
    }
    this.#forgetTicket(id)
    this.#await(this.#newSocket(number, peer, false))
  }

  #data({ socket: number, bytes }: FromLane & { type: 'data' }): void {
    this.#tell({ type: 'taken', socket: number, bytes: bytes.length })
    const socket = this.#sockets.get(number)
    if (socket?.stream === undefined) {
      // Credit that is late may come on an idle socket; nothing else may.
      if (socket !== undefined) feedIdle(socket.reader, bytes, () => this.#close(socket))
      return
    }
    this.flow.receivedBytes += bytes.length
    feed(socket.reader, bytes, socket.stream)
  }

  #closed({ socket: number, error }: FromLane & { type: 'closed' }): void {
    this.#connecting.get(number)?.reject(closed(`the lane: ${error ?? 'in order'}`))
    this.#connecting.delete(number)
    const socket = this.#sockets.get(number)
    if (socket !== undefined) this.#lost(socket)
  }

  #forgetTicket(id: string): void {
    this.#tickets.get(id)?.expiry.cancel()
    this.#tickets.delete(id)
  }

  #start(): void {
    if (this.#isDead) throw closed('the lane')
    if (this.#worker !== undefined) return
    const { host, port } = this.#options
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
    const workerData: LaneThreadData = { host, port }
    this.#worker = new Worker(new URL(`./lane-worker.${extension}`, import.meta.url), {
      workerData,
    })
    this.#worker.on('message', (message: FromLane) => this.#receive(message))
    this.#worker.on('error', error => this.#die(error.message))
    this.#worker.on('exit', () => this.#die('its thread has ended'))
  }

  /** Without an error it was meant. */
  #die(error: string | undefined): void {
    if (this.#isDead) return
    this.#isDead = true
    this.#listening.reject(closed('the lane'))
    if (error !== undefined) this.#options.onEvent({ type: 'lane-off', error })
    for (const id of this.#tickets.keys()) this.#forgetTicket(id)
    for (const resolve of this.#ticketing.values()) resolve()
    for (const socket of this.#sockets.values()) this.#lost(socket)
  }

  #tell(message: ToLane, moved: ArrayBuffer[] = []): void {
    if (!this.#isDead) this.#worker?.postMessage(message, moved)
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
