import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'

import { HoldfastError } from '../../src/base/errors.ts'
import { startGateway } from '../../src/gateway/gateway.ts'
import { findAccess } from '../../src/gateway/local-access.ts'
import { silentLog } from '../../src/node/log.ts'
import { rejectsWith } from '../support/expect.ts'
import { ask, sharedGateway, withGateway } from '../support/gateway-scene.ts'

const shared = sharedGateway()

test('a gateway serves status and peers to who has the token', async () => {
  const { node, ask: get, bearer } = shared()
  const { status, body } = await get('/api/v1/status', { headers: bearer })
  assert.equal(status, 200)
  assert.equal((JSON.parse(body) as { peer: string }).peer, node.status().peer)
  const peers = await get('/api/v1/peers', { headers: bearer })
  assert.equal((JSON.parse(peers.body) as unknown[]).length, 1)
})

test('anybody may ask whether a peer is well', () =>
  withGateway(async ({ node, ask: get }) => {
    assert.equal((await get('/healthz')).status, 200)
    const { status, body } = await get('/readyz')
    assert.deepEqual([status, body], [200, '{"status":"running"}\n'])
    await node.stop()
    assert.equal((await get('/healthz')).status, 200)
    assert.equal((await get('/readyz')).status, 503)
  }))

test('an invite can be made over HTTP', async () => {
  const { ask: post, bearer } = shared()
  const headers = { ...bearer, 'content-type': 'application/json' }
  const body = JSON.stringify({ role: 'storage', uses: 3, expiresInMs: 60_000, zone: 'z' })
  const answer = await post('/api/v1/invites', { method: 'POST', headers, body })
  assert.equal(answer.status, 201)
  assert.match((JSON.parse(answer.body) as { token: string }).token, /^hf1/)
})

const json = { 'content-type': 'application/json' }
for (const [what, path, options, status] of [
  ['no token', '/api/v1/status', { headers: { authorization: '' } }, 401],
  ['a wrong token', '/api/v1/status', { headers: { authorization: 'Bearer wrong' } }, 401],
  ['a token of another kind', '/api/v1/status', { headers: { authorization: 'Basic eDp5' } }, 401],
  ['a foreign name', '/api/v1/status', { headers: { host: 'evil.example' } }, 403],
  ['a foreign name, even for health', '/healthz', { headers: { host: 'evil.example:4800' } }, 403],
  ['an unknown path', '/api/v1/nothing', {}, 404],
  ['a path that leads out', '/api/v1/../../etc/passwd', {}, 404],
  ['a path every object has', '/__proto__', {}, 404],
  ['another method', '/api/v1/status', { method: 'DELETE' }, 405],
  ['a GET of what is posted', '/api/v1/invites', {}, 405],
  ['a body that is not JSON', '/api/v1/invites', { method: 'POST', headers: json, body: '{' }, 400],
  [
    'a body that is no object',
    '/api/v1/invites',
    { method: 'POST', headers: json, body: '[]' },
    400,
  ],
  [
    'a form from a web page',
    '/api/v1/invites',
    { method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' },
    415,
  ],
  [
    'an unknown field',
    '/api/v1/invites',
    { method: 'POST', headers: json, body: '{"rule":"full"}' },
    400,
  ],
  [
    'an impossible role',
    '/api/v1/invites',
    { method: 'POST', headers: json, body: '{"role":"root"}' },
    400,
  ],
  ['no uses', '/api/v1/invites', { method: 'POST', headers: json, body: '{"uses":0}' }, 400],
  ['a ban of nobody', '/api/v1/bans', { method: 'POST', headers: json, body: '{}' }, 400],
  [
    'a ban of a stranger',
    '/api/v1/bans',
    { method: 'POST', headers: json, body: '{"peer":"x"}' },
    404,
  ],
  [
    'a body without end',
    '/api/v1/invites',
    { method: 'POST', headers: json, body: 'x'.repeat(300_000) },
    413,
  ],
] as const)
  test(`${what} is answered with ${status}`, async () => {
    const { ask: send, bearer } = shared()
    const { headers, ...rest } = options as { headers?: Record<string, string> }
    const answer = await send(path, { ...rest, headers: { ...bearer, ...headers } })
    assert.equal(answer.status, status, answer.body)
    assert.ok('error' in (JSON.parse(answer.body) as object))
    assert.equal((await send('/healthz')).status, 200)
  })

test('the token is for its owner alone, stays, and is refused when others can read it', () =>
  withGateway(async ({ directory, gateway, node }) => {
    const path = join(directory, 'api-token')
    if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o777, 0o600)
    const before = readFileSync(path, 'utf8')
    await gateway.stop()
    const options = { node, dataDirectory: directory, log: silentLog, port: 0, mayMove: false }
    const again = await startGateway(options)
    assert.equal(readFileSync(path, 'utf8'), before)
    await again.stop()
    await rejectsWith('NOT_RUNNING', findAccess(directory))
    if (process.platform === 'win32') return
    chmodSync(path, 0o644)
    await rejectsWith('FILE_FORBIDDEN', startGateway(options))
  }))

test('a token that a crash left empty or short lets nobody in, and is made anew', () =>
  withGateway(async ({ directory, gateway, node }) => {
    await gateway.stop()
    const path = join(directory, 'api-token')
    for (const broken of ['', 'short\n']) {
      writeFileSync(path, broken)
      const options = { node, dataDirectory: directory, log: silentLog, port: 0, mayMove: false }
      const again = await startGateway(options)
      for (const headers of [{}, { authorization: `Bearer ${broken.trim()}` }])
        assert.equal((await ask(again.url, '/api/v1/peers', { headers })).status, 401)
      assert.equal(readFileSync(path, 'utf8').trim().length, 32)
      await again.stop()
    }
  }))

test('the token is not shown to whoever listens where a dead peer did', () =>
  withGateway(async ({ directory, gateway }) => {
    const path = join(directory, 'gateway.json')
    const { pid } = spawnSync(process.execPath, ['--version'])
    writeFileSync(path, JSON.stringify({ url: gateway.url, pid }))
    await rejectsWith('NOT_RUNNING', findAccess(directory))
    writeFileSync(path, '{"url":')
    await rejectsWith('NOT_RUNNING', findAccess(directory))
  }))

test(
  'a file that cannot be read is not taken for a peer that does not run',
  { skip: process.platform === 'win32' },
  () =>
    withGateway(async ({ directory }) => {
      const path = join(directory, 'api-token')
      renameSync(path, `${path}.real`)
      symlinkSync(`${path}.real`, path)
      await rejectsWith('FILE_FORBIDDEN', findAccess(directory))
    }),
)

test('a port in use is an error, or moves the gateway on', () =>
  withGateway(async ({ node, directory }) => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => void other.once('listening', resolve))
    const { port } = other.address() as AddressInfo
    const options = { node, dataDirectory: directory, log: silentLog, port }
    await assert.rejects(startGateway({ ...options, mayMove: false }), (error: unknown) => {
      assert.ok(error instanceof HoldfastError && error.code === 'ADDRESS_IN_USE')
      return true
    })
    const moved = await startGateway({ ...options, mayMove: true })
    assert.notEqual(new URL(moved.url).port, String(port))
    await moved.stop()
    other.close()
  }))
