import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import type { SessionView } from '../../../src/gateway/console/views/session.ts'
import { type Scene, sharedGateway, type Told } from '../../support/gateway-scene.ts'

const consoleDirectory = mkdtempSync(join(tmpdir(), 'holdfast-console-'))
writeFileSync(join(consoleDirectory, 'index.html'), '<!doctype html><title>Holdfast</title>')
writeFileSync(join(consoleDirectory, 'app-4KJ2WQXA.js'), '"use strict"')
const shared = sharedGateway({ consoleDirectory })

const SESSION = '/api/v1/session'
const json = { 'content-type': 'application/json' }

/** What a browser sends with what our own page asks for. */
const own = ({ gateway }: Scene): Record<string, string> => ({
  origin: gateway.url,
  'sec-fetch-site': 'same-origin',
})

const post = (
  scene: Scene,
  path: string,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Told> =>
  scene.ask(path, {
    method: 'POST',
    headers: { ...own(scene), ...json, ...headers },
    body: JSON.stringify(body),
  })

const codeIn = (link: string): string => /#login=([\w-]{32})$/.exec(link)?.[1] ?? ''

interface LoggedIn {
  readonly cookie: string
  readonly view: SessionView
}

async function logIn(scene: Scene): Promise<LoggedIn> {
  const answer = await post(scene, SESSION, { code: codeIn(scene.gateway.loginLink()) })
  assert.equal(answer.status, 201, answer.body)
  const [set = ''] = answer.headers['set-cookie'] ?? []
  const cookie = set.split(';', 1)[0] ?? ''
  return { cookie, view: JSON.parse(answer.body) as SessionView }
}

test('a link logs in once: a cookie that no page can read, and a secret for changes', async () => {
  const scene = shared()
  const link = scene.gateway.loginLink()
  assert.ok(link.startsWith(`${scene.gateway.url}/console/#`))
  const first = await post(scene, SESSION, { code: codeIn(link) })
  assert.equal(first.status, 201)
  const [cookie = ''] = first.headers['set-cookie'] ?? []
  const { port } = new URL(scene.gateway.url)
  assert.match(
    cookie,
    new RegExp(`^holdfast-${port}=[\\w-]{32}; Path=/; HttpOnly; SameSite=Strict$`),
  )
  const view = JSON.parse(first.body) as SessionView
  assert.equal(view.peer, scene.node.status().peer)
  assert.ok(Date.parse(view.expiresAt) > Date.now())
  const again = await post(scene, SESSION, { code: codeIn(link) })
  assert.equal(again.status, 401)
  assert.equal(again.headers['set-cookie'], undefined)
})

test('the token logs in as well, and makes links', async () => {
  const scene = shared()
  const token = scene.bearer['authorization']?.slice(7)
  assert.equal((await post(scene, SESSION, { token })).status, 201)
  const link = await scene.ask('/api/v1/login-links', { method: 'POST', headers: scene.bearer })
  const { url } = JSON.parse(link.body) as { url: string }
  assert.equal((await post(scene, SESSION, { code: codeIn(url) })).status, 201)
})

test('a session reads by its cookie, and changes with its secret, until it is left', async () => {
  const scene = shared()
  const { cookie, view } = await logIn(scene)
  const session = { ...own(scene), cookie }
  assert.equal((await scene.ask('/api/v1/status', { headers: session })).status, 200)
  const told = await scene.ask(SESSION, { headers: session })
  assert.equal((JSON.parse(told.body) as SessionView).csrf, view.csrf)
  const changing = { cookie, 'x-holdfast-csrf': view.csrf }
  assert.equal((await post(scene, '/api/v1/invites', {}, changing)).status, 201)
  const left = await scene.ask(SESSION, {
    method: 'DELETE',
    headers: { ...own(scene), ...changing },
  })
  assert.equal(left.status, 200)
  assert.match(left.headers['set-cookie']?.[0] ?? '', /=; .*Max-Age=0$/)
  assert.equal((await scene.ask('/api/v1/status', { headers: session })).status, 401)
})

test('a stream of events ends with its session', async () => {
  const scene = shared()
  const { cookie, view } = await logIn(scene)
  const stream = scene.ask('/api/v1/events', { headers: { ...own(scene), cookie } })
  await scene.ask('/api/v1/status', { headers: scene.bearer })
  const headers = { ...own(scene), cookie, 'x-holdfast-csrf': view.csrf }
  await scene.ask(SESSION, { method: 'DELETE', headers })
  assert.equal((await stream).status, 200)
})

/** What the page of somebody else can have a browser send, with our cookie if it has one. */
const hostile: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['without the secret', { 'x-holdfast-csrf': '' }],
  ['with a guessed secret', { 'x-holdfast-csrf': 'x'.repeat(32) }],
  ['from another origin', { origin: 'http://evil.example' }],
  ['from another port of this machine', { origin: 'http://127.0.0.1:1' }],
  ['from a sandbox', { origin: 'null' }],
  ['from an origin that is none', { origin: 'evil' }],
  ['from another site by what the browser says', { 'sec-fetch-site': 'cross-site' }],
  ['from another port by what the browser says', { 'sec-fetch-site': 'same-site' }],
  ['from an address bar', { 'sec-fetch-site': 'none' }],
]
for (const [what, headers] of hostile)
  test(`a change ${what} is refused`, async () => {
    const scene = shared()
    const { cookie, view } = await logIn(scene)
    const given = { cookie, 'x-holdfast-csrf': view.csrf, ...headers }
    const answer = await post(scene, '/api/v1/invites', {}, given)
    assert.equal(answer.status, 403, answer.body)
  })

test('a change whose browser says nothing of its origin is refused', async () => {
  const scene = shared()
  const { cookie, view } = await logIn(scene)
  const headers = { ...json, cookie, 'x-holdfast-csrf': view.csrf }
  const answer = await scene.ask('/api/v1/invites', { method: 'POST', headers, body: '{}' })
  assert.equal(answer.status, 403)
})

test('a Host that nobody can read is refused, whatever comes with it', async () => {
  const scene = shared()
  const { cookie, view } = await logIn(scene)
  const given = { cookie, 'x-holdfast-csrf': view.csrf, host: '127.0.0.1:99999' }
  assert.equal((await post(scene, '/api/v1/invites', {}, given)).status, 403)
})

test('the pages of others read nothing either', async () => {
  const scene = shared()
  const { cookie } = await logIn(scene)
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'http://evil.example' },
    { host: 'evil.example' },
  ]) {
    const answer = await scene.ask('/api/v1/peers', { headers: { cookie, ...headers } })
    assert.equal(answer.status, 403, JSON.stringify(headers))
  }
  assert.equal((await scene.ask('/api/v1/peers', { headers: { cookie } })).status, 200)
})

test('another page can neither log in here nor use up the attempts of those who do', async () => {
  const scene = shared()
  for (let count = 0; count < 20; count++) {
    const answer = await post(scene, SESSION, { token: 'x' }, { origin: 'http://evil.example' })
    assert.equal(answer.status, 403)
  }
  await logIn(scene)
})

test('a cookie of nobody, of another port, or without end lets nobody in', async () => {
  const scene = shared()
  const { cookie } = await logIn(scene)
  for (const bad of ['', 'holdfast-1=x', cookie.replace(/=.*/, '='), `${cookie}x`, cookie.slice(1)])
    assert.equal((await scene.ask('/api/v1/peers', { headers: { cookie: bad } })).status, 401, bad)
  const crowd = `${'a=b; '.repeat(1000)}${cookie}`
  assert.equal((await scene.ask('/api/v1/peers', { headers: { cookie: crowd } })).status, 200)
})

for (const [what, body, status] of [
  ['nothing', {}, 400],
  ['both', { code: 'x', token: 'x' }, 400],
  ['another field', { password: 'x' }, 400],
  ['a number', { code: 1 }, 400],
  ['very much', { token: 'x'.repeat(2000) }, 413],
] as const)
  test(`a login with ${what} is answered with ${status}`, async () => {
    assert.equal((await post(shared(), SESSION, body)).status, status)
  })

test('the console is served to everybody, and can do nothing to other pages nor they to it', async () => {
  const { ask } = shared()
  const page = await ask('/console/')
  assert.equal(page.status, 200)
  assert.match(page.body, /Holdfast/)
  const policy = String(page.headers['content-security-policy'])
  assert.match(policy, /default-src 'none'.*frame-ancestors 'none'/)
  assert.doesNotMatch(policy, /unsafe|\*|http/)
  assert.equal(page.headers['cache-control'], 'no-cache')
  const etag = String(page.headers['etag'])
  assert.equal((await ask('/console/', { headers: { 'if-none-match': etag } })).status, 304)
  const script = await ask('/console/app-4KJ2WQXA.js')
  assert.match(String(script.headers['cache-control']), /immutable/)
  assert.equal((await ask('/console/app-4KJ2WQXA.js', { method: 'HEAD' })).body, '')
})

for (const path of [
  '/console/../package.json',
  '/console/%2e%2e/package.json',
  '/console/..%2f..%2fetc%2fpasswd.txt',
  '/console//etc/hosts.txt',
  '/console/none.js',
])
  test(`there is no ${path}`, async () => {
    assert.equal((await shared().ask(path)).status, 404)
  })

test('browsers are led to the console', async () => {
  const { ask } = shared()
  for (const path of ['/', '/console']) {
    const answer = await ask(path, { headers: { accept: 'text/html,*/*' } })
    assert.deepEqual([answer.status, answer.headers['location']], [302, '/console/'])
  }
})

test('ten wrong logins are enough for a while', async () => {
  const scene = shared()
  const statuses: number[] = []
  for (let count = 0; count < 12; count++)
    statuses.push((await post(scene, SESSION, { token: `wrong ${count}` })).status)
  assert.equal(statuses.at(0), 401)
  assert.equal(statuses.at(-1), 429)
  const told = await post(scene, SESSION, { code: codeIn(scene.gateway.loginLink()) })
  assert.equal(told.status, 429)
  assert.match(String(told.headers['retry-after']), /^\d+$/)
})
