import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { test } from 'node:test'

import { checksumAlgorithms, checksumOf } from '../../../src/gateway/s3/checksum.ts'
import { eventually } from '../../support/hosts.ts'
import { md5 } from '../../support/s3-client.ts'
import { s3Suite } from '../../support/s3-suite.ts'

const base64 = (bytes: string | Uint8Array): string => md5(bytes).digest('base64')

s3Suite('what is said of a body over S3', town => {
  const at = async (
    body?: string | Uint8Array,
    headers: Record<string, string> = {},
  ): Promise<string> => {
    const path = `/${await town.bucket()}/k`
    if (body === undefined) return path
    const told = await town.scene.s3.ask('PUT', path, { body, headers })
    assert.equal(told.status, 200, told.text)
    return path
  }
  const ask = (...args: Parameters<typeof town.scene.s3.ask>) => town.scene.s3.ask(...args)

  for (const algorithm of checksumAlgorithms) {
    test(`a ${algorithm} in a header is verified, kept and told`, async () => {
      const path = await at()
      const digest = await checksumOf(algorithm, Buffer.from('body'))
      const name = `x-amz-checksum-${algorithm}`
      const put = await ask('PUT', path, { body: 'body', headers: { [name]: digest } })
      assert.deepEqual([put.status, put.headers[name]], [200, digest])
      const got = await ask('GET', path, { headers: { 'x-amz-checksum-mode': 'enabled' } })
      assert.deepEqual(
        [got.headers[name], got.headers['x-amz-checksum-type']],
        [digest, 'FULL_OBJECT'],
      )
      assert.equal((await ask('GET', path)).headers[name], undefined)
    })
    test(`a wrong ${algorithm} stores nothing`, async () => {
      const path = await at()
      const digest = await checksumOf(algorithm, Buffer.from('other'))
      const put = await ask('PUT', path, {
        body: 'body',
        headers: { [`x-amz-checksum-${algorithm}`]: digest },
      })
      assert.deepEqual([put.status, put.code], [400, 'BadDigest'])
      assert.equal((await ask('GET', path)).code, 'NoSuchKey')
    })
    test(`a ${algorithm} in a trailer is verified, kept and told`, async () => {
      const path = await at()
      const digest = await checksumOf(algorithm, Buffer.from('body'))
      const name = `x-amz-checksum-${algorithm}`
      const send = (trailer: string) =>
        ask('PUT', path, {
          body: `4\r\nbody\r\n0\r\n${name}:${trailer}\r\n\r\n`,
          payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
          headers: {
            'x-amz-trailer': name,
            'x-amz-decoded-content-length': '4',
            'content-encoding': 'aws-chunked',
          },
        })
      const wrong = await checksumOf(algorithm, Buffer.from('other'))
      assert.equal((await send(wrong)).code, 'BadDigest')
      assert.equal((await send('nonsense')).code, 'InvalidRequest')
      assert.equal((await ask('GET', path)).code, 'NoSuchKey')
      assert.equal((await send(digest)).headers[name], digest)
      const got = await ask('GET', path, { headers: { 'x-amz-checksum-mode': 'ENABLED' } })
      assert.deepEqual([got.text, got.headers[name]], ['body', digest])
      assert.equal(got.headers['content-encoding'], undefined)
    })
  }

  test('a chosen checksum is not told of a part of the object', async () => {
    const path = await at('0123456789')
    const headers = { range: 'bytes=0-1', 'x-amz-checksum-mode': 'ENABLED' }
    assert.equal(
      (await ask('GET', path, { headers })).headers['x-amz-checksum-crc64nvme'],
      undefined,
    )
  })

  const bodies = [
    ['a right Content-MD5', { 'content-md5': base64('body') }, 200, undefined],
    ['a wrong Content-MD5', { 'content-md5': base64('other') }, 400, 'BadDigest'],
    ['a Content-MD5 that is none', { 'content-md5': 'abc' }, 400, 'InvalidDigest'],
    ['a checksum that is none', { 'x-amz-checksum-crc32': 'abc' }, 400, 'InvalidRequest'],
    [
      'two checksums',
      { 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-crc32c': 'AAAAAA==' },
      400,
      'InvalidRequest',
    ],
    ['an ACL for everybody', { 'x-amz-acl': 'public-read' }, 501, 'NotImplemented'],
    ['the ACL it has anyway', { 'x-amz-acl': 'private' }, 200, undefined],
    ['a grant', { 'x-amz-grant-read': 'id=a' }, 501, 'NotImplemented'],
    ['another storage class', { 'x-amz-storage-class': 'GLACIER' }, 400, 'InvalidStorageClass'],
    ['a managed key', { 'x-amz-server-side-encryption': 'aws:kms' }, 501, 'NotImplemented'],
    ['the encryption it has anyway', { 'x-amz-server-side-encryption': 'AES256' }, 200, undefined],
    [
      'another encryption',
      { 'x-amz-server-side-encryption': 'ROT13' },
      400,
      'InvalidEncryptionAlgorithmError',
    ],
    ['a lock in a bucket without', { 'x-amz-object-lock-legal-hold': 'ON' }, 400, 'InvalidRequest'],
    [
      'eleven tags',
      { 'x-amz-tagging': Array.from({ length: 11 }, (_, i) => `a${i}=b`).join('&') },
      400,
      'InvalidTag',
    ],
    ['a tag twice', { 'x-amz-tagging': 'a=1&a=2' }, 400, 'InvalidTag'],
    ['a tag of the system', { 'x-amz-tagging': 'aws:a=1' }, 400, 'InvalidTag'],
    ['a tag that is not encoded', { 'x-amz-tagging': 'a=%zz' }, 400, 'InvalidArgument'],
  ] as const
  for (const [what, headers, status, code] of bodies)
    test(`a write with ${what} is answered ${status}`, async () => {
      const path = await at()
      const put = await ask('PUT', path, { body: 'body', headers })
      assert.deepEqual([put.status, put.code], [status, code], put.text)
      assert.equal((await ask('HEAD', path)).status, status === 200 ? 200 : 404)
    })

  test('a body that is not the one that was signed stores nothing', async () => {
    const path = await at()
    const payload = createHash('sha256').update('other').digest('hex')
    const put = await ask('PUT', path, { body: 'body', payload })
    assert.equal(put.code, 'XAmzContentSHA256Mismatch')
    assert.equal((await ask('GET', path)).code, 'NoSuchKey')
  })

  test('a signed stream is stored; a broken one stores nothing', async () => {
    const { s3, fragments } = town.scene
    const path = await at()
    const chunks = [randomBytes(65_536), randomBytes(65_536), randomBytes(1000)]
    const { headers, body } = s3.chunked(path, chunks)
    assert.equal((await s3.send('PUT', path, { headers, body })).status, 200)
    assert.ok((await ask('GET', path)).bytes.equals(Buffer.concat(chunks)))
    const broken = Buffer.from(body)
    broken[100_000] = (broken[100_000] ?? 0) ^ 1
    const other = `${path}-broken`
    const again = s3.chunked(other, chunks)
    const bad = Buffer.from(again.body)
    bad[100_000] = (bad[100_000] ?? 0) ^ 1
    const before = (await fragments.list()).length
    const told = await s3.send('PUT', other, { headers: again.headers, body: bad })
    assert.deepEqual([told.status, told.code], [403, 'SignatureDoesNotMatch'])
    assert.equal((await ask('GET', other)).code, 'NoSuchKey')
    assert.equal((await fragments.list()).length, before)
  })

  test('a signed stream may end in a signed trailer', async () => {
    const { s3 } = town.scene
    const path = await at()
    const digest = await checksumOf('crc32c', Buffer.from('streamed'))
    const trailer = ['x-amz-checksum-crc32c', digest] as const
    const { headers, body } = s3.chunked(path, [Buffer.from('streamed')], { trailer })
    const told = await s3.send('PUT', path, { headers, body })
    assert.equal(told.headers['x-amz-checksum-crc32c'], digest, told.text)
  })

  test('a stream whose length is not the one that was said stores nothing', async () => {
    const path = await at()
    for (const length of ['3', '5']) {
      const told = await ask('PUT', path, {
        body: '4\r\nbody\r\n0\r\n\r\n',
        payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        headers: { 'x-amz-decoded-content-length': length },
      })
      assert.equal(told.code, 'IncompleteBody')
    }
    assert.equal((await ask('GET', path)).code, 'NoSuchKey')
  })

  test('a body without a length is not taken', async () => {
    const { s3, gateway } = town.scene
    const path = await at()
    const { host, hostname, port } = new URL(gateway.url)
    const headers = s3.signed('PUT', path, { host, payload: 'UNSIGNED-PAYLOAD' })
    const status = await new Promise((resolve, reject) => {
      const sent = request({ hostname, port, path, method: 'PUT', headers }, response =>
        resolve(response.resume().statusCode),
      )
      sent.on('error', reject)
      sent.write('chunk')
      sent.end()
    })
    assert.equal(status, 411)
  })

  test('a client that goes away half-way leaves nothing behind', async () => {
    const { s3, gateway, fragments, catalog } = town.scene
    const path = await at()
    const { host, hostname, port } = new URL(gateway.url)
    const before = (await fragments.list()).length
    const headers = {
      ...s3.signed('PUT', path, { host, payload: 'UNSIGNED-PAYLOAD' }),
      'content-length': '50000000',
    }
    await new Promise<void>(resolve => {
      const sent = request({ hostname, port, path, method: 'PUT', headers })
      sent.on('error', () => resolve())
      sent.write(randomBytes(20_000_000), () => sent.destroy())
      sent.on('close', () => resolve())
    })
    const isTidy = async (): Promise<boolean> => (await fragments.list()).length === before
    await eventually('nothing half-written is left', isTidy)
    assert.equal((await ask('GET', path)).code, 'NoSuchKey')
    const { items } = await catalog.askOf(1, 'watches', { after: undefined, limit: 100 })
    assert.deepEqual(
      items.filter(({ key }) => path.endsWith(key) && path.includes(items[0]?.bucket ?? '')),
      [],
    )
  })

  test('who may write without a key may wrap the body as well, and is held to what it says', async () => {
    const bucket = await town.bucket()
    const path = `/${bucket}/k`
    const policy = JSON.stringify({
      Statement: {
        Effect: 'Allow',
        Principal: '*',
        Action: 's3:PutObject',
        Resource: `arn:aws:s3:::${bucket}/*`,
      },
    })
    await ask('PUT', `/${bucket}`, { query: 'policy', body: policy })
    const send = (word: string, body: string) =>
      ask('PUT', path, {
        isAnonymous: true,
        body,
        headers: { 'x-amz-content-sha256': word, 'x-amz-decoded-content-length': '4' },
      })
    const chunked = '4\r\nbody\r\n0\r\n\r\n'
    assert.equal((await send('0'.repeat(64), 'body')).code, 'XAmzContentSHA256Mismatch')
    assert.equal((await send('STREAMING-AWS4-HMAC-SHA256-PAYLOAD', chunked)).code, 'InvalidRequest')
    assert.equal((await ask('GET', path)).code, 'NoSuchKey')
    assert.equal((await send('STREAMING-UNSIGNED-PAYLOAD-TRAILER', chunked)).status, 200)
    assert.equal((await ask('GET', path)).text, 'body')
  })
})
