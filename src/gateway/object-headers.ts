import { Buffer } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'

import type { ObjectInfo } from '../node/store/store.ts'
import { HttpError } from './http-error.ts'

/** What is stored beside an object and comes back with it. */
const storedHeaders = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
]
const OWN = 'x-amz-meta-'
/** As S3 has it: names and values of all that begin with `x-amz-meta-`. */
const OWN_BYTES_MAX = 2048

/**
 * The headers of a request that are stored with its object.
 * @throws {HttpError} 400
 */
export function storedIn(headers: IncomingHttpHeaders): Record<string, string> {
  const found = Object.entries(headers).flatMap(([name, value]) =>
    typeof value === 'string' && (storedHeaders.includes(name) || name.startsWith(OWN))
      ? [[name, fromWire(value)] as const]
      : [],
  )
  const ownBytes = found
    .filter(([name]) => name.startsWith(OWN))
    .reduce((sum, [name, value]) => sum + name.length - OWN.length + Buffer.byteLength(value), 0)
  if (ownBytes > OWN_BYTES_MAX)
    throw new HttpError(400, `The ${OWN}… headers have at most ${OWN_BYTES_MAX} bytes together`)
  return Object.fromEntries(found)
}

/** What an object's answer tells of it. */
export function headersOf(info: ObjectInfo): Record<string, string> {
  const stored = Object.entries(info.headers).map(([name, value]) => [name, toWire(value)] as const)
  return {
    'content-type': 'application/octet-stream',
    ...Object.fromEntries(stored),
    etag: `"${info.etag}"`,
    'last-modified': info.modified.toUTCString(),
    'accept-ranges': 'bytes',
    'x-holdfast-version': info.version,
    ...(info.needsKey && { 'x-holdfast-needs-key': 'true' }),
    // Whoever wrote it may have meant harm: a browser shows it, but runs nothing of it as ours.
    'x-content-type-options': 'nosniff',
    'content-security-policy': "default-src 'none'; sandbox",
  }
}

/** Node reads headers as Latin-1; people write UTF-8. What is no UTF-8 stays as it came. */
export function fromWire(value: string): string {
  const bytes = Buffer.from(value, 'latin1')
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) ? text : value
}

/** The bytes that came in; what would end the header, an app may have stored it, is a blank. */
export const toWire = (value: string): string =>
  Buffer.from(value.replaceAll(/\p{Cc}/gu, ' '), 'utf8').toString('latin1')
