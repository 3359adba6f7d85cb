import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

import { HttpError } from './http-error.ts'

/**
 * Refuses requests by a name that is not ours: a web page somewhere may have its own name point
 * here, and then speak to this peer through its visitor's browser. A number cannot be pointed.
 * @throws {HttpError} 403
 */
export function checkHost(request: IncomingMessage): void {
  const host = request.headers.host ?? ''
  const name = host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  if (name === 'localhost' || isIP(name) !== 0) return
  throw new HttpError(403, 'This peer does not go by that name')
}

/**
 * Asks for the bearer token. Hashes are compared, so that neither time nor length tells of it.
 * @throws {HttpError} 401
 */
export function checkToken(request: IncomingMessage, token: string): void {
  const [, given = ''] = /^Bearer ([\w-]+)$/.exec(request.headers.authorization ?? '') ?? []
  if (timingSafeEqual(digestOf(given), digestOf(token))) return
  throw new HttpError(401, 'This needs the token in api-token, as a bearer')
}

const digestOf = (text: string): Uint8Array => createHash('sha256').update(text).digest()
