import type { IncomingMessage } from 'node:http'

import { HttpError } from './http-error.ts'

/** The largest body of an API request: two values of the map as base64, and some room. */
const BODY_BYTES_MAX = 262_144
/** So much of a body that is too large is still read: who is cut off while it sends gets no answer. */
const DRAINED_BYTES_MAX = 1_048_576

/**
 * The JSON object in the body of a request; empty if there is no body.
 * @throws {HttpError} 400, 413, 415
 */
export async function jsonBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size <= BODY_BYTES_MAX) chunks.push(chunk)
    else if (size > DRAINED_BYTES_MAX) break
  }
  if (size > BODY_BYTES_MAX) throw new HttpError(413, `A body has at most ${BODY_BYTES_MAX} bytes`)
  if (size === 0) return {}
  // A form on a web page cannot send this type without being asked about it first.
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
    throw new HttpError(415, 'A body is application/json')
  return objectIn(Buffer.concat(chunks).toString('utf8'))
}

function objectIn(text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new HttpError(400, 'The body is not JSON')
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>
  throw new HttpError(400, 'The body is not a JSON object')
}
