import type { IncomingMessage } from 'node:http'

import type { Session } from './console/sessions.ts'
import type { SessionView } from './console/views/session.ts'
import { onlyFields, optionalText } from './fields.ts'
import { checkOrigin, cookieNameOf, cookieOf, isEncrypted } from './guard.ts'
import { HttpError } from './http-error.ts'
import { jsonBody } from './json-body.ts'
import { type Answer, type Call, ok, type Route } from './route.ts'

const SESSION = '/api/v1/session'
const LOGIN_BYTES_MAX = 1_024

/** How browsers log in and out. Programs have the token and need none of it. */
export const sessionRoutes: readonly Route[] = [
  { method: 'GET', path: SESSION, run: async call => ok(viewOf(call, sessionOf(call))) },
  { method: 'POST', path: SESSION, isPublic: true, run: logIn },
  { method: 'DELETE', path: SESSION, run: logOut },
  { method: 'POST', path: '/api/v1/login-links', run: makeLink },
]

/** `code` of a one-time link, or `token`. */
async function logIn(call: Call): Promise<Answer> {
  const { request, access } = call
  // Before anything is counted: a page elsewhere must not be able to lock people out.
  checkOrigin(request)
  const from = request.socket.remoteAddress ?? ''
  const waitMs = access.attempts.waitMs(from)
  if (waitMs > 0) throw tooOften(waitMs)
  const body = await jsonBody(call, LOGIN_BYTES_MAX)
  onlyFields(body, ['code', 'token'])
  const code = optionalText(body, 'code')
  const token = optionalText(body, 'token')
  if ((code === undefined) === (token === undefined))
    throw new HttpError(400, 'Either code or token is needed')
  const isGood =
    code === undefined ? access.sessions.knows(token ?? '') : access.sessions.useLink(code)
  if (!isGood) {
    access.attempts.failed(from)
    throw new HttpError(401, code === undefined ? 'This is not the token' : linkIsOver)
  }
  const { cookie, session } = access.sessions.begin()
  const headers = { 'set-cookie': cookieText(request, cookie) }
  return { status: 201, headers, body: viewOf(call, session) }
}

const linkIsOver =
  'This link was used, or its hour is over: make another with `holdfast console`, or give the token'

async function logOut({ request, access }: Call): Promise<Answer> {
  const cookie = cookieOf(request)
  if (cookie !== undefined) access.sessions.leave(cookie)
  return {
    ...ok({ loggedOut: true }),
    headers: { 'set-cookie': `${cookieText(request, '')}; Max-Age=0` },
  }
}

/** For whoever has the token, or a session, and wants to go on in another browser. */
async function makeLink({ access }: Call): Promise<Answer> {
  return { status: 201, body: { url: access.loginLink() } }
}

function sessionOf({ session }: Call): Session {
  if (session !== undefined) return session
  throw new HttpError(404, 'Who has the token needs no session')
}

function viewOf({ node, access }: Call, session: Session): SessionView {
  const { peer, name, version, network, dataDirectory, isAuthority } = node.status()
  return {
    csrf: session.csrf,
    expiresAt: new Date(access.sessions.endOf(session)).toISOString(),
    peer,
    name,
    version,
    network,
    dataDirectory,
    isAuthority,
    program: access.words.program,
  }
}

function cookieText(request: IncomingMessage, value: string): string {
  const secure = isEncrypted(request) ? '; Secure' : ''
  return `${cookieNameOf(request)}=${value}; Path=/; HttpOnly; SameSite=Strict${secure}`
}

const tooOften = (waitMs: number): HttpError =>
  new HttpError(429, 'Too many logins have failed: wait a moment', {
    'retry-after': String(Math.ceil(waitMs / 1000)),
  })
