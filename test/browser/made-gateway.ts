import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

import { root } from '../support/checkout.ts'
import { type MadeNetwork, madeAnswers } from './made-answers.ts'

/**
 * Serves the console with made answers, for networks that are too large to be run here. It is no
 * gateway: it knows no rights and changes nothing. What the real one does is tested on real peers.
 */
export interface MadeGateway {
  readonly url: string
  /** Sends an event of the live feed to whoever listens. */
  tell(event: string, data: unknown): void
  stop(): Promise<void>
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

interface File {
  readonly type: string
  readonly body: Uint8Array
}

function readFiles(): ReadonlyMap<string, File> {
  const folder = join(root, 'dist', 'console')
  const files = readdirSync(folder).map(name => {
    const type = types[extname(name)] ?? 'application/octet-stream'
    return [name, { type, body: gzipSync(readFileSync(join(folder, name))) }] as const
  })
  return new Map(files)
}

export async function startMadeGateway(network: MadeNetwork): Promise<MadeGateway> {
  const answers = madeAnswers(network)
  const listeners = new Set<ServerResponse>()
  const files = readFiles()
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://made')
    const file = files.get(pathname.replace('/console/', '') || 'index.html')
    if (file !== undefined) return sendFile(file, response)
    if (pathname === '/api/v1/events') return listen(request, response, listeners)
    const answer = answers(pathname, searchParams)
    if (answer === undefined) return sendJson(response, 404, notFound)
    return sendJson(response, 200, answer)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    tell(event, data) {
      for (const listener of listeners)
        listener.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    },
    stop: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const notFound = { error: { code: 'NO_SUCH_PATH', message: 'There is nothing at this path' } }

function sendFile({ body, type }: File, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': type, 'content-encoding': 'gzip' })
  response.end(body)
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

function listen(
  request: IncomingMessage,
  response: ServerResponse,
  listeners: Set<ServerResponse>,
): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write('retry: 2000\n\n')
  listeners.add(response)
  request.on('close', () => listeners.delete(response))
}
