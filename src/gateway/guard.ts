import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { TLSSocket } from 'node:tls'

import { isSame } from './console/secrets.ts'
import type { Session, Sessions } from './console/sessions.ts'
import { HttpError } from './http-error.ts'

/**
 * Who may ask. A program shows the token; a browser has the cookie of a session, which its page
 * cannot read, and everything that a browser may be tricked into is refused:
 *
 * - a name that is not ours: a web page may have its own name point here (`checkHost`);
 * - a request that another page has made, by what the browser says of its origin (`checkOrigin`);
 * - a change without the session's second secret, which only our page knows (`checkSession`).
 */
const CSRF_HEADER = 'x-holdfast-csrf'
const SAFE = ['GET', 'HEAD']

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
 * Asks for the bearer token, or for a session; resolves to that.
 * @throws {HttpError} 401, 403
 */
export function checkAccess(
  request: IncomingMessage,
  access: { readonly token: string; readonly sessions: Sessions },
): Session | undefined {
  const { authorization } = request.headers
  if (authorization === undefined) return checkSession(request, access.sessions)
  const [, given = ''] = /^Bearer ([\w-]+)$/.exec(authorization) ?? []
  if (isSame(given, access.token)) return undefined
  throw new HttpError(401, 'This needs the token in api-token, as a bearer')
}

/** @throws {HttpError} 401, 403 */
function checkSession(request: IncomingMessage, sessions: Sessions): Session {
  const cookie = cookieOf(request)
  const session = cookie === undefined ? undefined : sessions.find(cookie)
  if (session === undefined)
    throw new HttpError(401, 'This needs the token in api-token, as a bearer, or a session')
  checkOrigin(request)
  if (SAFE.includes(request.method ?? '')) return session
  const given = request.headers[CSRF_HEADER]
  if (typeof given === 'string' && isSame(given, session.csrf)) return session
  throw new HttpError(403, `A change needs ${CSRF_HEADER}, which the session was told`)
}

/**
 * Refuses what the pages of others have made. Browsers say so in one header or the other, and pages
 * cannot change either; `same-site` is another port of this machine, which is not us.
 * @throws {HttpError} 403
 */
export function checkOrigin({ headers, method = '' }: IncomingMessage): void {
  const { origin } = headers
  const from = headers['sec-fetch-site']
  const isOurs = from === undefined || from === 'same-origin'
  if (SAFE.includes(method)) {
    if ((isOurs || from === 'none') && (origin === undefined || isOwn(origin, headers.host))) return
  } else if (isOurs && origin !== undefined && isOwn(origin, headers.host)) return
  throw new HttpError(403, 'Another page has asked for this')
}

/** By host and port: whether something before us speaks TLS is not to be seen here. */
function isOwn(origin: string, host = ''): boolean {
  const isReadable = URL.canParse(origin) && URL.canParse(`http://${host}`)
  return isReadable && new URL(origin).host === new URL(`http://${host}`).host
}

/** Peers of one machine differ by their ports alone, and cookies do not. */
export const cookieNameOf = ({ socket }: IncomingMessage): string =>
  `holdfast-${socket.localPort ?? 0}`

export function cookieOf(request: IncomingMessage): string | undefined {
  const name = `${cookieNameOf(request)}=`
  const cookies = (request.headers.cookie ?? '').split(';').map(each => each.trim())
  return cookies.find(each => each.startsWith(name))?.slice(name.length)
}

export const isEncrypted = ({ socket }: IncomingMessage): boolean => socket instanceof TLSSocket
