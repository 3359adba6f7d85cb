import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { LinkView } from '../../src/gateway/console/views/objects.ts'
import { findAccess } from '../../src/gateway/local-access.ts'
import { ask, type Told } from '../support/gateway-scene.ts'
import { s3Suite } from '../support/s3-suite.ts'

s3Suite('links to objects', town => {
  const send = async (body: object): Promise<Told> => {
    const { url, token } = await findAccess(town.scene.directory)
    return ask(url, '/api/v1/links', {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  }
  const link = async (body: object): Promise<LinkView> => {
    const told = await send(body)
    assert.equal(told.status, 201, told.body)
    return JSON.parse(told.body) as LinkView
  }
  /** What somebody gets who has nothing but the link. */
  const follow = (url: string, method = 'GET'): Promise<Told> => {
    const { origin } = new URL(url)
    return ask(origin, url.slice(origin.length), { method, headers: { host: new URL(url).host } })
  }

  const key = "a b/../ü+&=%2F<img onerror='x'>.txt"
  const put = async (): Promise<void> => {
    const { store } = town.scene
    await store.createBucket('shared').catch(() => undefined)
    await store.put({ bucket: 'shared', key }, new TextEncoder().encode('hello'))
  }

  test('whoever has a link reads the object, and nothing else', async () => {
    await put()
    const { url, expiresAt } = await link({ bucket: 'shared', key, expiresInMs: 60_000 })
    assert.ok(Math.abs(Date.parse(expiresAt) - Date.now() - 60_000) < 5_000)
    const told = await follow(url)
    assert.deepEqual([told.status, told.body], [200, 'hello'])
    // A browser that follows it runs nothing of what it gets as ours.
    assert.equal(told.headers['content-security-policy'], 'sandbox')
    for (const bad of [url.replace('.txt', '.txu'), url.replace('Expires=60', 'Expires=61')])
      assert.equal((await follow(bad)).status, 403, bad)
    assert.equal((await follow(url, 'DELETE')).status, 403)
  })

  test('a link to save says under which name, whatever that is', async () => {
    await put()
    const { url } = await link({ bucket: 'shared', key, isDownload: true })
    const told = await follow(url)
    assert.equal(told.status, 200)
    const disposition = String(told.headers['content-disposition'])
    assert.match(disposition, /^attachment; filename\*=UTF-8''[\w%.~-]+$/)
    const name = decodeURIComponent(disposition.split("''")[1] ?? '')
    assert.equal(name, key.split('/').at(-1))
  })

  test('all links are signed by one key, and end with it', async () => {
    await put()
    const { keys } = town.scene
    const links = [await link({ bucket: 'shared', key }), await link({ bucket: 'shared', key })]
    const signers = (await keys.list()).filter(({ name }) => name === 'shared links')
    assert.equal(signers.length, 1)
    await keys.revoke(signers[0]?.id ?? '')
    for (const { url } of links) assert.equal((await follow(url)).status, 403)
  })

  for (const [what, body, status] of [
    ['an object that is not there', { bucket: 'shared', key: 'none' }, 404],
    ['a bucket that is not there', { bucket: 'nowhere', key: 'x' }, 404],
    ['more than a week', { bucket: 'shared', key, expiresInMs: 604_800_001 }, 400],
    ['no time at all', { bucket: 'shared', key, expiresInMs: 0 }, 400],
    ['nothing', {}, 400],
    ['another field', { bucket: 'shared', key, rights: [] }, 400],
  ] as const)
    test(`a link for ${what} is answered with ${status}`, async () => {
      await put()
      assert.equal((await send(body)).status, status)
    })
})
