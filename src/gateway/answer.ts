import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'

import type { Answer } from './route.ts'

/** What every JSON answer says to a browser that came across it. */
const jsonHeaders = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
}

/** Sends all but the end of an answer whose length is known, so that it is read in any case. */
export function sendWhole(response: ServerResponse, { status, headers, body }: Answer): void {
  const text = `${JSON.stringify(body)}\n`
  response.writeHead(status, {
    ...jsonHeaders,
    ...headers,
    'content-length': Buffer.byteLength(text),
  })
  if (response.req.method !== 'HEAD') response.write(text)
}

/** Sends a JSON array as it comes. */
export async function sendStream(
  response: ServerResponse,
  { status, headers }: Answer,
  items: AsyncIterable<unknown>,
  signal: AbortSignal,
): Promise<void> {
  const texts = arrayText(items)
  // What fails before the first item is still an error with a status.
  const first = await texts.next()
  response.writeHead(status, { ...jsonHeaders, ...headers })
  await pipeline(prepended(first.value ?? '', texts), response, { signal })
}

async function* arrayText(items: AsyncIterable<unknown>): AsyncGenerator<string> {
  let opening = '['
  for await (const item of items) {
    yield `${opening}${JSON.stringify(item)}`
    opening = ',\n'
  }
  yield opening === '[' ? '[]\n' : ']\n'
}

async function* prepended(first: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield first
  yield* rest
}
