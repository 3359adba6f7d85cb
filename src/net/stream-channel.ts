import { concat } from '../base/bytes.ts'
import {
  type ByteStream,
  type PeerId,
  STREAM_WINDOW_BYTES,
  type Timers,
} from '../base/environment.ts'
import { type Carrier, CreditStream, feed } from './credit-stream.ts'
import { busy, closed, notAuthorised, unknownProtocol, unreachable } from './failures.ts'
import type { FlowMeter } from './flow-meter.ts'
import {
  LAST_WORDS_MS,
  LONG_LINE_MS,
  LONG_LINE_WINDOW_BYTES,
  STREAMS_PER_PEER_MAX,
} from './limits.ts'
import type { Links } from './links.ts'
import type { Pipe } from './pipe.ts'
import type { Refusals } from './refusals.ts'
import { StreamFrameReader } from './stream-frames.ts'

export type StreamHandler = (from: PeerId, stream: ByteStream) => void

/** Who serves which stream protocol to whom, however the streams are carried. */
export class StreamServices {
  readonly #self: PeerId
  readonly #refusals: Refusals
  readonly #mayServe: (peer: PeerId, protocol: string) => boolean
  readonly #handlers = new Map<string, StreamHandler>()
  readonly #counts = new Map<PeerId, number>()

  constructor(options: {
    self: PeerId
    refusals: Refusals
    mayServe: (peer: PeerId, protocol: string) => boolean
  }) {
    this.#self = options.self
    this.#refusals = options.refusals
    this.#mayServe = options.mayServe
  }

  serve(protocol: string, handler: StreamHandler): void {
    this.#handlers.set(protocol, handler)
  }

  /** Answers a stream that a peer wants to open; returns how to count it off again. */
  answer(from: PeerId, stream: CreditStream, protocol: string): () => void {
    const handler = this.#handlers.get(protocol)
    const count = this.#counts.get(from) ?? 0
    if (!this.#mayServe(from, protocol)) {
      this.#refusals.refuse('not-authorised', from, `stream ${protocol}`)
      stream.abort(notAuthorised(this.#self, protocol))
    } else if (handler === undefined) {
      stream.abort(unknownProtocol(this.#self, protocol))
    } else if (count >= STREAMS_PER_PEER_MAX) {
      this.#refusals.refuse('too-many', from, `streams ${protocol}`)
      stream.abort(busy('streams', STREAMS_PER_PEER_MAX))
    } else {
      this.#counts.set(from, count + 1)
      stream.accept()
      handler(from, stream)
      return () => this.#countOff(from)
    }
    return nothing
  }

  #countOff(from: PeerId): void {
    const count = (this.#counts.get(from) ?? 1) - 1
    if (count === 0) this.#counts.delete(from)
    else this.#counts.set(from, count)
  }
}

export interface StreamChannelOptions {
  readonly links: Links
  readonly protocol: string
  readonly services: StreamServices
  readonly timers: Timers
  readonly refusals: Refusals
}

/** Streams, each on a pipe of its own: small ones, and bulk to peers that the lane does not reach. */
export class StreamChannel {
  readonly flow: FlowMeter
  readonly #options: StreamChannelOptions

  constructor(options: StreamChannelOptions, flow: FlowMeter) {
    this.#options = options
    this.flow = flow
  }

  async open(to: PeerId, protocol: string, signal?: AbortSignal): Promise<ByteStream> {
    const carrying = await this.#options.links.open(to, this.#options.protocol, signal)
    const stream = this.#carry(to, carrying, undefined)
    const abort = (): void => stream.abort(signal?.reason as Error)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      await stream.open(protocol)
      return stream
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  /** A peer opened a stream to us. */
  accept(from: PeerId, carrying: Pipe): void {
    let countOff = nothing
    const stream = this.#carry(from, carrying, protocol => {
      countOff = this.#options.services.answer(from, stream, protocol)
    })
    carrying.onClose(() => countOff())
  }

  #carry(
    peer: PeerId,
    carrying: Pipe,
    onOpen: ((protocol: string) => void) | undefined,
  ): CreditStream {
    const { timers, refusals } = this.#options
    const stream = new CreditStream({
      peer,
      carrier: new PipeCarrier(carrying, this.flow, timers),
      windowBytes: windowBytes(this.#options.links.rttMs(peer)),
      timers,
      refusals,
      ...(onOpen === undefined ? {} : { onOpen }),
    })
    const reader = new StreamFrameReader(frame => stream.take(frame))
    carrying.onBytes(chunk => {
      this.flow.receivedBytes += chunk.length
      feed(reader, chunk, stream)
    })
    carrying.onClose(() => stream.lost(unreachable(peer)))
    return stream
  }
}

/**
 * A small window keeps other messages on the connection fast; over a long line it would make the
 * stream slow.
 */
const windowBytes = (rttMs: number | undefined): number =>
  (rttMs ?? 0) > LONG_LINE_MS ? LONG_LINE_WINDOW_BYTES : STREAM_WINDOW_BYTES

class PipeCarrier implements Carrier {
  readonly #pipe: Pipe
  readonly #flow: FlowMeter
  readonly #timers: Timers

  constructor(pipe: Pipe, flow: FlowMeter, timers: Timers) {
    this.#pipe = pipe
    this.#flow = flow
    this.#timers = timers
  }

  send(header: Uint8Array<ArrayBuffer>, payload?: Uint8Array): void {
    if (!this.#pipe.isWritable) return
    this.#flow.sentBytes += header.length + (payload?.length ?? 0)
    // Small ones in one piece, for each send is a frame of the muxer.
    if (payload === undefined || payload.length > 4_096) {
      this.#pipe.send(header)
      // The first may have been one too many.
      if (payload !== undefined && this.#pipe.isWritable) this.#pipe.send(payload)
    } else this.#pipe.send(concat([header, payload]))
  }

  done(): void {
    this.#pipe.close()
  }

  /** Closing lets the reason out first; what still comes in after a while is cut off. */
  breakOff(error: Error): void {
    if (this.#pipe.isOver) return
    const timer = this.#timers.after(LAST_WORDS_MS, () => {
      this.#pipe.abort(closed('the stream', error))
    })
    this.#pipe.onClose(() => timer.cancel())
    this.done()
  }
}

const nothing = (): void => undefined
