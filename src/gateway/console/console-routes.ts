import { HttpError } from '../http-error.ts'
import { type Answer, type Call, param, type Route } from '../route.ts'
import { encodingFor, fileAt } from './files.ts'

const YEAR_SECONDS = 31_536_000

/**
 * What a page may do: load and ask from here, and nothing else; what is written into it runs nowhere.
 * Pictures and films may also be bytes that the page has itself.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "media-src 'self' blob:",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const pageHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': policy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/** The console's own files. They hold no secrets: who reaches the port may load them. */
export const consoleRoutes: readonly Route[] = [
  { method: 'GET', path: '/', isPublic: true, run: toConsole },
  { method: 'HEAD', path: '/', isPublic: true, run: toConsole },
  { method: 'GET', path: '/console', isPublic: true, run: toConsole },
  { method: 'HEAD', path: '/console', isPublic: true, run: toConsole },
  { method: 'GET', path: '/console/*path', isPublic: true, run: file },
  { method: 'HEAD', path: '/console/*path', isPublic: true, run: file },
]

async function toConsole({ response }: Call): Promise<undefined> {
  response.writeHead(302, { ...pageHeaders, location: '/console/', 'content-length': 0 }).end()
  return undefined
}

async function file(call: Call): Promise<Answer | undefined> {
  const { request, response } = call
  const files = await call.consoleFiles()
  if (files.size === 0) throw notBuilt()
  const found = fileAt(files, param(call, 'path'))
  if (found === undefined) throw new HttpError(404, 'The console has no such file')
  const encoding = encodingFor(found, request.headers['accept-encoding']?.toString())
  const etag = `"${found.etag}-${encoding}"`
  const shared = {
    ...pageHeaders,
    etag,
    vary: 'accept-encoding',
    'cache-control': found.isHashed ? `public, max-age=${YEAR_SECONDS}, immutable` : 'no-cache',
  }
  if (request.headers['if-none-match']?.split(',').some(each => each.trim() === etag) === true) {
    response.writeHead(304, shared).end()
    return undefined
  }
  const body = found.bodies.get(encoding) as Uint8Array
  response.writeHead(200, {
    ...shared,
    'content-type': found.type,
    'content-length': body.length,
    ...(encoding !== 'identity' && { 'content-encoding': encoding }),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
  return undefined
}

const notBuilt = (): HttpError =>
  new HttpError(404, 'The console is not built here: `npm run build` makes it')
