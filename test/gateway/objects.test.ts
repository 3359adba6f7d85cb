import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'

import type { ObjectPlace, PutOptions } from '../../src/node/store/store.ts'
import { type Asked, type Scene, sharedGateway, type Told } from '../support/gateway-scene.ts'

interface ObjectScene extends Scene {
  readonly bucket: string
  /** The path of an object in it, whose key is `kelp`. */
  readonly object: string
  readonly send: (path: string, asked?: Asked) => Promise<Told>
}

let count = 0

/** Each in a bucket of its own, asked with the token; what it changed of the peer is put right. */
const sceneAt =
  (shared: () => Scene) =>
  (name: string, story: (scene: ObjectScene) => Promise<void>): void =>
    void test(name, async () => {
      const given = shared()
      const { node } = given
      const [get, put] = [node.get.bind(node), node.put.bind(node)]
      const bucket = `sea-${++count}`
      await node.createBucket(bucket)
      const send = (path: string, asked: Asked = {}): Promise<Told> =>
        given.ask(path, { ...asked, headers: { ...given.bearer, ...asked.headers } })
      try {
        await story({ ...given, bucket, object: `/api/v1/objects/${bucket}/kelp`, send })
      } finally {
        Object.assign(node, { get, put })
      }
    })

const code = ({ body }: Told): string =>
  (JSON.parse(body) as { error: { code: string } }).error.code
const scene = sceneAt(sharedGateway())

scene('an object comes back with what was sent beside it', async ({ object, send }) => {
  const headers = {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': 'max-age=60',
    'x-amz-meta-depth': Buffer.from('fünf m', 'utf8').toString('latin1'),
    'x-other': 'not kept',
  }
  const put = await send(object, { method: 'PUT', headers, body: 'green' })
  assert.equal(put.status, 200)
  const written = JSON.parse(put.body) as { etag: string; version: string; sizeBytes: number }
  assert.equal(written.sizeBytes, 5)

  const got = await send(object)
  assert.deepEqual([got.status, got.body], [200, 'green'])
  assert.equal(got.headers['etag'], `"${written.etag}"`)
  assert.equal(got.headers['content-length'], '5')
  assert.equal(got.headers['content-type'], headers['content-type'])
  assert.equal(got.headers['cache-control'], 'max-age=60')
  assert.equal(got.headers['x-amz-meta-depth'], headers['x-amz-meta-depth'])
  assert.equal(got.headers['x-holdfast-version'], written.version)
  assert.equal(got.headers['x-other'], undefined)
  assert.match(String(got.headers['content-security-policy']), /sandbox/)

  const head = await send(object, { method: 'HEAD' })
  assert.deepEqual([head.status, head.body], [200, ''])
  assert.equal(head.headers['content-length'], '5')
  assert.equal(head.headers['accept-ranges'], 'bytes')
})

const empty = { method: 'PUT', body: '' }
for (const [range, status, body, contentRange] of [
  ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
  ['bytes=3-5', 206, '345', 'bytes 3-5/10'],
  ['bytes=7-', 206, '789', 'bytes 7-9/10'],
  ['bytes=7-99', 206, '789', 'bytes 7-9/10'],
  ['bytes=-3', 206, '789', 'bytes 7-9/10'],
  ['bytes=0-', 200, '0123456789', undefined],
  ['bytes=-99', 200, '0123456789', undefined],
  ['bytes=2-1', 200, '0123456789', undefined],
  ['bytes=0-1,3-4', 200, '0123456789', undefined],
  ['bytes=10-', 416, undefined, 'bytes */10'],
  ['bytes=-0', 416, undefined, 'bytes */10'],
] as const)
  scene(`a range ${range} of ten bytes is answered with ${status}`, async ({ object, send }) => {
    await send(object, { method: 'PUT', body: '0123456789' })
    const got = await send(object, { headers: { range } })
    assert.equal(got.status, status, got.body)
    assert.equal(got.headers['content-range'], contentRange)
    if (body !== undefined) assert.equal(got.body, body)
    else assert.equal(code(got), 'RANGE_UNSATISFIABLE')
  })

scene('a range of nothing cannot be had, nothing as a whole can', async ({ object, send }) => {
  await send(object, empty)
  assert.equal((await send(object)).headers['content-length'], '0')
  assert.equal((await send(object, { headers: { range: 'bytes=0-' } })).status, 416)
})

scene('If-Range gives the rest of the same object, or all of another', async ({ object, send }) => {
  const { headers } = await send(object, { method: 'PUT', body: '0123456789' }).then(() =>
    send(object, { method: 'HEAD' }),
  )
  const range = 'bytes=5-'
  const rest = await send(object, { headers: { range, 'if-range': String(headers['etag']) } })
  assert.deepEqual([rest.status, rest.body], [206, '56789'])
  await send(object, { method: 'PUT', body: 'abcdefghij' })
  const all = await send(object, { headers: { range, 'if-range': String(headers['etag']) } })
  assert.deepEqual([all.status, all.body], [200, 'abcdefghij'])
})

scene('conditions are kept, reading and writing', async ({ object, send }) => {
  const first = await send(object, { method: 'PUT', body: 'a', headers: { 'if-none-match': '*' } })
  assert.equal(first.status, 200)
  const again = await send(object, { method: 'PUT', body: 'b', headers: { 'if-none-match': '*' } })
  assert.deepEqual([again.status, code(again)], [412, 'PRECONDITION_FAILED'])
  const etag = String((await send(object, { method: 'HEAD' })).headers['etag'])
  const cached = await send(object, { headers: { 'if-none-match': etag } })
  assert.deepEqual([cached.status, cached.body, cached.headers['etag']], [304, '', etag])
  assert.equal((await send(object, { headers: { 'if-match': '"other"' } })).status, 412)
  const lost = await send(object, { method: 'PUT', body: 'c', headers: { 'if-match': '"other"' } })
  assert.equal(lost.status, 412)
  const won = await send(object, { method: 'PUT', body: 'c', headers: { 'if-match': etag } })
  assert.equal(won.status, 200)
  assert.equal((await send(object)).body, 'c')
})

for (const key of [
  'a/b/../c',
  './x',
  '..',
  '//a//',
  'a?b#c%d+e f',
  '日本/語.txt',
  '__proto__',
  'back\\slash',
  'x'.repeat(1024),
])
  scene(`a key is what was sent: ${key.slice(0, 20)}`, async ({ bucket, node, send }) => {
    const path = `/api/v1/objects/${bucket}/${encodeURIComponent(key)}`
    assert.equal((await send(path, { method: 'PUT', body: key })).status, 200)
    assert.equal((await send(path)).body, key)
    assert.equal((await node.head({ bucket, key })).key, key)
  })

scene(
  'dots and slashes of a path that is not encoded stay in the key',
  async ({ bucket, node, send }) => {
    await send(`/api/v1/objects/${bucket}/a/../b//c`, { method: 'PUT', body: 'x' })
    assert.equal((await node.head({ bucket, key: 'a/../b//c' })).sizeBytes, 1)
  },
)

for (const path of ['%', '%zz', '%ff', '%c0%af', '%00', '%0a'])
  scene(`a key ${path} is refused`, async ({ bucket, send }) => {
    const answer = await send(`/api/v1/objects/${bucket}/${path}`, { method: 'PUT', body: 'x' })
    assert.deepEqual([answer.status, code(answer)], [400, 'BAD_REQUEST'])
  })

for (const [what, path, asked, status, expected] of [
  ['no bucket', '/api/v1/objects/none/x', {}, 404, 'NO_SUCH_BUCKET'],
  ['no key', 'OBJECT-not', {}, 404, 'NO_SUCH_KEY'],
  ['no version', 'OBJECT?version=none', {}, 404, 'NO_SUCH_VERSION'],
  ['an unknown parameter', 'OBJECT?verison=1', {}, 400, 'BAD_REQUEST'],
  ['a parameter given twice', 'OBJECT?version=1&version=2', {}, 400, 'BAD_REQUEST'],
  ['a method nobody knows here', 'OBJECT', { method: 'PATCH' }, 405, 'METHOD_NOT_ALLOWED'],
  [
    'a wrong MD5',
    'OBJECT',
    { method: 'PUT', body: 'x', headers: { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' } },
    400,
    'BAD_REQUEST',
  ],
  [
    'two ETags to write over',
    'OBJECT',
    { method: 'PUT', body: 'x', headers: { 'if-match': '"a", "b"' } },
    400,
    'BAD_REQUEST',
  ],
  [
    'a part of an object',
    'OBJECT',
    { method: 'PUT', body: 'x', headers: { 'content-range': 'bytes 0-0/9' } },
    400,
    'BAD_REQUEST',
  ],
  [
    'a key of another length',
    'OBJECT',
    { headers: { 'x-holdfast-encryption-key': 'AAAA' } },
    400,
    'BAD_REQUEST',
  ],
  [
    'too much beside the bytes',
    'OBJECT',
    { method: 'PUT', body: 'x', headers: { 'x-amz-meta-a': 'x'.repeat(2048) } },
    400,
    'BAD_REQUEST',
  ],
] as const)
  scene(`${what} is answered with ${status} ${expected}`, async ({ object, send }) => {
    await send(object, { method: 'PUT', body: 'there' })
    const answer = await send(path.replace('OBJECT', object), asked)
    assert.deepEqual([answer.status, code(answer)], [status, expected])
    assert.equal((await send(object)).body, 'there')
  })

scene(
  'a large body streams both ways and is the same',
  async ({ object, send, gateway, bearer }) => {
    const bytes = randomBytes(20_000_000)
    assert.equal((await send(object, { method: 'PUT', body: bytes })).status, 200)
    const response = await fetch(`${gateway.url}${object}`, { headers: bearer })
    const digest = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')
    assert.equal(digest(new Uint8Array(await response.arrayBuffer())), digest(bytes))
  },
)

scene('who waits to be asked for the bytes is asked, or refused first', async scenery => {
  const { node, gateway, bearer, bucket, object } = scenery
  const headers = { ...bearer, expect: '100-continue', 'content-length': 3 }
  const tell = (path: string): Promise<{ status: number; wasAsked: boolean }> =>
    new Promise((resolve, reject) => {
      const { hostname: host, port } = new URL(gateway.url)
      let wasAsked = false
      const sent = request({ host, port, path, method: 'PUT', headers }, response => {
        response.resume()
        resolve({ status: response.statusCode ?? 0, wasAsked })
      })
      sent.on('continue', () => {
        wasAsked = true
        sent.end('abc')
      })
      sent.on('error', reject)
      sent.flushHeaders()
    })
  assert.deepEqual(await tell(object), { status: 200, wasAsked: true })
  assert.deepEqual(await tell('/api/v1/objects/none/x'), { status: 404, wasAsked: false })
  assert.equal((await node.head({ bucket, key: 'kelp' })).sizeBytes, 3)
})

scene(
  'a client that goes away calls its upload off',
  async ({ bucket, object, node, gateway, bearer }) => {
    const seen = Promise.withResolvers<AbortSignal | undefined>()
    const failed = Promise.withResolvers<unknown>()
    const put = node.put.bind(node)
    node.put = (place: ObjectPlace, source: unknown, options: PutOptions = {}) => {
      seen.resolve(options.signal)
      const done = put(place, source as AsyncIterable<Uint8Array>, options)
      done.catch(failed.resolve)
      return done
    }
    const { hostname, port } = new URL(gateway.url)
    const socket = connect(Number(port), hostname)
    socket.write(
      `PUT ${object} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-length: 1000\r\n` +
        `authorization: ${bearer['authorization']}\r\n\r\nhalf`,
    )
    const signal = await seen.promise
    assert.equal(signal?.aborted, false)
    socket.destroy()
    await failed.promise
    assert.equal(signal?.aborted, true)
    await assert.rejects(node.head({ bucket, key: 'kelp' }))
  },
)

scene(
  'a client that reads no further holds the store back',
  async ({ bucket, object, node, gateway, bearer }) => {
    let given = 0
    const ended = Promise.withResolvers<void>()
    const get = node.get.bind(node)
    await node.put({ bucket, key: 'kelp' }, new Uint8Array(8))
    node.get = async (place, options) => {
      const reading = await get(place, options)
      async function* body(): AsyncGenerator<Uint8Array> {
        try {
          for (; given < 1000; given++) yield new Uint8Array(1_000_000)
        } finally {
          ended.resolve()
        }
      }
      return { ...reading, sizeBytes: 1e9, to: 1e9, body: body() }
    }
    const { hostname, port } = new URL(gateway.url)
    const socket = connect(Number(port), hostname).pause()
    socket.write(
      `GET ${object} HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: ${bearer['authorization']}\r\n\r\n`,
    )
    const taken = (): number => given
    // As long as it goes on, and some turns of the loop more.
    for (let [turn, before] = [0, 0]; turn < 200 || before === 0; turn++) {
      await new Promise(resolve => void setImmediate(resolve))
      if (taken() !== before) turn = 0
      before = taken()
    }
    assert.ok(taken() < 100, `${taken()} MB were taken from the store`)
    socket.destroy()
    await ended.promise
  },
)

const hastyScene = sceneAt(sharedGateway({ paceMs: 50 }))
hastyScene('a client that moves nothing for a while is cut off', async scenery => {
  const { bucket, object, gateway, bearer, node } = scenery
  const { hostname, port } = new URL(gateway.url)
  const socket = connect(Number(port), hostname)
  socket.write(
    `PUT ${object} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-length: 1000\r\n` +
      `authorization: ${bearer['authorization']}\r\n\r\nhalf`,
  )
  await new Promise<void>(resolve => void socket.once('close', () => resolve()))
  await assert.rejects(node.head({ bucket, key: 'kelp' }))
})

scene('a read that fails on the way breaks off instead of ending', async scenery => {
  const { node, gateway, bearer, bucket, object } = scenery
  const get = node.get.bind(node)
  await node.put({ bucket, key: 'kelp' }, new Uint8Array(8))
  node.get = async (place, options) => {
    const reading = await get(place, options)
    async function* body(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(4)
      throw new Error('lost')
    }
    return { ...reading, body: body() }
  }
  await assert.rejects(
    fetch(`${gateway.url}${object}`, { headers: bearer }).then(response => response.arrayBuffer()),
  )
})
