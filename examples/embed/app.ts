/**
 * A web application with storage of its own: what people upload goes into a Holdfast network, of
 * which the application is a peer. Start it on several machines and it is one store.
 *
 *     node app.ts                                  the first one; prints an invite
 *     JOIN=hf1… DATA=./other node app.ts           another one
 *
 *     curl -T photo.jpg localhost:3000/photo.jpg   store
 *     curl localhost:3000/photo.jpg                fetch, ranges too
 *     curl -X DELETE localhost:3000/photo.jpg      delete
 *     curl localhost:3000/                         list
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'

import { createNode, HoldfastError, type ObjectPlace } from 'holdfast'

const BUCKET = 'uploads'
const UPLOAD_BYTES_MAX = 10_000_000_000
const { DATA = './app-data', JOIN, LISTEN, PORT = '3000' } = process.env

const node = createNode({
  dataDirectory: DATA,
  join: JOIN,
  listen: LISTEN === undefined ? undefined : [LISTEN],
})
await node.start()
await makeBucket()

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => refuse(response, error))
})
server.listen(Number(PORT), '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  console.log(`http://127.0.0.1:${port}`)
})
if (node.status().isAuthority) console.log(await node.invite({ uses: 10 }))

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    server.close()
    server.closeAllConnections()
    void node.stop()
  })

/** Whoever comes first makes it; a new network may need a moment until it can agree on that. */
async function makeBucket(): Promise<void> {
  try {
    await node.createBucket(BUCKET)
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.code !== 'BUCKET_EXISTS') throw error
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '/' } = request
  const place = { bucket: BUCKET, key: decodeURIComponent(url.slice(1)) }
  // When the client goes away, so does everything that was done for it.
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const { signal } = gone

  if (method === 'GET' && place.key === '') return list(response, signal)
  if (method === 'GET') return fetchObject(place, request, response, signal)
  if (method === 'PUT') return store(place, request, response, signal)
  if (method === 'DELETE') {
    await node.delete(place, { signal })
    return void response.writeHead(204).end()
  }
  return void response.writeHead(405, { allow: 'GET, PUT, DELETE' }).end()
}

async function store(
  place: ObjectPlace,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { 'content-type': type = 'application/octet-stream', 'content-length': length } =
    request.headers
  if (Number(length ?? 0) > UPLOAD_BYTES_MAX) return void response.writeHead(413).end()
  const { etag, sizeBytes } = await node.put(place, request, {
    headers: { 'content-type': type },
    sizeBytes: length === undefined ? undefined : Number(length),
    signal,
  })
  response.writeHead(201, { etag: `"${etag}"`, 'content-type': 'application/json' })
  response.end(`${JSON.stringify({ key: place.key, sizeBytes })}\n`)
}

async function fetchObject(
  place: ObjectPlace,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  const reading = await node.get(place, {
    from: first === undefined ? undefined : Number(first),
    to: last === undefined || last === '' ? undefined : Number(last) + 1,
    signal,
  })
  const { headers, etag, from, to, sizeBytes, body } = reading
  response.writeHead(first === undefined ? 200 : 206, {
    'content-type': headers['content-type'] ?? 'application/octet-stream',
    'content-length': to - from,
    'accept-ranges': 'bytes',
    etag: `"${etag}"`,
    // What strangers uploaded must not run as a part of this site.
    'content-security-policy': 'sandbox',
    'x-content-type-options': 'nosniff',
    ...(first !== undefined && { 'content-range': `bytes ${from}-${to - 1}/${sizeBytes}` }),
  })
  await pipeline(body, response, { signal })
}

async function list(response: ServerResponse, signal: AbortSignal): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' })
  await pipeline(lines(signal), response, { signal })
}

async function* lines(signal: AbortSignal): AsyncGenerator<string> {
  for await (const entry of node.list(BUCKET, { signal }))
    if (entry.type === 'object') yield `${entry.sizeBytes}\t${entry.key}\n`
}

/** The codes of failures are there to be matched. */
function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  const code = error instanceof HoldfastError ? error.code : 'INTERNAL'
  const status = { NO_SUCH_KEY: 404, RANGE_UNSATISFIABLE: 416, TOO_FEW_PEERS: 503, NO_QUORUM: 503 }
  response.writeHead(Object.hasOwn(status, code) ? status[code as keyof typeof status] : 500, {
    'content-type': 'application/json',
    connection: 'close',
  })
  response.end(`${JSON.stringify({ code })}\n`)
}
