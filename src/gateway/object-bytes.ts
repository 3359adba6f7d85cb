import { Buffer } from 'node:buffer'
import { pipeline } from 'node:stream/promises'

import { codeOf, HoldfastError } from '../base/errors.ts'
import type {
  ObjectInfo,
  ObjectPlace,
  ObjectReading,
  PutOptions,
  ReadOptions,
} from '../node/store/store.ts'
import { bodyOf } from './body.ts'
import { readOptions } from './bucket-api.ts'
import { parseRange } from './byte-range.ts'
import { judgeRead, rangeHolds } from './conditions.ts'
import { optionalText, queryFields } from './fields.ts'
import { HttpError } from './http-error.ts'
import { placeOf, writeConditions } from './object-api.ts'
import { headersOf, storedIn } from './object-headers.ts'
import { type Answer, type Call, ok, type Route } from './route.ts'

/**
 * Objects as streams of bytes, both ways at the pace of the slower side. Nothing is kept of a body
 * but what the store works on, and what the socket holds.
 */
const OBJECT = '/api/v1/objects/:bucket/*key'
const KEY_HEADER = 'x-holdfast-encryption-key'
const KEY_BYTES = 32
/** How often a read begins anew because the object was replaced between look-up and read. */
const ATTEMPTS_MAX = 3

export const byteRoutes: readonly Route[] = [
  { method: 'GET', path: OBJECT, run: get },
  { method: 'HEAD', path: OBJECT, run: head },
  { method: 'PUT', path: OBJECT, run: put },
]

type Wanted = ReadOptions & {
  readonly version: string | undefined
  readonly encryptionKey: Uint8Array | undefined
}

function wantedOf(call: Call): Wanted {
  const query = queryFields(call.query, ['version', 'consistency'])
  return {
    ...readOptions(query, call),
    version: optionalText(query, 'version'),
    encryptionKey: keyOf(call),
  }
}

async function head(call: Call): Promise<Answer | undefined> {
  const info = await call.node.head(placeOf(call), wantedOf(call))
  if (isSettled(call, info)) return undefined
  call.response.writeHead(200, { ...headersOf(info), 'content-length': info.sizeBytes })
  call.response.end()
  return undefined
}

async function get(call: Call): Promise<Answer | undefined> {
  const reading = await open(call)
  const { body, from, to, sizeBytes } = reading
  if (isSettled(call, reading)) return undefined
  // Of nothing there is no first byte; the store would give all of it.
  if (sizeBytes === 0 && parseRange(call.request.headers.range) !== undefined)
    throw nothingAsked(reading)
  const isPart = call.request.headers.range !== undefined && to - from < sizeBytes
  call.response.writeHead(isPart ? 206 : 200, {
    ...headersOf(reading),
    'content-length': to - from,
    ...(isPart && { 'content-range': `bytes ${from}-${to - 1}/${sizeBytes}` }),
  })
  await pipeline(body, call.response, { signal: call.signal })
  return undefined
}

/** The bytes a request asks for. What is behind the end is left out; all of it is an error. */
async function open(call: Call): Promise<ObjectReading> {
  const { node, request } = call
  const place = placeOf(call)
  const wanted = wantedOf(call)
  const range = parseRange(request.headers.range)
  const ifRange = request.headers['if-range']?.toString()
  if (range === undefined) return node.get(place, wanted)
  if (range.type === 'from' && ifRange === undefined)
    return node.get(place, { ...wanted, from: range.from, to: range.to })
  // These depend on what is there, so look first, and then read just that.
  for (let attempt = 1; ; attempt++) {
    const info = await node.head(place, wanted)
    if (!rangeHolds(ifRange, info)) return node.get(place, wanted)
    const { from, to } =
      range.type === 'from'
        ? range
        : { from: Math.max(0, info.sizeBytes - range.count), to: undefined }
    if (range.type === 'last' && range.count === 0) throw nothingAsked(info)
    try {
      return await node.get(place, { ...wanted, from, to, ifMatch: info.etag })
    } catch (error) {
      if (codeOf(error) !== 'PRECONDITION_FAILED' || attempt === ATTEMPTS_MAX) throw error
    }
  }
}

/** Answers by what the request demands of the object, if that decides it. */
function isSettled({ request, response }: Call, info: ObjectInfo): boolean {
  const verdict = judgeRead(request.headers, info)
  if (verdict === 'failed')
    throw new HoldfastError('Cannot read the object: it is not as the request demands', {
      code: 'PRECONDITION_FAILED',
      condition: 'the headers of the request',
    })
  if (verdict === 'go on') return false
  const { etag, 'last-modified': modified } = headersOf(info)
  response.writeHead(304, { etag, 'last-modified': modified })
  response.end()
  return true
}

async function put(call: Call): Promise<Answer> {
  const { node, request, signal } = call
  const place = placeOf(call)
  queryFields(call.query, [])
  if (request.headers['content-range'] !== undefined)
    throw new HttpError(400, 'An object is written whole; large ones in parts, see uploads')
  const options: PutOptions = {
    ...writeConditions(call),
    headers: storedIn(request.headers),
    tags: tagsOf(call),
    ...bodyOptions(call),
    signal,
  }
  await mayBegin(call, place)
  return ok(await node.put(place, bodyOf(call), options))
}

/** Who waits to be asked for the bytes learns first what stands against it. */
async function mayBegin({ node, request, signal }: Call, { bucket }: ObjectPlace): Promise<void> {
  if (request.headers.expect === undefined) return
  await node.bucket(bucket, { signal })
}

/** What a body is said to be; of objects as of parts. */
export function bodyOptions(
  call: Call,
): Pick<PutOptions, 'sizeBytes' | 'encryptionKey' | 'settle'> {
  const { 'content-length': length, 'content-md5': md5 } = call.request.headers
  return {
    sizeBytes: length === undefined ? undefined : Number(length),
    encryptionKey: keyOf(call),
    settle: typeof md5 === 'string' ? facts => checkMd5(md5, facts.md5) : undefined,
  }
}

function checkMd5(said: string, found: string): object {
  if (Buffer.from(said, 'base64').toString('hex') === found) return {}
  throw new HttpError(400, `Content-MD5 is not that of the bytes, which is ${found}`)
}

function keyOf({ request }: Call): Uint8Array | undefined {
  const text = request.headers[KEY_HEADER]
  if (text === undefined) return undefined
  const key = Buffer.from(String(text), 'base64')
  if (key.length === KEY_BYTES) return new Uint8Array(key)
  throw new HttpError(400, `${KEY_HEADER} is ${KEY_BYTES} bytes as base64`)
}

/** `x-amz-tagging: project=sea&year=2026` */
function tagsOf({ request }: Call): Record<string, string> | undefined {
  const text = request.headers['x-amz-tagging']
  if (text === undefined) return undefined
  return Object.fromEntries(new URLSearchParams(String(text)))
}

const nothingAsked = ({ sizeBytes }: ObjectInfo): HttpError =>
  new HttpError(416, 'The range holds nothing', { 'content-range': `bytes */${sizeBytes}` })
