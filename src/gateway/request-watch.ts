import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

import type { Metrics } from '../base/metrics.ts'
import {
  type Face,
  firstByteSeconds,
  requestErrors,
  requestSeconds,
  requestsInFlight,
} from './gateway-metrics.ts'

/** A name that a client or a proxy gave its request; others would not be safe in logs. */
const GIVEN_ID = /^[\w.:+/=@-]{1,128}$/
const ID_BYTES = 8

/** One request and what became of it, for metrics and the access log. */
export interface Exchange {
  readonly requestId: string
  /** Which part of the gateway it is for; set by whoever finds out. */
  face: Face
  /** Who asks, as far as it was proven; never a secret. */
  who: string | undefined
  /** The code of the error that it is answered with. */
  code: string | undefined
}

/** An exchange that is over. */
export interface Ended {
  readonly exchange: Exchange
  readonly request: IncomingMessage
  /** 0 if there was no answer. */
  readonly status: number
  /** The answer went out to its end. */
  readonly isWhole: boolean
  readonly tookMs: number
  /** On the connection since the exchange before; headers included. */
  readonly receivedBytes: number
  readonly sentBytes: number
}

/** Knows every request that is not answered yet, and tells how they end. */
export class RequestWatch {
  readonly #metrics: Metrics
  readonly #onEnded: (ended: Ended) => void
  /** How much had moved on a connection when its last exchange ended. */
  readonly #marks = new WeakMap<Socket, { readonly read: number; readonly written: number }>()
  #inFlight = 0

  constructor(metrics: Metrics, onEnded: (ended: Ended) => void) {
    this.#metrics = metrics
    this.#onEnded = onEnded
    metrics.read(requestsInFlight, () => this.#inFlight)
  }

  begin(request: IncomingMessage, response: ServerResponse): Exchange {
    const startMs = performance.now()
    const exchange: Exchange = {
      requestId: idOf(request),
      face: 'api',
      who: undefined,
      code: undefined,
    }
    this.#inFlight++
    response.setHeader('x-request-id', exchange.requestId)
    let headersMs: number | undefined
    const writeHead = response.writeHead.bind(response) as (...given: unknown[]) => ServerResponse
    response.writeHead = (...given: unknown[]) => {
      headersMs ??= performance.now() - startMs
      return writeHead(...given)
    }
    response.once('close', () => {
      this.#inFlight--
      const tookMs = performance.now() - startMs
      this.#end({ exchange, request, response, tookMs, headersMs })
    })
    return exchange
  }

  #end({
    exchange,
    request,
    response,
    tookMs,
    headersMs,
  }: {
    readonly exchange: Exchange
    readonly request: IncomingMessage
    readonly response: ServerResponse
    readonly tookMs: number
    readonly headersMs: number | undefined
  }): void {
    const { face, code } = exchange
    const isWhole = response.writableFinished
    const status = isWhole ? `${Math.trunc(response.statusCode / 100)}xx` : 'broken'
    const method = request.method ?? 'other'
    this.#metrics.observe(requestSeconds, { face, method, status }, tookMs / 1_000)
    if (headersMs !== undefined)
      this.#metrics.observe(firstByteSeconds, { face }, headersMs / 1_000)
    if (code !== undefined) this.#metrics.add(requestErrors, { face, code })
    this.#onEnded({
      exchange,
      request,
      status: response.headersSent ? response.statusCode : 0,
      isWhole,
      tookMs,
      ...this.#moved(request.socket),
    })
  }

  #moved(socket: Socket): { readonly receivedBytes: number; readonly sentBytes: number } {
    const { bytesRead: read, bytesWritten: written } = socket
    const before = this.#marks.get(socket) ?? { read: 0, written: 0 }
    this.#marks.set(socket, { read, written })
    return { receivedBytes: read - before.read, sentBytes: written - before.written }
  }
}

function idOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id']
  if (typeof given === 'string' && GIVEN_ID.test(given)) return given
  return randomBytes(ID_BYTES).toString('hex').toUpperCase()
}
