import { fromUtf8 } from '../base/bytes.ts'
import {
  type PeerId,
  type RequestHandler,
  type RequestLimits,
  REQUESTS_PER_PEER_MAX,
} from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import {
  busy,
  closed,
  failureToText,
  malformed,
  notAuthorised,
  tooLarge,
  unknownProtocol,
} from './failures.ts'
import type { FlowMeter } from './flow-meter.ts'
import { FrameReader } from './frame-reader.ts'
import { REQUEST_BYTES_PER_PEER_MAX, UNTAKEN_BYTES_MAX } from './limits.ts'
import { Outbox } from './outbox.ts'
import type { Pipe } from './pipe.ts'
import type { Refusals } from './refusals.ts'
import {
  decodeRequestFrame,
  encodeRequestFrame,
  FRAME_OVERHEAD_BYTES,
  type RequestFrame,
} from './request-frames.ts'

export interface RequestServerOptions {
  readonly self: PeerId
  readonly bodyBytesMax: number
  /** Requests of one peer in progress at once. @default REQUESTS_PER_PEER_MAX */
  readonly requestsPerPeerMax?: number
  readonly refusals: Refusals
  readonly mayServe: (peer: PeerId, protocol: string) => boolean
  readonly flow: FlowMeter
}

interface Service {
  readonly handler: RequestHandler
  readonly limits: RequestLimits
}

/** What one peer has in progress here, over all its streams. */
interface Load {
  count: number
  bytes: number
  readonly byProtocol: Map<string, number>
}

/** A pipe on which a peer asks. */
interface Desk {
  readonly from: PeerId
  readonly pipe: Pipe
  readonly outbox: Outbox
  readonly working: Map<number, AbortController>
}

/**
 * The answering side of requests. Whoever may not ask, asks for what nobody serves, or for too much
 * at once, is told so; whoever breaks the rules of the frames, or does not take its answers, loses
 * the stream.
 */
export class RequestServer {
  readonly #options: RequestServerOptions
  readonly #services = new Map<string, Service>()
  readonly #loads = new Map<PeerId, Load>()

  constructor(options: RequestServerOptions) {
    this.#options = options
  }

  serve(protocol: string, handler: RequestHandler, limits: RequestLimits = {}): void {
    this.#services.set(protocol, { handler, limits })
  }

  /** A peer opened a pipe to ask on. */
  accept(from: PeerId, pipe: Pipe): void {
    const desk: Desk = { from, pipe, outbox: new Outbox(pipe), working: new Map() }
    const reader = new FrameReader(this.#options.bodyBytesMax + FRAME_OVERHEAD_BYTES, frame =>
      this.#receive(desk, frame),
    )
    pipe.onBytes(chunk => {
      try {
        reader.push(chunk)
      } catch (error) {
        if (!(error instanceof HoldfastError)) throw error
        this.#options.refusals.refuse('malformed', from, `request: ${error.message}`)
        pipe.abort(error)
      }
    })
    const end = (): void => {
      for (const controller of desk.working.values()) controller.abort(closed('the connection'))
      desk.working.clear()
      pipe.close()
    }
    pipe.onEnd(end)
    pipe.onClose(end)
  }

  #receive(desk: Desk, bytes: Uint8Array): void {
    const frame = decodeRequestFrame(bytes)
    switch (frame.kind) {
      case 'request':
        this.#begin(desk, frame)
        return
      case 'cancel':
        desk.working.get(frame.id)?.abort(closed('the request'))
        desk.working.delete(frame.id)
        return
      case 'answer':
      case 'failure':
        throw malformed('request: kind')
    }
  }

  #begin(desk: Desk, frame: RequestFrame & { kind: 'request' }): void {
    const { id, protocol, body } = frame
    this.#options.flow.receivedBytes += body.length
    if (desk.working.has(id)) throw malformed('request: its id is in use')
    const service = this.#services.get(protocol)
    const refusal = this.#refusal(desk.from, protocol, body.length, service)
    if (refusal !== undefined || service === undefined) {
      this.#reply(desk, { kind: 'failure', id, body: this.#failure(refusal) })
      return
    }
    void this.#work(desk, frame, service)
  }

  #refusal(
    from: PeerId,
    protocol: string,
    size: number,
    service: Service | undefined,
  ): HoldfastError | undefined {
    const { self, refusals, mayServe, requestsPerPeerMax = REQUESTS_PER_PEER_MAX } = this.#options
    if (!mayServe(from, protocol)) {
      refusals.refuse('not-authorised', from, `request ${protocol}`)
      return notAuthorised(self, protocol)
    }
    if (service === undefined) return unknownProtocol(self, protocol)
    const { bodyBytesMax = Infinity, concurrentMax = Infinity } = service.limits
    if (size > bodyBytesMax) return tooLarge(`request ${protocol}`, size, bodyBytesMax)
    const load = this.#loads.get(from)
    if (load === undefined) return undefined
    if (load.count >= requestsPerPeerMax) return this.#tooMany(from, 'requests', requestsPerPeerMax)
    if ((load.byProtocol.get(protocol) ?? 0) >= concurrentMax) {
      return this.#tooMany(from, `requests ${protocol}`, concurrentMax)
    }
    if (load.bytes + size > REQUEST_BYTES_PER_PEER_MAX) {
      return this.#tooMany(from, 'bytes of requests', REQUEST_BYTES_PER_PEER_MAX)
    }
    return undefined
  }

  #tooMany(from: PeerId, what: string, limit: number): HoldfastError {
    this.#options.refusals.refuse('too-many', from, what)
    return busy(what, limit)
  }

  async #work(
    desk: Desk,
    { id, protocol, body }: RequestFrame & { kind: 'request' },
    { handler }: Service,
  ): Promise<void> {
    const controller = new AbortController()
    desk.working.set(id, controller)
    const leave = this.#enter(desk.from, protocol, body.length)
    const reply = await this.#handle(desk.from, handler, body.slice(), controller.signal)
    leave()
    if (desk.working.get(id) !== controller) return
    desk.working.delete(id)
    this.#reply(desk, { ...reply, id })
  }

  async #handle(
    from: PeerId,
    handler: RequestHandler,
    body: Uint8Array,
    signal: AbortSignal,
  ): Promise<{ kind: 'answer' | 'failure'; body: Uint8Array }> {
    try {
      const answer = await handler(from, body, signal)
      const { bodyBytesMax } = this.#options
      if (answer.length > bodyBytesMax) throw tooLarge('answer', answer.length, bodyBytesMax)
      return { kind: 'answer', body: answer }
    } catch (error) {
      return { kind: 'failure', body: this.#failure(error) }
    }
  }

  #failure(error: unknown): Uint8Array {
    return fromUtf8(failureToText(error, this.#options.self))
  }

  /** Counts a request; returns how to count it off again. */
  #enter(from: PeerId, protocol: string, size: number): () => void {
    const load = this.#loads.get(from) ?? { count: 0, bytes: 0, byProtocol: new Map() }
    this.#loads.set(from, load)
    load.count++
    load.bytes += size
    load.byProtocol.set(protocol, (load.byProtocol.get(protocol) ?? 0) + 1)
    return () => {
      load.count--
      load.bytes -= size
      load.byProtocol.set(protocol, (load.byProtocol.get(protocol) ?? 1) - 1)
      if (load.count === 0) this.#loads.delete(from)
    }
  }

  #reply(desk: Desk, frame: RequestFrame & { kind: 'answer' | 'failure' }): void {
    const { from, pipe, outbox } = desk
    if (pipe.isOver) return
    this.#options.flow.sentBytes += frame.body.length
    outbox.push(encodeRequestFrame(frame))
    if (outbox.waitingBytes <= UNTAKEN_BYTES_MAX) return
    this.#options.refusals.refuse('slow-reader', from, `${outbox.waitingBytes} bytes of answers`)
    pipe.abort(closed('a stream whose answers are not taken'))
  }
}
