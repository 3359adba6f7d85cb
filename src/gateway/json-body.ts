import { bodyOf } from './body.ts'
import { type Fields, isObject } from './fields.ts'
import { HttpError } from './http-error.ts'
import type { Call } from './route.ts'

/** The largest body of an API request: two values of the map as base64, and some room. */
const BODY_BYTES_MAX = 262_144

/**
 * The JSON object in the body of a request; empty if there is no body.
 * @throws {HttpError} 400, 413, 415
 */
export async function jsonBody(call: Call, bytesMax: number = BODY_BYTES_MAX): Promise<Fields> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of bodyOf(call)) {
    size += chunk.length
    if (size > bytesMax) throw new HttpError(413, `A body has at most ${bytesMax} bytes`)
    chunks.push(chunk)
  }
  if (size === 0) return {}
  // A form on a web page cannot send this type without being asked about it first.
  if (!/^application\/json\b/.test(call.request.headers['content-type'] ?? ''))
    throw new HttpError(415, 'A body is application/json')
  return parsed(Buffer.concat(chunks).toString('utf8'))
}

function parsed(text: string): Fields {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new HttpError(400, 'The body is not JSON')
  }
  if (isObject(value)) return value
  throw new HttpError(400, 'The body is not a JSON object')
}
