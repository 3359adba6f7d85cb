import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { RangeView } from '../../src/index.ts'
import { type Asked, type Scene as GatewayScene, sharedGateway } from '../support/gateway-scene.ts'

type Scene = GatewayScene & { readonly bucket: string }
type Send = (method: string, path: string, body?: unknown) => Promise<[number, unknown]>

const shared = sharedGateway()
let count = 0

/** Sends and gets JSON; `SEA` in paths and bodies stands for a bucket of its own. */
const scene = (name: string, story: (send: Send, scene: Scene) => Promise<void>): void =>
  void test(name, async () => {
    const given = shared()
    const bucket = `sea-${++count}`
    const send: Send = async (method, path, body) => {
      const text = typeof body === 'string' ? body : JSON.stringify(body)
      const asked: Asked = {
        method,
        headers: { ...given.bearer, 'content-type': 'application/json' },
        ...(body !== undefined && { body: text.replaceAll('SEA', bucket) }),
      }
      const answer = await given.ask(`/api/v1/${path.replaceAll('SEA', bucket)}`, asked)
      return [answer.status, JSON.parse(answer.body)]
    }
    await story(send, { ...given, bucket })
  })

const keysIn = (page: unknown): string[] =>
  (page as { objects: { key: string }[] }).objects.map(({ key }) => key)
const codeIn = (answer: unknown): string => (answer as { error: { code: string } }).error.code

scene('buckets are made, listed, changed, described and deleted', async (send, { bucket }) => {
  const [status, made] = await send('PUT', 'buckets/SEA', { versioning: 'enabled' })
  assert.equal(status, 201)
  await send('PUT', 'buckets/SEA-2')
  const [, list] = await send('GET', 'buckets')
  const all = list as { name: string }[]
  const names = all.map(({ name }) => name)
  assert.deepEqual(names, names.toSorted())
  assert.ok(names.includes(`${bucket}-2`))
  assert.deepEqual(all[names.indexOf(bucket)], made)
  const [, changed] = await send('PATCH', 'buckets/SEA', { versioning: 'suspended' })
  assert.equal((changed as { versioning: string }).versioning, 'suspended')
  assert.deepEqual(await send('GET', 'buckets/SEA'), [200, changed])
  const [taken, reason] = await send('PUT', 'buckets/SEA')
  assert.deepEqual([taken, codeIn(reason)], [409, 'BUCKET_EXISTS'])
  assert.deepEqual(await send('DELETE', 'buckets/SEA'), [200, { deleted: bucket }])
  assert.equal((await send('GET', 'buckets/SEA'))[0], 404)
})

scene('lists go page by page, and by prefix and delimiter', async (send, { bucket, node }) => {
  await node.createBucket(bucket)
  for (const key of ['a', 'b/1', 'b/2', 'c']) await node.put({ bucket, key }, new Uint8Array(1))
  const [, first] = await send('GET', 'buckets/SEA/objects?limit=3')
  assert.deepEqual(keysIn(first), ['a', 'b/1', 'b/2'])
  const { next } = first as { next: string }
  const [, second] = await send('GET', `buckets/SEA/objects?after=${encodeURIComponent(next)}`)
  assert.deepEqual(keysIn(second), ['c'])
  assert.equal((second as { next?: string }).next, undefined)
  const [, folder] = await send('GET', 'buckets/SEA/objects?delimiter=/')
  assert.deepEqual((folder as { prefixes: string[] }).prefixes, ['b/'])
  const [, below] = await send('GET', 'buckets/SEA/objects?prefix=b%2F')
  assert.deepEqual(keysIn(below), ['b/1', 'b/2'])
  const [, versions] = await send('GET', 'buckets/SEA/versions')
  assert.equal((versions as { versions: unknown[] }).versions.length, 4)
  const [, usage] = await send('GET', 'buckets/SEA/usage')
  assert.equal((usage as { objects: number }).objects, 4)
  for (const wrong of ['limit=0', 'limit=1001', 'limit=x', 'consistency=none', 'page=2'])
    assert.equal((await send('GET', `buckets/SEA/objects?${wrong}`))[0], 400, wrong)
})

scene('an object is described, copied and deleted', async (send, { bucket, node }) => {
  await node.createBucket(bucket)
  await node.put({ bucket, key: 'a/b' }, new Uint8Array(3), {
    headers: { 'x-amz-meta-x': 'y' },
  })
  const [, info] = await send('GET', 'stat/SEA/a%2Fb')
  assert.equal((info as { headers: Record<string, string> }).headers['x-amz-meta-x'], 'y')
  const copy = { from: { bucket, key: 'a/b' }, to: { bucket, key: 'c' } }
  assert.equal((await send('POST', 'copies', copy))[0], 201)
  const [refused] = await send('POST', 'copies', { ...copy, ifNoneMatch: '*' })
  assert.equal(refused, 412)
  assert.equal((await send('POST', 'copies', { from: copy.from }))[0], 400)
  assert.equal((await send('POST', 'copies', { ...copy, form: 1 }))[0], 400)
  const [, small] = await send('GET', 'placement/SEA/c')
  assert.equal((small as { isInline: boolean }).isInline, true)
  await node.put({ bucket, key: 'large' }, new Uint8Array(100_000))
  const [, placed] = await send('GET', 'placement/SEA/large')
  assert.equal((placed as { segments: unknown[] }).segments.length, 1)
  assert.equal((await send('DELETE', 'objects/SEA/c'))[0], 200)
  assert.equal((await send('GET', 'stat/SEA/c'))[0], 404)
})

scene('tags and locks of an object are changed', async (send, { bucket, node }) => {
  await node.createBucket(bucket, { hasLock: true })
  await node.put({ bucket, key: 'a/b' }, new Uint8Array(3))
  assert.equal((await send('PUT', 'tags/SEA/a%2Fb', { tags: { colour: 'green' } }))[0], 200)
  const [, info] = await send('GET', 'stat/SEA/a%2Fb')
  assert.deepEqual((info as { tags: object }).tags, { colour: 'green' })
  assert.equal((await send('PUT', 'locks/SEA/a%2Fb', { hasLegalHold: true }))[0], 200)
  const [, locked] = await send('GET', 'stat/SEA/a%2Fb')
  assert.equal((locked as { hasLegalHold: boolean }).hasLegalHold, true)
  const retention = { mode: 'governance', until: 'some day' }
  assert.equal((await send('PUT', 'locks/SEA/a%2Fb', { retention }))[0], 400)
  assert.equal((await send('PUT', 'tags/SEA/a%2Fb', { tags: { colour: 1 } }))[0], 400)
  assert.deepEqual(await send('GET', 'parts/SEA/a%2Fb'), [200, { parts: [] }])
  const forOne = { retention: { mode: 'governance', forMs: 1000 } }
  assert.equal((await send('PATCH', 'buckets/SEA', forOne))[0], 200)
  assert.equal((await send('PATCH', 'buckets/SEA', { retention: { forMs: 1 } }))[0], 400)
})

scene(
  'an upload in parts is begun, filled, looked at and completed',
  async (send, { bucket, node }) => {
    await node.createBucket(bucket)
    const [status, begun] = await send('POST', 'uploads/SEA/big', { headers: { expires: 'never' } })
    assert.equal(status, 201)
    const { upload } = begun as { upload: string }
    const parts: { part: number; etag: string }[] = []
    for (const [index, text] of ['one', 'two'].entries()) {
      const path = `uploads/SEA/big?upload=${upload}&part=${index + 1}`
      const [, made] = await send('PUT', path, text)
      parts.push({ part: index + 1, etag: (made as { etag: string }).etag })
    }
    const [, found] = await send('GET', `uploads/SEA/big?upload=${upload}`)
    assert.equal((found as { parts: unknown[] }).parts.length, 2)
    const [, open] = await send('GET', 'buckets/SEA/uploads')
    assert.equal((open as { uploads: unknown[] }).uploads.length, 1)
    const wrong = { parts: [{ part: 1, etag: 'other' }] }
    const [refused, reason] = await send('POST', `uploads/SEA/big?upload=${upload}`, wrong)
    assert.deepEqual([refused, codeIn(reason)], [400, 'INVALID_PART'])
    assert.equal((await send('POST', `uploads/SEA/big?upload=${upload}`, { parts }))[0], 200)
    assert.equal((await node.head({ bucket, key: 'big' })).sizeBytes, 6)
    const [gone] = await send('DELETE', `uploads/SEA/big?upload=${upload}`)
    assert.equal(gone, 404)
    for (const part of ['0', '10001', 'x', ''])
      assert.equal((await send('PUT', `uploads/SEA/big?upload=u&part=${part}`, 'x'))[0], 400)
  },
)

scene('documents are kept with a bucket', async (send, { bucket, node, ask, bearer }) => {
  await node.createBucket(bucket)
  assert.equal((await send('GET', 'buckets/SEA/documents/cors'))[0], 404)
  assert.equal((await send('PUT', 'buckets/SEA/documents/cors', '<x/>'))[0], 200)
  const path = `/api/v1/buckets/${bucket}/documents/cors`
  assert.equal((await ask(path, { headers: bearer })).body, '<x/>')
  assert.equal((await send('PUT', 'buckets/SEA/documents/cors', 'x'.repeat(65_537)))[0], 413)
  assert.equal((await send('DELETE', 'buckets/SEA/documents/cors'))[0], 200)
  assert.equal((await ask(path, { headers: bearer })).status, 404)
})

scene('upkeep is watched and told what to do', async (send, { node }) => {
  const [, upkeep] = await send('GET', 'upkeep')
  assert.equal((upkeep as { waiting: number }).waiting, 0)
  assert.deepEqual(await send('GET', 'repairs?limit=5'), [200, []])
  assert.equal((await send('GET', 'repairs?limit=0'))[0], 400)
  const { peer, name } = node.status()
  assert.deepEqual(await send('POST', 'drains', { peer: name }), [202, { draining: name }])
  assert.deepEqual(await send('GET', 'drains'), [200, [{ peer, state: 'draining' }]])
  assert.deepEqual(await send('DELETE', `drains/${peer}`), [200, { undrained: peer }])
  assert.deepEqual(await send('GET', 'drains'), [200, []])
  assert.equal((await send('POST', 'drains', { peer: 'nobody' }))[0], 404)
  assert.equal((await send('POST', 'drains', {}))[0], 400)
  assert.equal((await send('POST', 'rebalance', { dryRun: true }))[0], 200)
  assert.equal((await send('POST', 'rebalance', { dryRun: 'yes' }))[0], 400)
})

scene(
  'a range is split where one says, and all is there on both sides',
  async (send, { bucket, node }) => {
    await node.createBucket(bucket)
    for (const key of ['a', 'm', 'z']) await node.put({ bucket, key }, new Uint8Array(5_000))
    const [, before] = await send('GET', 'ranges')
    const [status, made] = await send('POST', 'ranges', { bucket: 'SEA', key: 'm' })
    assert.equal(status, 201)
    const [, after] = await send('GET', 'ranges')
    const ranges = after as RangeView[]
    assert.equal(ranges.length, (before as RangeView[]).length + 1)
    const at = ranges.findIndex(({ group }) => group === (made as { group: number }).group)
    assert.deepEqual(ranges[at]?.from, { bucket, key: 'm' })
    assert.deepEqual(ranges[at - 1]?.to, { bucket, key: 'm' })
    const [, page] = await send('GET', 'buckets/SEA/objects')
    assert.deepEqual(keysIn(page), ['a', 'm', 'z'])
    const [again, reason] = await send('POST', 'ranges', { bucket: 'SEA', key: 'm' })
    assert.deepEqual([again, codeIn(reason)], [400, 'INVALID_COMMAND'])
    assert.equal((await send('POST', 'ranges', { key: 'm' }))[0], 400)
  },
)
