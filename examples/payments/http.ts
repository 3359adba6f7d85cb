import type { IncomingMessage, ServerResponse } from 'node:http'

/** What is asked, and a way to answer it. */
export interface Call {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** Of the path, decoded. */
  readonly parts: readonly string[]
  readonly query: URLSearchParams
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal
}

/** A request that cannot be done as it is. */
export class Refused extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, message: string = code) {
    super(message)
    this.status = status
    this.code = code
  }
}

const BODY_BYTES_MAX = 1_048_576

export function callOf(request: IncomingMessage, response: ServerResponse): Call {
  const { pathname, searchParams: query } = new URL(request.url ?? '/', 'http://server')
  const gone = new AbortController()
  response.once('close', () => gone.abort(new Error('the client has gone')))
  const parts = pathname.split('/').slice(1).map(decoded)
  return { request, response, parts, query, signal: gone.signal }
}

export function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(`${JSON.stringify(body)}\n`)
}

/** @throws {Refused} for what is no JSON object, or too much */
export async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > BODY_BYTES_MAX) throw new Refused(413, 'TOO_LARGE')
    chunks.push(chunk)
  }
  try {
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as unknown
    if (typeof body === 'object' && body !== null) return body as Record<string, unknown>
  } catch {
    // Said below.
  }
  throw new Refused(400, 'MALFORMED', 'the body is a JSON object')
}

/** A natural number from a query. */
export function numberIn(query: URLSearchParams, name: string, otherwise: number): number {
  const text = query.get(name)
  const value = text === null ? otherwise : Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new Refused(400, 'MALFORMED', `${name} is a natural number`)
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new Refused(400, 'MALFORMED', 'a path is percent-encoded UTF-8')
  }
}
