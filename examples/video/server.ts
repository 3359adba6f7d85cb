/**
 * Videos out of a Holdfast network, of which this program is a peer: a page that lists what is there,
 * plays it with seeking, and shows which peers gave which bytes. Start it on several machines, or
 * several times on this one; every peer plays everything.
 *
 *     node server.ts                               the first one; prints its page and an invite
 *     JOIN=hf1… DATA=./other node server.ts        another one
 *
 *     GET  /videos                  what there is
 *     GET  /videos/<name>           the bytes, or a range of them
 *     GET  /videos/<name>/holders   which peers hold which fragments
 *     GET  /served                  which peers gave which ranges of late, at this peer
 *     POST /uploads                 {name}: begins an upload
 *     PUT  /uploads/<name>/<id>/<part>   one part, at least 5 MiB but for the last; several at once
 *     POST /uploads/<name>/<id>          {parts}: ends it
 *
 * The parts of an upload may go to different peers: a peer that takes one keeps some of it, so that
 * spreads the film, and with it who is asked for it, over all of them.
 */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'

import { createNode, HoldfastError, type UploadName } from 'holdfast'

const { NAME, DATA = './video-data', JOIN, PORT = '0', HOST = '127.0.0.1' } = process.env
const BUCKET = 'videos'
const TRIES_MAX = 100
const AGAIN_MS = 200
const BODY_BYTES_MAX = 1_048_576
const RANGES_MAX = 50

/** One answer, and who gave the bytes for it. */
interface ServedRange {
  readonly name: string
  readonly from: number
  readonly to: number
  readonly peers: Record<string, number>
}

const types: Record<string, string> = {
  'index.html': 'text/html; charset=utf-8',
  'app.js': 'text/javascript; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
}
const files = new Map(
  Object.keys(types).map(name => [name, readFileSync(join(import.meta.dirname, 'page', name))]),
)
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "media-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const ranges: ServedRange[] = []

const node = createNode({
  dataDirectory: DATA,
  ...(NAME !== undefined && { name: NAME }),
  join: JOIN,
  listen: [`/ip4/${HOST}/tcp/0`],
})
/** Whoever comes first makes it; a new network may need a moment until it can agree on that. */
async function makeBucket(): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await node.createBucket(BUCKET)
      return
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error
      if (error.code === 'BUCKET_EXISTS') return
      if (tries >= TRIES_MAX) throw error
      await new Promise(resolve => setTimeout(resolve, AGAIN_MS))
    }
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method, url = '/' } = request
  const [first = '', second, third = '', fourth] =
    url.split('?', 1)[0]?.slice(1).split('/').map(decoded) ?? []
  // When the browser seeks, it drops a request: then whatever was fetched for it ends too.
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const { signal } = gone

  if (method === 'GET' && first === 'videos' && second === undefined) return list(response, signal)
  if (method === 'GET' && first === 'videos' && third === 'holders') {
    return holders(second ?? '', response, signal)
  }
  if (method === 'GET' && first === 'videos') return play(second ?? '', request, response, signal)
  if (method === 'GET' && first === 'served') return json(response, 200, { ranges, names: names() })
  if (method === 'POST' && first === 'uploads' && second === undefined) {
    return begin(request, response, signal)
  }
  if (method === 'PUT' && first === 'uploads') {
    return takePart(uploadOf(second, third), Number(fourth), request, response, signal)
  }
  if (method === 'POST' && first === 'uploads') {
    return complete(uploadOf(second, third), request, response, signal)
  }
  const name = first === '' ? 'index.html' : first
  const file = files.get(name)
  if (method !== 'GET' || file === undefined) throw new Refused(404, 'NOT_FOUND')
  response.writeHead(200, {
    'content-type': types[name] ?? '',
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
  })
  response.end(file)
}

async function list(response: ServerResponse, signal: AbortSignal): Promise<void> {
  const videos: { name: string; sizeBytes: number }[] = []
  for await (const entry of node.list(BUCKET, { signal })) {
    if (entry.type === 'object') videos.push({ name: entry.key, sizeBytes: entry.sizeBytes })
  }
  json(response, 200, { videos })
}

async function play(
  name: string,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const [, start, end] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  const peers: Record<string, number> = {}
  const reading = await node.get(
    { bucket: BUCKET, key: name },
    {
      from: start === undefined ? undefined : Number(start),
      to: end === undefined || end === '' ? undefined : Number(end) + 1,
      signal,
      onServed: ({ peer, bytes }) => (peers[peer] = (peers[peer] ?? 0) + bytes),
    },
  )
  const { from, to, sizeBytes, etag, body } = reading
  ranges.push({ name, from, to, peers })
  if (ranges.length > RANGES_MAX) ranges.shift()
  response.writeHead(start === undefined ? 200 : 206, {
    'content-type': 'video/mp4',
    'content-length': to - from,
    'accept-ranges': 'bytes',
    etag: `"${etag}"`,
    // What strangers uploaded must not run as a part of this site.
    'content-security-policy': 'sandbox',
    'x-content-type-options': 'nosniff',
    ...(start !== undefined && { 'content-range': `bytes ${from}-${to - 1}/${sizeBytes}` }),
  })
  await pipeline(body, response, { signal })
}

async function holders(name: string, response: ServerResponse, signal: AbortSignal): Promise<void> {
  const { segments } = await node.placement({ bucket: BUCKET, key: name }, { signal })
  const shown = segments.map(({ segment, sizeBytes, k, m, fragments }) => ({
    segment,
    sizeBytes,
    k,
    m,
    fragments: fragments.map(({ index, kind, peer, state }) => ({ index, kind, peer, state })),
  }))
  json(response, 200, { segments: shown, names: names() })
}

async function begin(
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { name } = await bodyOf(request)
  if (typeof name !== 'string' || !/^[^/]{1,200}\.mp4$/.test(name)) {
    throw new Refused(400, 'MALFORMED', 'a video is called something.mp4')
  }
  const headers = { 'content-type': 'video/mp4' }
  const upload = await node.createUpload({ bucket: BUCKET, key: name }, { headers, signal })
  json(response, 201, { upload: upload.upload })
}

async function takePart(
  upload: UploadName,
  number: number,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { part, etag } = await node.putPart(upload, number, request, { signal })
  json(response, 200, { part, etag })
}

async function complete(
  upload: UploadName,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const { parts } = await bodyOf(request)
  if (!Array.isArray(parts)) throw new Refused(400, 'MALFORMED')
  const given = parts as { part: number; etag: string }[]
  const { sizeBytes } = await node.completeUpload(upload, given, { signal })
  json(response, 201, { sizeBytes })
}

const uploadOf = (key: string = '', upload: string): UploadName => ({ bucket: BUCKET, key, upload })

/** What people call the peers. */
function names(): Record<string, string> {
  return Object.fromEntries(node.peers().map(({ peer, name }) => [peer, name]))
}

class Refused extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string = code) {
    super(message)
    this.status = status
    this.code = code
  }
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > BODY_BYTES_MAX) throw new Refused(413, 'TOO_LARGE')
    chunks.push(chunk)
  }
  try {
    const body = JSON.parse(Buffer.concat(chunks).toString()) as unknown
    if (typeof body === 'object' && body !== null) return body as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw new Refused(400, 'MALFORMED', 'the body is a JSON object')
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new Refused(400, 'MALFORMED', 'a path is percent-encoded UTF-8')
  }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(`${JSON.stringify(body)}\n`)
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) return void response.destroy()
  if (error instanceof Refused) return json(response, error.status, { code: error.code })
  const code = error instanceof HoldfastError ? error.code : 'INTERNAL'
  const statuses: Record<string, number> = {
    NO_SUCH_KEY: 404,
    NO_SUCH_UPLOAD: 404,
    RANGE_UNSATISFIABLE: 416,
    TOO_FEW_PEERS: 503,
    NO_QUORUM: 503,
  }
  json(response, statuses[code] ?? 500, { code })
}

await node.start()
await makeBucket()
const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => refuse(response, error))
})
await new Promise<void>(resolve => server.listen(Number(PORT), HOST, resolve))
console.log(`http://${HOST}:${(server.address() as AddressInfo).port}`)
if (node.status().isAuthority) console.log(await node.invite({ uses: 10 }))

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    server.close()
    server.closeAllConnections()
    void node.stop()
  })
