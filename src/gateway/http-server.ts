/**
 * The connections of a gateway. One that does nothing costs a socket and nothing else, so there may
 * be many; when there are too many the one that has been idle longest gives way to the newest, so
 * that nobody who hoards connections shuts others out. A request in progress never gives way.
 *
 * - Headers have to be there within `HEADERS_MS`; who sends them byte by byte is cut.
 * - Descriptors are left over for files and for other peers.
 * - While it drains, answers say that the connection ends with them; when it closes, no idle one stays.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'

import { HoldfastError } from '../base/errors.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Log } from '../node/log.ts'
import { connections, connectionsCut, connectionsRefused, wireBytes } from './gateway-metrics.ts'
import { descriptorLimit } from './process-metrics.ts'
import type { Credentials } from './tls/credentials.ts'

const HEADERS_MS = 10_000
const HEADER_BYTES_MAX = 16_384
const HANDSHAKE_MS = 10_000
/** How long a client may keep a connection for its next request. */
const KEEP_ALIVE_MS = 60_000
const CHECK_MS = 1_000
const CONNECTIONS_MAX = 8_192
const CONNECTIONS_MIN = 64
/** Descriptors for what is not a connection of the gateway. */
const RESERVED_DESCRIPTORS = 256
/** How many ports after the wanted one are tried. */
const PORTS_TRIED_MAX = 200

export type Answering = (request: IncomingMessage, response: ServerResponse) => void

export interface HttpServerOptions {
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  /** Whether the next free port will do if this one is taken. */
  readonly mayMove: boolean
  /** Undefined for plain HTTP. */
  readonly credentials: Credentials | undefined
  readonly answer: Answering
  readonly metrics: Metrics
  readonly log: Log
  /** @default as many as descriptors allow */
  readonly connectionsMax?: number | undefined
}

export class HttpServer {
  readonly #options: HttpServerOptions
  readonly #server: Server | SecureServer
  readonly #max: number
  readonly #sockets = new Set<Socket>()
  /** Those without a request, idle for longest first. */
  readonly #idle = new Set<Socket>()
  /** What is below those of TLS, from before their handshake on. */
  readonly #handshaking = new Set<Socket>()
  /** Of requests in progress. */
  readonly #responses = new Set<ServerResponse>()
  /** Of connections that are gone. */
  readonly #moved = { received: 0, sent: 0 }
  #isDraining = false

  /** @throws {HoldfastError} `ADDRESS_IN_USE` */
  static async open(options: HttpServerOptions): Promise<HttpServer> {
    const server = new HttpServer(options)
    await listen(server.#server, options)
    return server
  }

  private constructor(options: HttpServerOptions) {
    this.#options = options
    this.#max = options.connectionsMax ?? connectionsAllowed(descriptorLimit())
    const settings = {
      headersTimeout: HEADERS_MS,
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_MS,
      maxHeaderSize: HEADER_BYTES_MAX,
      noDelay: true,
    }
    const { credentials } = options
    this.#server =
      credentials === undefined
        ? createServer(settings)
        : createSecureServer({
            ...settings,
            ...credentials.current,
            minVersion: 'TLSv1.2',
            handshakeTimeout: HANDSHAKE_MS,
          })
    this.#listen()
    this.#count(options.metrics)
  }

  /** Where it listens, e.g. `http://127.0.0.1:4800`. */
  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo
    const scheme = this.#options.credentials === undefined ? 'http' : 'https'
    return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /** From now on every answer is the last one on its connection. */
  drain(): void {
    this.#isDraining = true
    for (const response of this.#responses) sayClose(response)
  }

  /** Takes no more connections; waits for answers under way, then cuts them. */
  close(withinMs: number): Promise<void> {
    this.drain()
    for (const socket of this.#idle) socket.destroy()
    return new Promise(resolve => {
      const timer = setTimeout(() => this.#cutAll(), withinMs)
      this.#server.close(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  #cutAll(): void {
    for (const socket of [...this.#sockets, ...this.#handshaking]) socket.destroy()
  }

  #listen(): void {
    const { credentials, metrics, log } = this.#options
    const answer: Answering = (request, response) => this.#answer(request, response)
    const server = this.#server
    server.on('request', answer)
    // Who expects to be asked for the body is, once it is wanted; other expectations are nothing.
    server.on('checkContinue', answer).on('checkExpectation', answer)
    server.on('clientError', (error, socket) => this.#refuse(error, socket))
    if (credentials === undefined) {
      server.on('connection', (socket: Socket) => this.#enter(socket))
      return
    }
    server.maxConnections = 2 * this.#max
    server.on('connection', (socket: Socket) => {
      this.#handshaking.add(socket)
      socket.once('close', () => this.#handshaking.delete(socket))
    })
    server.on('secureConnection', (socket: Socket) => this.#enter(socket))
    server.on('tlsClientError', (error: Error, socket: Socket) => {
      metrics.add(connectionsRefused, { reason: 'handshake' })
      log.debug('gateway handshake failed', { reason: error.message })
      socket.destroy()
    })
    credentials.onChange(current => (server as SecureServer).setSecureContext(current))
  }

  #count(metrics: Metrics): void {
    metrics.read(connections, () => this.#sockets.size)
    metrics.read(wireBytes, () => {
      const sockets = [...this.#sockets]
      const sum = (of: (socket: Socket) => number): number =>
        sockets.reduce((all, socket) => all + of(socket), 0)
      return [
        [{ direction: 'received' }, this.#moved.received + sum(each => each.bytesRead)],
        [{ direction: 'sent' }, this.#moved.sent + sum(each => each.bytesWritten)],
      ]
    })
  }

  #enter(socket: Socket): void {
    this.#sockets.add(socket)
    this.#idle.add(socket)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.#idle.delete(socket)
      this.#moved.received += socket.bytesRead
      this.#moved.sent += socket.bytesWritten
    })
    if (this.#sockets.size <= this.#max) return
    this.#options.metrics.add(connectionsRefused, { reason: 'too many' })
    const [oldest = socket] = this.#idle
    // No longer counted, though its end is told a moment later.
    this.#sockets.delete(oldest)
    this.#idle.delete(oldest)
    oldest.destroy()
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    this.#idle.delete(socket)
    this.#responses.add(response)
    if (this.#isDraining) sayClose(response)
    response.once('close', () => {
      this.#responses.delete(response)
      if (socket.destroyed || !this.#sockets.has(socket)) return
      if (this.#isDraining) socket.end()
      else this.#idle.add(socket)
    })
    this.#options.answer(request, response)
  }

  /** What is no HTTP, or too slow, or too long. */
  #refuse(error: NodeJS.ErrnoException, socket: Duplex): void {
    const { code = '' } = error
    const status = refusals[code] ?? '400 Bad Request'
    const reason = code === SLOW ? 'slow headers' : 'not http'
    if (code !== 'ECONNRESET') this.#options.metrics.add(connectionsCut, { reason })
    const isSilent = code === 'ECONNRESET' || !socket.writable
    if (isSilent) socket.destroy()
    else socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
    // Whoever does not take the answer is not waited for.
    if (!isSilent) setTimeout(() => socket.destroy(), CHECK_MS).unref()
  }
}

function sayClose(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close')
}

const SLOW = 'ERR_HTTP_REQUEST_TIMEOUT'
const refusals: Readonly<Record<string, string>> = {
  [SLOW]: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
}

/** Half of what is not reserved: the other half is for other peers. */
function connectionsAllowed(descriptors: number = Number.POSITIVE_INFINITY): number {
  const half = Math.floor((descriptors - RESERVED_DESCRIPTORS) / 2)
  return Math.min(CONNECTIONS_MAX, Math.max(CONNECTIONS_MIN, half))
}

async function listen(
  server: Server | SecureServer,
  { host, port, mayMove, log }: HttpServerOptions,
): Promise<void> {
  const last = mayMove && port !== 0 ? port + PORTS_TRIED_MAX - 1 : port
  for (let attempt = port; attempt <= last; attempt++) {
    if (await listens(server, host, attempt)) {
      if (attempt !== port) log.warn('gateway port in use, moved', { wanted: port, port: attempt })
      return
    }
  }
  const address = `${host}:${port}`
  throw new HoldfastError(`Cannot serve at ${address}: something else does`, {
    code: 'ADDRESS_IN_USE',
    address,
  })
}

function listens(server: Server | SecureServer, host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      server.off('listening', listening)
      if (error.code === 'EADDRINUSE') resolve(false)
      else reject(error)
    }
    const listening = (): void => {
      server.off('error', failed)
      resolve(true)
    }
    server.once('error', failed).once('listening', listening)
    server.listen({ host, port, exclusive: true })
  })
}
