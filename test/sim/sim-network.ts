import {
  type ByteStream,
  DATAGRAM_BYTES_MAX,
  type Network,
  type OutgoingRequest,
  type PeerId,
  REQUEST_BYTES_MAX,
  type RequestHandler,
  type RequestLimits,
  REQUESTS_PER_PEER_MAX,
} from '../../src/base/environment.ts'
import { type Failure, HoldfastError } from '../../src/base/errors.ts'
import type { Connection, SimNetworkFabric } from './sim-fabric.ts'
import { SimStream } from './sim-stream.ts'

/** What travels on a connection, in order. */
export type Packet =
  | { type: 'request'; id: number; protocol: string; body: Uint8Array }
  | { type: 'answer'; id: number; body: Uint8Array }
  | { type: 'failure'; id: number; details: Failure; message: string }
  | { type: 'cancel'; id: number }
  | { type: 'open'; id: number; protocol: string }
  | { type: 'opened'; id: number }
  | { type: 'data'; id: number; bytes: Uint8Array }
  | { type: 'credit'; id: number; bytes: number }
  | { type: 'end'; id: number }
  | { type: 'abort'; id: number; reason: string }

/** A request in progress here. */
interface Work {
  readonly controller: AbortController
  readonly connection: Connection
  readonly protocol: string
}

interface Call {
  readonly connection: Connection
  readonly resolve: (body: Uint8Array) => void
  readonly reject: (error: Error) => void
}

/**
 * The network as one run of one process sees it. Whatever arrives comes through `deliver`, so that
 * a process that is gone or paused is spared it.
 */
export class SimNetwork implements Network {
  readonly self: PeerId
  readonly deliver: (callback: () => void) => void
  readonly #fabric: SimNetworkFabric
  readonly #datagramHandlers = new Map<string, (from: PeerId, bytes: Uint8Array) => void>()
  readonly #requestHandlers = new Map<string, { handler: RequestHandler; limits: RequestLimits }>()
  readonly #streamHandlers = new Map<string, (from: PeerId, stream: ByteStream) => void>()
  readonly #peerListeners: ((change: { peer: PeerId; state: 'up' | 'down' }) => void)[] = []
  readonly #calls = new Map<number, Call>()
  readonly #handling = new Map<string, Work>()
  readonly #streams = new Map<string, SimStream>()
  #lastId = 0

  constructor(fabric: SimNetworkFabric, self: PeerId, deliver: (callback: () => void) => void) {
    this.#fabric = fabric
    this.self = self
    this.deliver = deliver
    fabric.attach(this)
  }

  sendDatagram(to: PeerId, kind: string, bytes: Uint8Array): void {
    if (bytes.length > DATAGRAM_BYTES_MAX) {
      throw new RangeError(`a datagram has at most ${DATAGRAM_BYTES_MAX} bytes`)
    }
    this.#fabric.sendDatagram(this, to, kind, bytes.slice())
  }

  onDatagram(kind: string, handler: (from: PeerId, bytes: Uint8Array) => void): void {
    this.#datagramHandlers.set(kind, handler)
  }

  async request(to: PeerId, protocol: string, request: OutgoingRequest): Promise<Uint8Array> {
    const { body, deadlineMs, signal } = request
    signal?.throwIfAborted()
    if (body.length > REQUEST_BYTES_MAX) throw tooLarge('request', body.length)
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      const give = (error: unknown): void => {
        const call = this.#calls.get(id)
        finish()
        reject(error)
        if (call !== undefined) this.#post(call.connection, { type: 'cancel', id })
      }
      const abort = (): void => give(signal?.reason)
      const finish = (): void => {
        timer.cancel()
        signal?.removeEventListener('abort', abort)
        this.#calls.delete(id)
        isOver = true
      }
      let isOver = false
      const timer = this.#fabric.world.schedule(deadlineMs, () =>
        this.deliver(() => give(timeout(protocol, deadlineMs))),
      )
      signal?.addEventListener('abort', abort, { once: true })
      this.#fabric.connect(this, to).then(
        connection => {
          if (isOver) return
          this.#calls.set(id, {
            connection,
            resolve: answer => {
              finish()
              resolve(answer)
            },
            reject: error => {
              finish()
              reject(error)
            },
          })
          this.#post(connection, { type: 'request', id, protocol, body: body.slice() })
        },
        (error: unknown) => {
          if (!isOver) give(error)
        },
      )
    })
  }

  onRequest(protocol: string, handler: RequestHandler, limits: RequestLimits = {}): void {
    this.#requestHandlers.set(protocol, { handler, limits })
  }

  async openStream(to: PeerId, protocol: string, signal?: AbortSignal): Promise<ByteStream> {
    signal?.throwIfAborted()
    const connection = await this.#fabric.connect(this, to)
    signal?.throwIfAborted()
    const id = ++this.#lastId
    const stream = this.#addStream(connection, id, 'outbound')
    this.#post(connection, { type: 'open', id, protocol })
    const abort = (): void => stream.abort(signal?.reason as Error)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      await stream.opened
    } finally {
      signal?.removeEventListener('abort', abort)
    }
    return stream
  }

  onStream(protocol: string, handler: (from: PeerId, stream: ByteStream) => void): void {
    this.#streamHandlers.set(protocol, handler)
  }

  connected(): readonly PeerId[] {
    return this.#fabric.connectedTo(this)
  }

  onPeer(listener: (change: { peer: PeerId; state: 'up' | 'down' }) => void): void {
    this.#peerListeners.push(listener)
  }

  /** The fabric's calls, already delivered. */

  receiveDatagram(from: PeerId, kind: string, bytes: Uint8Array): void {
    this.#datagramHandlers.get(kind)?.(from, bytes)
  }

  peerChanged(peer: PeerId, state: 'up' | 'down'): void {
    for (const listener of this.#peerListeners) listener({ peer, state })
  }

  /** The connection is gone, and with it all that was on its way. */
  connectionLost(connection: Connection): void {
    const error = unreachable(connection.other(this.self))
    for (const call of this.#calls.values()) if (call.connection === connection) call.reject(error)
    for (const [key, work] of this.#handling) {
      if (work.connection !== connection) continue
      this.#handling.delete(key)
      work.controller.abort(error)
    }
    for (const stream of this.#streams.values()) {
      if (stream.connection === connection) stream.breakOff(error)
    }
  }

  receive(connection: Connection, packet: Packet): void {
    switch (packet.type) {
      case 'request':
        void this.#handle(connection, packet)
        return
      case 'answer':
        this.#calls.get(packet.id)?.resolve(packet.body)
        return
      case 'failure':
        this.#calls.get(packet.id)?.reject(new HoldfastError(packet.message, packet.details))
        return
      case 'cancel': {
        const key = `${connection.id} ${packet.id}`
        this.#handling.get(key)?.controller.abort(new Error('the caller gave up'))
        this.#handling.delete(key)
        return
      }
      case 'open':
        this.#accept(connection, packet)
        return
      case 'opened':
      case 'data':
      case 'credit':
      case 'end':
      case 'abort':
        this.#streams.get(streamKey(connection, packet.id))?.receive(packet)
    }
  }

  async #handle(
    connection: Connection,
    { id, protocol, body }: { id: number; protocol: string; body: Uint8Array },
  ): Promise<void> {
    const from = connection.other(this.self)
    const key = `${connection.id} ${id}`
    const fail = ({ message, details }: { message: string; details: Failure }): void =>
      this.#post(connection, { type: 'failure', id, message, details })
    const service = this.#requestHandlers.get(protocol)
    const refusal = this.#refusal(connection, protocol, body.length)
    if (service === undefined || refusal !== undefined) {
      fail(refusal ?? unknownProtocol(this.self, protocol))
      return
    }
    const controller = new AbortController()
    this.#handling.set(key, { controller, connection, protocol })
    try {
      const answer = await service.handler(from, body, controller.signal)
      if (answer.length > REQUEST_BYTES_MAX) throw tooLarge('answer', answer.length)
      if (this.#handling.delete(key)) {
        this.#post(connection, { type: 'answer', id, body: answer.slice() })
      }
    } catch (error) {
      if (this.#handling.delete(key)) fail(failureFrom(error, this.self))
    }
  }

  #refusal(connection: Connection, protocol: string, size: number): HoldfastError | undefined {
    const { concurrentMax = Infinity, bodyBytesMax = Infinity } =
      this.#requestHandlers.get(protocol)?.limits ?? {}
    const works = [...this.#handling.values()].filter(work => work.connection === connection)
    const alike = works.filter(work => work.protocol === protocol)
    if (size > bodyBytesMax) return tooLarge('request', size)
    if (works.length >= REQUESTS_PER_PEER_MAX || alike.length >= concurrentMax) return tooBusy()
    return undefined
  }

  #accept(connection: Connection, { id, protocol }: { id: number; protocol: string }): void {
    const handler = this.#streamHandlers.get(protocol)
    if (handler === undefined) {
      const { message } = unknownProtocol(this.self, protocol)
      this.#post(connection, { type: 'abort', id: -id, reason: message })
      return
    }
    const stream = this.#addStream(connection, -id, 'inbound')
    this.#post(connection, { type: 'opened', id: -id })
    handler(connection.other(this.self), stream)
  }

  /** Ids of the other side's streams are negative here, so that both may count from 1. */
  #addStream(connection: Connection, id: number, direction: 'inbound' | 'outbound'): SimStream {
    const key = streamKey(connection, id)
    const stream = new SimStream(connection, direction, {
      post: packet => this.#post(connection, { ...packet, id }),
      closed: () => this.#streams.delete(key),
      after: (delayMs, callback) =>
        this.#fabric.world.schedule(delayMs, () => this.deliver(callback)),
    })
    this.#streams.set(key, stream)
    return stream
  }

  #post(connection: Connection, packet: Packet): void {
    // What is my own stream is the other side's foreign one.
    const isStream = !['request', 'answer', 'failure', 'cancel', 'open'].includes(packet.type)
    const posted = isStream ? { ...packet, id: -packet.id } : packet
    this.#fabric.post(connection, this.self, posted)
  }
}

const streamKey = (connection: Connection, id: number): string => `${connection.id} ${id}`

export function unreachable(peer: PeerId): HoldfastError {
  return new HoldfastError(`Cannot reach ${peer}`, { code: 'PEER_UNREACHABLE', peer })
}

function timeout(what: string, afterMs: number): HoldfastError {
  const details = { code: 'TIMEOUT', what, afterMs } as const
  return new HoldfastError(`Cannot wait for ${what}: no answer within ${afterMs} ms`, details)
}

function tooLarge(what: string, size: number): HoldfastError {
  const details = { code: 'TOO_LARGE', what, size, limit: REQUEST_BYTES_MAX } as const
  return new HoldfastError(`Cannot send ${what}: ${size} bytes`, details)
}

function tooBusy(): HoldfastError {
  const details = { code: 'BUSY', what: 'requests', limit: REQUESTS_PER_PEER_MAX } as const
  return new HoldfastError('Cannot serve: too many requests', details)
}

function unknownProtocol(peer: PeerId, protocol: string): HoldfastError {
  const details = { code: 'PROTOCOL_UNKNOWN', peer, protocol } as const
  return new HoldfastError(`Cannot serve ${protocol}: unknown`, details)
}

function failureFrom(error: unknown, peer: PeerId): { message: string; details: Failure } {
  if (error instanceof HoldfastError) return error
  const reason = error instanceof Error ? error.message : String(error)
  return { message: reason, details: { code: 'PEER_FAILED', peer, reason } }
}
