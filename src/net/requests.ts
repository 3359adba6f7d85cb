import {
  type OutgoingRequest,
  type PeerId,
  REQUEST_BYTES_MAX,
  type RequestHandler,
  type RequestLimits,
  type Timers,
} from '../base/environment.ts'
import { tooLarge } from './failures.ts'
import { FlowMeter } from './flow-meter.ts'
import type { Gate } from './gate.ts'
import { JOIN_BYTES_MAX, JOIN_REQUESTS_MAX } from './limits.ts'
import type { Links } from './links.ts'
import type { Pipe } from './pipe.ts'
import type { ProtocolNames } from './protocol-names.ts'
import type { Refusals } from './refusals.ts'
import { RequestCaller } from './request-caller.ts'
import { RequestServer } from './request-server.ts'

/** The request by which one host gets a ticket for the lane of another. */
export const LANE_PROTOCOL = 'lane.open'
/** The same for a wire. */
export const WIRE_PROTOCOL = 'wire.open'

export interface RequestsOptions {
  readonly links: Links
  readonly names: ProtocolNames
  readonly gate: Gate
  readonly timers: Timers
  readonly refusals: Refusals
  /** Request protocols that strangers may use. */
  readonly openProtocols: readonly string[]
}

type Door = 'request' | 'join'

/**
 * Requests, through one of two doors: that of members, and a narrow one at which strangers too are
 * answered. Which one a protocol uses both sides know alike.
 */
export class Requests {
  readonly flow: FlowMeter = new FlowMeter()
  readonly #openProtocols: ReadonlySet<string>
  readonly #callers: Record<Door, RequestCaller>
  readonly #servers: Record<Door, RequestServer>

  constructor(options: RequestsOptions) {
    this.#openProtocols = new Set(options.openProtocols)
    this.#callers = this.#createCallers(options)
    this.#servers = this.#createServers(options)
  }

  async request(to: PeerId, protocol: string, request: OutgoingRequest): Promise<Uint8Array> {
    const door = this.#doorOf(protocol)
    const limit = door === 'join' ? JOIN_BYTES_MAX : REQUEST_BYTES_MAX
    if (request.body.length > limit) throw tooLarge('request', request.body.length, limit)
    return this.#callers[door].request(to, protocol, request)
  }

  serve(protocol: string, handler: RequestHandler, limits?: RequestLimits): void {
    this.#servers[this.#doorOf(protocol)].serve(protocol, handler, limits)
  }

  /** There is a better way to this peer now: members' requests go there. */
  renew(peer: PeerId): void {
    this.#callers.request.renew(peer)
  }

  /** A peer opened a pipe to ask on. */
  accept(door: Door, from: PeerId, pipe: Pipe): void {
    this.#servers[door].accept(from, pipe)
  }

  #doorOf(protocol: string): Door {
    return this.#openProtocols.has(protocol) ? 'join' : 'request'
  }

  #createCallers({ links, names, timers, refusals }: RequestsOptions): Record<Door, RequestCaller> {
    const shared = { links, timers, refusals, flow: this.flow }
    const { request, join } = names
    return {
      request: new RequestCaller({ ...shared, protocol: request, bodyBytesMax: REQUEST_BYTES_MAX }),
      join: new RequestCaller({ ...shared, protocol: join, bodyBytesMax: JOIN_BYTES_MAX }),
    }
  }

  #createServers({ links, gate, refusals }: RequestsOptions): Record<Door, RequestServer> {
    const shared = { self: links.self, refusals, flow: this.flow }
    return {
      request: new RequestServer({
        ...shared,
        bodyBytesMax: REQUEST_BYTES_MAX,
        // Tickets are for streams, so who may open those may ask.
        mayServe: (peer, name) =>
          name === LANE_PROTOCOL || name === WIRE_PROTOCOL
            ? gate.mayServe(peer, 'stream')
            : gate.mayServe(peer, 'request', name),
      }),
      join: new RequestServer({
        ...shared,
        bodyBytesMax: JOIN_BYTES_MAX,
        requestsPerPeerMax: JOIN_REQUESTS_MAX,
        mayServe: (peer, name) => gate.mayServe(peer, 'join', name),
      }),
    }
  }
}
