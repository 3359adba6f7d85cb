import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { type Call, Refused } from './http.ts'

const types: Record<string, string> = {
  'index.html': 'text/html; charset=utf-8',
  'app.js': 'text/javascript; charset=utf-8',
  'style.css': 'text/css; charset=utf-8',
}

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const files = new Map(
  Object.keys(types).map(name => [name, readFileSync(join(import.meta.dirname, 'page', name))]),
)

/** The live page and what belongs to it. */
export function sendPage({ request, response, parts }: Call): void {
  const name = parts[0] === '' ? 'index.html' : parts.join('/')
  const file = files.get(name)
  if (request.method !== 'GET' || file === undefined) throw new Refused(404, 'NOT_FOUND')
  response.writeHead(200, {
    'content-type': types[name] ?? 'application/octet-stream',
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  })
  response.end(file)
}
