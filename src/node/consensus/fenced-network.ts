import type {
  ByteStream,
  Network,
  OutgoingRequest,
  PeerId,
  RequestHandler,
  RequestLimits,
} from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'

export interface FencedNetworkOptions {
  readonly network: Network
  /** Empty before the first recovery. */
  readonly epoch: string
  /** Whether this peer may take part in agreement: full members may, storage members never. */
  readonly admits: (peer: PeerId) => boolean
}

/**
 * The network as replicas see it: only peers that may take part, and only those of this epoch. The
 * epoch is part of every name on the wire, so whoever is of another one finds nobody to talk to, not
 * even by what was under way.
 */
export class FencedNetwork implements Network {
  readonly self: PeerId
  readonly #network: Network
  readonly #admits: (peer: PeerId) => boolean
  /** How each handler is made known under the names of an epoch. */
  readonly #handlers: ((epoch: string) => void)[] = []
  #epoch: string

  constructor({ network, epoch, admits }: FencedNetworkOptions) {
    this.self = network.self
    this.#network = network
    this.#epoch = epoch
    this.#admits = admits
  }

  /** Belongs to a newer epoch from now on; never back to one before. */
  adopt(epoch: string): void {
    if (epoch <= this.#epoch) return
    this.#epoch = epoch
    for (const handle of this.#handlers) handle(epoch)
  }

  sendDatagram(to: PeerId, kind: string, bytes: Uint8Array): void {
    this.#network.sendDatagram(to, named(kind, this.#epoch), bytes)
  }

  onDatagram(kind: string, handler: (from: PeerId, bytes: Uint8Array) => void): void {
    this.#handle(epoch =>
      this.#network.onDatagram(named(kind, epoch), (from, bytes) => {
        if (this.#takes(from, epoch)) handler(from, bytes)
      }),
    )
  }

  request(to: PeerId, protocol: string, request: OutgoingRequest): Promise<Uint8Array> {
    return this.#network.request(to, named(protocol, this.#epoch), request)
  }

  onRequest(protocol: string, handler: RequestHandler, limits?: RequestLimits): void {
    this.#handle(epoch =>
      this.#network.onRequest(
        named(protocol, epoch),
        (from, body, signal) => {
          if (this.#takes(from, epoch)) return handler(from, body, signal)
          return Promise.reject(refused(from, protocol))
        },
        limits,
      ),
    )
  }

  openStream(to: PeerId, protocol: string, signal?: AbortSignal): Promise<ByteStream> {
    return this.#network.openStream(to, named(protocol, this.#epoch), signal)
  }

  onStream(protocol: string, handler: (from: PeerId, stream: ByteStream) => void): void {
    this.#handle(epoch =>
      this.#network.onStream(named(protocol, epoch), (from, stream) => {
        if (this.#takes(from, epoch)) handler(from, stream)
        else stream.abort(refused(from, protocol))
      }),
    )
  }

  connected(): readonly PeerId[] {
    return this.#network.connected()
  }

  onPeer(listener: (change: { peer: PeerId; state: 'up' | 'down' }) => void): void {
    this.#network.onPeer(listener)
  }

  #handle(handle: (epoch: string) => void): void {
    this.#handlers.push(handle)
    handle(this.#epoch)
  }

  #takes(from: PeerId, epoch: string): boolean {
    return epoch === this.#epoch && this.#admits(from)
  }
}

const named = (protocol: string, epoch: string): string =>
  epoch === '' ? protocol : `${protocol}/${epoch}`

function refused(peer: PeerId, protocol: string): HoldfastError {
  const details = { code: 'NOT_AUTHORISED', peer, protocol } as const
  return new HoldfastError(`Cannot serve ${protocol} to ${peer}: it takes no part in it`, details)
}
