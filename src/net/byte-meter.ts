import type { Connection, MessageStream, StreamMuxer, StreamMuxerFactory } from '@libp2p/interface'

/**
 * Counts what comes in on a connection, all of it: streams that are refused, pings and frames that
 * mean nothing take time to read as well. What comes before the handshake is done is bounded by the
 * size of its messages and by the time it may take.
 */
export class ByteMeter {
  #bytes = 0
  #watch: { readonly bytesMax: number; readonly exceeded: () => void } | undefined

  constructor(stream: MessageStream) {
    stream.addEventListener('message', ({ data }) => this.#count(data.byteLength))
  }

  /** Calls back, once, when more than so many bytes have come since the connection was made. */
  watch(bytesMax: number, exceeded: () => void): void {
    this.#watch = { bytesMax, exceeded }
    this.#count(0)
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    const watch = this.#watch
    if (watch === undefined || this.#bytes <= watch.bytesMax) return
    this.#watch = undefined
    watch.exceeded()
  }
}

const meters = new WeakMap<StreamMuxer, ByteMeter>()

/** A muxer whose connections are metered. */
export function metered<Components>(
  muxer: (components: Components) => StreamMuxerFactory,
): (components: Components) => StreamMuxerFactory {
  return components => {
    const factory = muxer(components)
    const make = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = stream => {
      const made = make(stream)
      // After the muxer, for whoever listens first gets what has come by then.
      meters.set(made, new ByteMeter(stream))
      return made
    }
    return factory
  }
}

/** Not part of the public type, so every update of libp2p must be tried against the tests. */
export const meterOf = (connection: Connection): ByteMeter | undefined =>
  meters.get((connection as unknown as { readonly muxer: StreamMuxer }).muxer)
