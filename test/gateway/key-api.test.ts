import assert from 'node:assert/strict'
import { test } from 'node:test'

import { findAccess } from '../../src/gateway/local-access.ts'
import { ask } from '../support/gateway-scene.ts'
import { s3Suite } from '../support/s3-suite.ts'

interface Shown {
  readonly id: string
  readonly secret: string
  readonly name: string
}

s3Suite('access keys over HTTP', town => {
  const send = async (method: string, path: string, body?: object) => {
    const { url, token } = await findAccess(town.scene.directory)
    const told = await ask(url, path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: told.status, body: JSON.parse(told.body) as never }
  }
  const create = async (name: string): Promise<Shown> =>
    (await send('POST', '/api/v1/keys', { name, rights: [{ bucket: '*', allows: ['list'] }] })).body

  test('a key that is made signs, and its secret is shown that once', async () => {
    const key = await create('one')
    assert.equal((await town.scene.s3.as(key).ask('GET', '/')).status, 200)
    const { body } = await send('GET', '/api/v1/keys')
    const text = JSON.stringify(body)
    assert.ok(text.includes(key.id) && !text.includes(key.secret))
  })

  test('a rotation leaves both keys good, until the old one is revoked', async () => {
    const old = await create('two')
    const { status, body } = await send('POST', `/api/v1/keys/${old.id}/rotate`, {})
    const next: Shown = body
    assert.deepEqual([status, next.name], [201, 'two'])
    for (const key of [old, next])
      assert.equal((await town.scene.s3.as(key).ask('GET', '/')).status, 200)
    assert.equal((await send('DELETE', `/api/v1/keys/${old.id}`)).status, 200)
    assert.equal((await town.scene.s3.as(old).ask('GET', '/')).code, 'InvalidAccessKeyId')
    assert.equal((await town.scene.s3.as(next).ask('GET', '/')).status, 200)
  })

  test('what is no key cannot be rotated or revoked', async () => {
    assert.equal((await send('DELETE', '/api/v1/keys/HFNONE')).status, 404)
    assert.equal((await send('POST', '/api/v1/keys/HFNONE/rotate', {})).status, 404)
  })

  for (const body of [
    {},
    { rights: 'all' },
    { rights: [{ bucket: 'a', allows: ['fly'] }] },
    { rights: [], extra: 1 },
  ])
    test(`${JSON.stringify(body)} makes no key`, async () => {
      assert.equal((await send('POST', '/api/v1/keys', body)).status, 400)
    })

  test('only who has the token of the peer may make keys, and no access key is one', async () => {
    const { gateway, s3 } = town.scene
    assert.equal((await ask(gateway.url, '/api/v1/keys')).status, 401)
    assert.equal((await s3.ask('GET', '/api/v1/keys')).code, 'NoSuchBucket')
  })
})
