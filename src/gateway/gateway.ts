import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { HoldfastError } from '../base/errors.ts'
import type { HoldfastNode } from '../node/create-node.ts'
import type { Log } from '../node/log.ts'
import { operations } from './api.ts'
import { checkHost, checkToken } from './guard.ts'
import { describeError, HttpError } from './http-error.ts'
import { jsonBody } from './json-body.ts'
import { announce, openToken } from './local-access.ts'

/** Slow headers and silent sockets are cut after this. */
const HEADERS_MS = 10_000
const CHECK_MS = 2000
const CONNECTIONS_MAX = 1024
/** How many ports after the wanted one are tried. */
const PORTS_TRIED_MAX = 200
/** How long answers under way may take when it stops. */
const CLOSE_MS = 1000

export interface GatewayOptions {
  readonly node: HoldfastNode
  /** Where the token is kept and the address announced. */
  readonly dataDirectory: string
  /** @default 127.0.0.1 */
  readonly host?: string
  /** 0 takes any free one. */
  readonly port: number
  /** Whether the next free port will do if this one is taken. */
  readonly mayMove: boolean
  readonly log: Log
}

export interface Gateway {
  /** Where it listens, e.g. `http://127.0.0.1:4800`. */
  readonly url: string
  /** Answers what was asked, for a moment, and then nothing more. */
  stop(): Promise<void>
}

/**
 * Serves a peer over HTTP: its JSON API, and whether it is well.
 * @throws {HoldfastError} `ADDRESS_IN_USE`, `FILE_FORBIDDEN`
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const { dataDirectory, host = '127.0.0.1' } = options
  const token = await openToken(dataDirectory)
  const server = createServer(
    { headersTimeout: HEADERS_MS, requestTimeout: 0, connectionsCheckingInterval: CHECK_MS },
    (request, response) => void serve(options, token, request, response),
  )
  server.maxConnections = CONNECTIONS_MAX
  await listen(server, host, options)
  const { address, family, port } = server.address() as AddressInfo
  const url = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
  const withdraw = await announce(dataDirectory, url)
  return {
    url,
    async stop() {
      await withdraw()
      await close(server)
    },
  }
}

async function serve(
  { node, log }: GatewayOptions,
  token: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    request.socket.setNoDelay(true)
    const { status, body } = await answer(node, token, request)
    send(response, status, body)
  } catch (error) {
    const { status, body } = describeError(error)
    if (status === 500)
      log.error('request failed', { path: pathOf(request), reason: String(error) })
    // What was not read of the body must not be taken for the next request.
    response.setHeader('connection', 'close')
    send(response, status, body)
  }
}

async function answer(
  node: HoldfastNode,
  token: string,
  request: IncomingMessage,
): Promise<{ readonly status: number; readonly body: unknown }> {
  checkHost(request)
  const operation = operations.get(pathOf(request))
  if (operation?.isPublic !== true) checkToken(request, token)
  if (operation === undefined) throw new HttpError(404, 'There is nothing at this path')
  if (request.method !== operation.method)
    throw new HttpError(405, `This path answers ${operation.method} only`)
  return operation.run(node, operation.method === 'POST' ? await jsonBody(request) : {})
}

/** The raw path: what a URL parser makes of `..` and `//` is nobody's intention here. */
const pathOf = ({ url = '' }: IncomingMessage): string => url.split('?', 1)[0] as string

function send(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  })
  response.end(`${JSON.stringify(body)}\n`)
}

async function listen(
  server: Server,
  host: string,
  { port, mayMove, log }: GatewayOptions,
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

function listens(server: Server, host: string, port: number): Promise<boolean> {
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

function close(server: Server): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS)
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
