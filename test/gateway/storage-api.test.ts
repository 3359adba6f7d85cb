import assert from 'node:assert/strict'
import { test } from 'node:test'

import { type Asked, type Scene, withGateway } from '../support/gateway-scene.ts'

type Send = (method: string, path: string, body?: unknown) => Promise<[number, unknown]>

/** Sends and gets JSON. */
const scene = (name: string, story: (send: Send, scene: Scene) => Promise<void>): void =>
  void test(name, () =>
    withGateway(async given => {
      const send: Send = async (method, path, body) => {
        const asked: Asked = {
          method,
          headers: { ...given.bearer, 'content-type': 'application/json' },
          ...(body !== undefined && {
            body: typeof body === 'string' ? body : JSON.stringify(body),
          }),
        }
        const { status, body: text } = await given.ask(`/api/v1/${path}`, asked)
        return [status, JSON.parse(text)]
      }
      await story(send, given)
    }),
  )

const keysIn = (page: unknown): string[] =>
  (page as { objects: { key: string }[] }).objects.map(({ key }) => key)
const codeIn = (answer: unknown): string => (answer as { error: { code: string } }).error.code

scene('buckets are made, listed, changed, described and deleted', async send => {
  assert.deepEqual(await send('GET', 'buckets'), [200, []])
  const [status, made] = await send('PUT', 'buckets/sea', { versioning: 'enabled' })
  assert.equal(status, 201)
  await send('PUT', 'buckets/lake')
  const [, list] = await send('GET', 'buckets')
  assert.deepEqual(
    (list as { name: string }[]).map(({ name }) => name),
    ['lake', 'sea'],
  )
  assert.deepEqual((list as unknown[])[1], made)
  const [, changed] = await send('PATCH', 'buckets/sea', { versioning: 'suspended' })
  assert.equal((changed as { versioning: string }).versioning, 'suspended')
  assert.deepEqual(await send('GET', 'buckets/sea'), [200, changed])
  const [taken, reason] = await send('PUT', 'buckets/sea')
  assert.deepEqual([taken, codeIn(reason)], [409, 'BUCKET_EXISTS'])
  assert.deepEqual(await send('DELETE', 'buckets/sea'), [200, { deleted: 'sea' }])
  assert.equal((await send('GET', 'buckets/sea'))[0], 404)
})

scene('lists go page by page, and by prefix and delimiter', async (send, { node }) => {
  await node.createBucket('sea')
  for (const key of ['a', 'b/1', 'b/2', 'c'])
    await node.put({ bucket: 'sea', key }, new Uint8Array(1))
  const [, first] = await send('GET', 'buckets/sea/objects?limit=3')
  assert.deepEqual(keysIn(first), ['a', 'b/1', 'b/2'])
  const { next } = first as { next: string }
  const [, second] = await send('GET', `buckets/sea/objects?after=${encodeURIComponent(next)}`)
  assert.deepEqual(keysIn(second), ['c'])
  assert.equal((second as { next?: string }).next, undefined)
  const [, folder] = await send('GET', 'buckets/sea/objects?delimiter=/')
  assert.deepEqual((folder as { prefixes: string[] }).prefixes, ['b/'])
  const [, below] = await send('GET', 'buckets/sea/objects?prefix=b%2F')
  assert.deepEqual(keysIn(below), ['b/1', 'b/2'])
  const [, versions] = await send('GET', 'buckets/sea/versions')
  assert.equal((versions as { versions: unknown[] }).versions.length, 4)
  const [, usage] = await send('GET', 'buckets/sea/usage')
  assert.equal((usage as { objects: number }).objects, 4)
  for (const wrong of ['limit=0', 'limit=1001', 'limit=x', 'consistency=none', 'page=2'])
    assert.equal((await send('GET', `buckets/sea/objects?${wrong}`))[0], 400, wrong)
})

scene('an object is described, copied and deleted', async (send, { node }) => {
  await node.createBucket('sea')
  await node.put({ bucket: 'sea', key: 'a/b' }, new Uint8Array(3), {
    headers: { 'x-amz-meta-x': 'y' },
  })
  const [, info] = await send('GET', 'stat/sea/a%2Fb')
  assert.equal((info as { headers: Record<string, string> }).headers['x-amz-meta-x'], 'y')
  const copy = { from: { bucket: 'sea', key: 'a/b' }, to: { bucket: 'sea', key: 'c' } }
  assert.equal((await send('POST', 'copies', copy))[0], 201)
  const [refused] = await send('POST', 'copies', { ...copy, ifNoneMatch: '*' })
  assert.equal(refused, 412)
  assert.equal((await send('POST', 'copies', { from: copy.from }))[0], 400)
  assert.equal((await send('POST', 'copies', { ...copy, form: 1 }))[0], 400)
  const [, placed] = await send('GET', 'placement/sea/c')
  assert.equal((placed as { segments: unknown[] }).segments.length, 1)
  assert.equal((await send('DELETE', 'objects/sea/c'))[0], 200)
  assert.equal((await send('GET', 'stat/sea/c'))[0], 404)
})

scene('tags and locks of an object are changed', async (send, { node }) => {
  await node.createBucket('sea', { hasLock: true })
  await node.put({ bucket: 'sea', key: 'a/b' }, new Uint8Array(3))
  assert.equal((await send('PUT', 'tags/sea/a%2Fb', { tags: { colour: 'green' } }))[0], 200)
  const [, info] = await send('GET', 'stat/sea/a%2Fb')
  assert.deepEqual((info as { tags: object }).tags, { colour: 'green' })
  assert.equal((await send('PUT', 'locks/sea/a%2Fb', { hasLegalHold: true }))[0], 200)
  const [, locked] = await send('GET', 'stat/sea/a%2Fb')
  assert.equal((locked as { hasLegalHold: boolean }).hasLegalHold, true)
  const retention = { mode: 'governance', until: 'some day' }
  assert.equal((await send('PUT', 'locks/sea/a%2Fb', { retention }))[0], 400)
  assert.equal((await send('PUT', 'tags/sea/a%2Fb', { tags: { colour: 1 } }))[0], 400)
  assert.deepEqual(await send('GET', 'parts/sea/a%2Fb'), [200, { parts: [] }])
  const forOne = { retention: { mode: 'governance', forMs: 1000 } }
  assert.equal((await send('PATCH', 'buckets/sea', forOne))[0], 200)
  assert.equal((await send('PATCH', 'buckets/sea', { retention: { forMs: 1 } }))[0], 400)
})

scene('an upload in parts is begun, filled, looked at and completed', async (send, { node }) => {
  await node.createBucket('sea')
  const [status, begun] = await send('POST', 'uploads/sea/big', { headers: { expires: 'never' } })
  assert.equal(status, 201)
  const { upload } = begun as { upload: string }
  const parts: { part: number; etag: string }[] = []
  for (const [index, text] of ['one', 'two'].entries()) {
    const path = `uploads/sea/big?upload=${upload}&part=${index + 1}`
    const [, made] = await send('PUT', path, text)
    parts.push({ part: index + 1, etag: (made as { etag: string }).etag })
  }
  const [, found] = await send('GET', `uploads/sea/big?upload=${upload}`)
  assert.equal((found as { parts: unknown[] }).parts.length, 2)
  const [, open] = await send('GET', 'buckets/sea/uploads')
  assert.equal((open as { uploads: unknown[] }).uploads.length, 1)
  const wrong = { parts: [{ part: 1, etag: 'other' }] }
  const [refused, reason] = await send('POST', `uploads/sea/big?upload=${upload}`, wrong)
  assert.deepEqual([refused, codeIn(reason)], [400, 'INVALID_PART'])
  assert.equal((await send('POST', `uploads/sea/big?upload=${upload}`, { parts }))[0], 200)
  assert.equal((await node.head({ bucket: 'sea', key: 'big' })).sizeBytes, 6)
  const [gone] = await send('DELETE', `uploads/sea/big?upload=${upload}`)
  assert.equal(gone, 404)
  for (const part of ['0', '10001', 'x', ''])
    assert.equal((await send('PUT', `uploads/sea/big?upload=u&part=${part}`, 'x'))[0], 400)
})

scene('documents are kept with a bucket', async (send, { node, ask, bearer }) => {
  await node.createBucket('sea')
  assert.equal((await send('GET', 'buckets/sea/documents/cors'))[0], 404)
  assert.equal((await send('PUT', 'buckets/sea/documents/cors', '<x/>'))[0], 200)
  const path = '/api/v1/buckets/sea/documents/cors'
  assert.equal((await ask(path, { headers: bearer })).body, '<x/>')
  assert.equal((await send('PUT', 'buckets/sea/documents/cors', 'x'.repeat(65_537)))[0], 413)
  assert.equal((await send('DELETE', 'buckets/sea/documents/cors'))[0], 200)
  assert.equal((await ask(path, { headers: bearer })).status, 404)
})

scene('upkeep is watched and told what to do', async send => {
  const [, upkeep] = await send('GET', 'upkeep')
  assert.equal((upkeep as { waiting: number }).waiting, 0)
  assert.deepEqual(await send('GET', 'repairs?limit=5'), [200, []])
  assert.equal((await send('GET', 'repairs?limit=0'))[0], 400)
  assert.deepEqual(await send('POST', 'drains', { peer: 'b' }), [202, { draining: 'b' }])
  assert.deepEqual(await send('GET', 'drains'), [200, [{ peer: 'b', state: 'draining' }]])
  assert.deepEqual(await send('DELETE', 'drains/b'), [200, { undrained: 'b' }])
  assert.equal((await send('POST', 'drains', {}))[0], 400)
  assert.equal((await send('POST', 'rebalance', { dryRun: true }))[0], 200)
  assert.equal((await send('POST', 'rebalance', { dryRun: 'yes' }))[0], 400)
})
