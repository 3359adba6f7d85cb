import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { test } from 'node:test'

import { md5 } from '../../support/s3-client.ts'
import { s3Suite } from '../../support/s3-suite.ts'

const hex = (bytes: string | Uint8Array): string => md5(bytes).digest('hex')
const base64 = (bytes: string | Uint8Array): string => md5(bytes).digest('base64')

s3Suite('objects over S3', town => {
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

  for (const size of [0, 1, 4096, 4097, 100_000, 3_000_000])
    test(`an object of ${size} bytes comes back as it was, under its MD5`, async () => {
      const bytes = randomBytes(size)
      const path = await at()
      const put = await ask('PUT', path, { body: bytes })
      assert.equal(put.headers['etag'], `"${hex(bytes)}"`)
      const got = await ask('GET', path)
      assert.ok(got.bytes.equals(bytes))
      assert.equal(got.headers['content-length'], String(size))
      assert.equal(got.headers['etag'], put.headers['etag'])
      assert.equal(got.headers['accept-ranges'], 'bytes')
      assert.equal(got.headers['content-type'], 'binary/octet-stream')
      assert.match(got.headers['x-amz-request-id'] ?? '', /^[0-9A-F]{16}$/)
      const head = await ask('HEAD', path)
      assert.equal(head.headers['content-length'], String(size))
      assert.equal(head.bytes.length, 0)
    })

  test('content headers and metadata come back as they were sent', async () => {
    const headers = {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'max-age=3',
      'content-disposition': 'attachment; filename="a"',
      'content-language': 'de',
      'content-encoding': 'gzip,aws-chunked',
      expires: 'Fri, 20 Nov 2026 20:00:00 GMT',
      'x-amz-meta-mtime': '1.5',
      'x-amz-meta-name': Buffer.from('Grüße €').toString('latin1'),
    }
    const got = await ask('GET', await at('x', headers))
    for (const [name, value] of Object.entries(headers))
      assert.equal(got.headers[name], name === 'content-encoding' ? 'gzip' : value, name)
  })

  test('a signed read may say how its answer is to be labelled', async () => {
    const path = await at('x', { 'content-type': 'a/b' })
    const got = await ask('GET', path, {
      query: 'response-content-disposition=inline&response-content-type=c%2Fd',
    })
    assert.equal(got.headers['content-type'], 'c/d')
    assert.equal(got.headers['content-disposition'], 'inline')
  })

  test('metadata beyond two kibibytes is refused', async () => {
    const told = await ask('PUT', await at(), {
      body: 'x',
      headers: { 'x-amz-meta-a': 'x'.repeat(2048) },
    })
    assert.equal(told.code, 'MetadataTooLarge')
  })

  const ranges = [
    ['bytes=0-0', '0', 'bytes 0-0/10'],
    ['bytes=2-4', '234', 'bytes 2-4/10'],
    ['bytes=7-', '789', 'bytes 7-9/10'],
    ['bytes=7-100', '789', 'bytes 7-9/10'],
    ['bytes=-3', '789', 'bytes 7-9/10'],
    ['bytes=-100', '0123456789', 'bytes 0-9/10'],
  ] as const
  for (const [range, text, told] of ranges)
    test(`the range ${range} is what it says`, async () => {
      const path = await at('0123456789')
      const got = await ask('GET', path, { headers: { range } })
      assert.deepEqual([got.status, got.text, got.headers['content-range']], [206, text, told])
      const head = await ask('HEAD', path, { headers: { range } })
      assert.deepEqual([head.status, head.headers['content-length']], [206, String(text.length)])
    })

  for (const range of ['bytes=10-', 'bytes=10-20', 'bytes=-0'])
    test(`the range ${range} of ten bytes cannot be had`, async () => {
      const got = await ask('GET', await at('0123456789'), { headers: { range } })
      assert.deepEqual([got.status, got.code], [416, 'InvalidRange'])
      assert.equal(got.headers['content-range'], 'bytes */10')
      assert.equal(got.xml('ActualObjectSize'), '10')
    })

  for (const range of ['bytes=5-2', 'bytes=', 'items=0-1', 'bytes=0-1,3-4'])
    test(`the range ${range} is not looked at`, async () => {
      const got = await ask('GET', await at('0123456789'), { headers: { range } })
      assert.deepEqual([got.status, got.text], [200, '0123456789'])
    })

  test('an empty object has no bytes to ask for', async () => {
    const path = await at('')
    assert.equal((await ask('GET', path, { headers: { range: 'bytes=0-' } })).status, 416)
    assert.equal((await ask('GET', path)).status, 200)
  })

  const etag = `"${hex('now')}"`
  const past = 'Fri, 20 Nov 2020 20:00:00 GMT'
  const future = 'Fri, 20 Nov 2099 20:00:00 GMT'
  const reads = [
    [{ 'if-match': etag }, 200],
    [{ 'if-match': '*' }, 200],
    [{ 'if-match': '"other"' }, 412],
    [{ 'if-match': `"other", ${etag}` }, 200],
    [{ 'if-none-match': etag }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"other"' }, 200],
    [{ 'if-modified-since': past }, 200],
    [{ 'if-modified-since': future }, 304],
    [{ 'if-unmodified-since': past }, 412],
    [{ 'if-unmodified-since': future }, 200],
    [{ 'if-match': etag, 'if-unmodified-since': past }, 200],
    [{ 'if-none-match': etag, 'if-modified-since': past }, 304],
    [{ 'if-none-match': '"other"', 'if-modified-since': future }, 200],
    [{ 'if-match': '"other"', 'if-none-match': '"other"' }, 412],
    [{ 'if-match': etag, 'if-none-match': etag }, 304],
    [{ 'if-modified-since': 'nonsense' }, 200],
  ] as const
  for (const [headers, status] of reads)
    test(`a read under ${JSON.stringify(headers)} is answered ${status}`, async () => {
      const path = await at('now')
      const got = await ask('GET', path, { headers })
      assert.equal(got.status, status)
      if (status === 304) assert.equal(got.headers['etag'], etag)
      if (status === 412) assert.equal(got.code, 'PreconditionFailed')
      assert.equal((await ask('HEAD', path, { headers })).status, status)
    })

  const writes = [
    ['nothing is there', undefined, { 'if-none-match': '*' }, 200, undefined],
    ['something is there', 'old', { 'if-none-match': '*' }, 412, 'PreconditionFailed'],
    ['the ETag is right', 'old', { 'if-match': `"${hex('old')}"` }, 200, undefined],
    ['the ETag has no quotes', 'old', { 'if-match': hex('old') }, 200, undefined],
    ['the ETag is wrong', 'old', { 'if-match': '"other"' }, 412, 'PreconditionFailed'],
    ['something must be there and is', 'old', { 'if-match': '*' }, 200, undefined],
    ['an ETag is wanted of nothing', undefined, { 'if-match': '"a"' }, 404, 'NoSuchKey'],
    ['an ETag must not be there', 'old', { 'if-none-match': '"a"' }, 501, 'NotImplemented'],
    [
      'conditions conflict',
      'old',
      { 'if-match': '*', 'if-none-match': '*' },
      501,
      'NotImplemented',
    ],
    ['several ETags are given', 'old', { 'if-match': '"a", "b"' }, 501, 'NotImplemented'],
    ['a date is given', 'old', { 'if-unmodified-since': past }, 501, 'NotImplemented'],
  ] as const
  for (const [what, before, headers, status, code] of writes)
    test(`a write where ${what} is answered ${status}`, async () => {
      const path = await at(before)
      const put = await ask('PUT', path, { body: 'new', headers })
      assert.deepEqual([put.status, put.code], [status, code])
      const text = (await ask('GET', path)).text
      if (status === 200) assert.equal(text, 'new')
      else if (before !== undefined) assert.equal(text, before)
    })

  test('of twenty writers that each want to be first, one is', async () => {
    const path = await at()
    const headers = { 'if-none-match': '*' }
    const told = await Promise.all(
      Array.from({ length: 20 }, (_, index) => ask('PUT', path, { body: String(index), headers })),
    )
    assert.equal(told.filter(({ status }) => status === 200).length, 1)
    assert.equal(told.filter(({ status }) => status === 412).length, 19)
    const first = told.findIndex(({ status }) => status === 200)
    assert.equal((await ask('GET', path)).text, String(first))
  })

  test('a deletion may want an ETag to be there', async () => {
    const path = await at('old')
    assert.equal((await ask('DELETE', path, { headers: { 'if-match': '"other"' } })).status, 412)
    assert.equal((await ask('DELETE', path, { headers: { 'if-match': hex('old') } })).status, 204)
    assert.equal((await ask('GET', path)).code, 'NoSuchKey')
    assert.equal((await ask('DELETE', path)).status, 204)
  })

  test('who expects to be asked for the body is told what stands against it first', async () => {
    const { s3, gateway } = town.scene
    const { host, hostname, port } = new URL(gateway.url)
    const path = '/no-such-bucket/k'
    const headers = {
      ...s3.signed('PUT', path, { host, payload: 'UNSIGNED-PAYLOAD' }),
      expect: '100-continue',
      'content-length': '9',
    }
    const told = await new Promise((resolve, reject) => {
      const sent = request({ hostname, port, path, method: 'PUT', headers }, response =>
        resolve(response.resume().statusCode),
      )
      sent.on('continue', () => reject(new Error('it was asked for the body')))
      sent.on('error', reject)
      sent.flushHeaders()
    })
    assert.equal(told, 404)
  })

  test('a connection goes on after an answer, and after an error', async () => {
    const path = await at('x')
    for (const each of [path, `${path}-none`, path]) await ask('GET', each)
    assert.equal((await ask('GET', path)).status, 200)
  })

  test('tags are set, told and counted', async () => {
    const path = await at('x', { 'x-amz-tagging': 'a=1&b=x%20y' })
    assert.equal((await ask('HEAD', path)).headers['x-amz-tagging-count'], '2')
    assert.deepEqual((await ask('GET', path, { query: 'tagging' })).all('Value'), ['1', 'x y'])
    const body = '<Tagging><TagSet><Tag><Key>c</Key><Value>3</Value></Tag></TagSet></Tagging>'
    assert.equal((await ask('PUT', path, { query: 'tagging', body })).status, 200)
    assert.deepEqual((await ask('GET', path, { query: 'tagging' })).all('Key'), ['c'])
    assert.equal((await ask('DELETE', path, { query: 'tagging' })).status, 204)
    assert.deepEqual((await ask('GET', path, { query: 'tagging' })).all('Key'), [])
  })

  test('attributes are told that are asked for, and no others', async () => {
    const path = await at('x')
    const headers = { 'x-amz-object-attributes': 'ETag,ObjectSize,StorageClass,Checksum' }
    const told = await ask('GET', path, { query: 'attributes', headers })
    assert.deepEqual(
      [told.xml('ETag'), told.xml('ObjectSize'), told.xml('StorageClass')],
      [hex('x'), '1', 'STANDARD'],
    )
    assert.ok(told.xml('ChecksumCRC64NVME'))
    const wrong = await ask('GET', path, {
      query: 'attributes',
      headers: { 'x-amz-object-attributes': 'Color' },
    })
    assert.equal(wrong.code, 'InvalidArgument')
  })

  test('a copy has the bytes and what is said of them, or something else', async () => {
    const path = await at('copied', {
      'content-type': 'a/b',
      'x-amz-meta-a': '1',
      'x-amz-tagging': 't=1',
    })
    const headers = { 'x-amz-copy-source': path }
    const told = await ask('PUT', `${path}2`, { headers })
    assert.equal(told.xml('ETag'), `&quot;${hex('copied')}&quot;`)
    const copy = await ask('GET', `${path}2`)
    assert.deepEqual(
      [
        copy.text,
        copy.headers['content-type'],
        copy.headers['x-amz-meta-a'],
        copy.headers['x-amz-tagging-count'],
      ],
      ['copied', 'a/b', '1', '1'],
    )
    const replacing = {
      ...headers,
      'x-amz-metadata-directive': 'REPLACE',
      'x-amz-tagging-directive': 'REPLACE',
      'content-type': 'c/d',
    }
    await ask('PUT', `${path}3`, { headers: replacing })
    const other = await ask('HEAD', `${path}3`)
    assert.deepEqual(
      [
        other.headers['content-type'],
        other.headers['x-amz-meta-a'],
        other.headers['x-amz-tagging-count'],
      ],
      ['c/d', undefined, undefined],
    )
  })

  const copies = [
    ['of itself without a change', { 'x-amz-copy-source': 'SELF' }, 400, 'InvalidRequest'],
    [
      'of itself with other metadata',
      { 'x-amz-copy-source': 'SELF', 'x-amz-metadata-directive': 'REPLACE' },
      200,
      undefined,
    ],
    ['of nothing', { 'x-amz-copy-source': '/no-such-bucket/x' }, 404, 'NoSuchBucket'],
    ['of a bucket', { 'x-amz-copy-source': '/bucket' }, 400, 'InvalidArgument'],
    [
      'with an unknown directive',
      { 'x-amz-copy-source': 'SELF', 'x-amz-metadata-directive': 'MAYBE' },
      400,
      'InvalidArgument',
    ],
    [
      'of a source that must be another',
      {
        'x-amz-copy-source': 'SELF',
        'x-amz-metadata-directive': 'REPLACE',
        'x-amz-copy-source-if-match': '"other"',
      },
      412,
      'PreconditionFailed',
    ],
    [
      'of a source that must not be this',
      {
        'x-amz-copy-source': 'SELF',
        'x-amz-metadata-directive': 'REPLACE',
        'x-amz-copy-source-if-none-match': hex('self'),
      },
      412,
      'PreconditionFailed',
    ],
    [
      'of a source that is as it must be',
      {
        'x-amz-copy-source': 'SELF',
        'x-amz-metadata-directive': 'REPLACE',
        'x-amz-copy-source-if-match': hex('self'),
      },
      200,
      undefined,
    ],
    [
      'where nothing must be',
      { 'x-amz-copy-source': 'SELF', 'x-amz-metadata-directive': 'REPLACE', 'if-none-match': '*' },
      412,
      'PreconditionFailed',
    ],
  ] as const
  for (const [what, given, status, code] of copies)
    test(`a copy ${what} is answered ${status}`, async () => {
      const path = await at('self')
      const headers = {
        ...given,
        'x-amz-copy-source': given['x-amz-copy-source'].replace('SELF', path),
      }
      const told = await ask('PUT', path, { headers })
      assert.deepEqual([told.status, told.code], [status, code], told.text)
    })

  test('an object under a key of its customer is nothing without that key', async () => {
    const key = randomBytes(32)
    const headersFor = (bytes: Uint8Array) => ({
      'x-amz-server-side-encryption-customer-algorithm': 'AES256',
      'x-amz-server-side-encryption-customer-key': Buffer.from(bytes).toString('base64'),
      'x-amz-server-side-encryption-customer-key-md5': base64(bytes),
    })
    const path = await at(randomBytes(100_000), headersFor(key))
    assert.equal((await ask('GET', path, { headers: headersFor(key) })).bytes.length, 100_000)
    assert.equal((await ask('HEAD', path, { headers: headersFor(key) })).status, 200)
    for (const method of ['GET', 'HEAD']) {
      assert.equal((await ask(method, path)).status, 400, method)
      assert.equal(
        (await ask(method, path, { headers: headersFor(randomBytes(32)) })).status,
        403,
        method,
      )
    }
    const copied = await ask('PUT', `${path}2`, { headers: { 'x-amz-copy-source': path } })
    assert.equal(copied.code, 'InvalidRequest')
    const plain = await at('x')
    assert.equal((await ask('GET', plain, { headers: headersFor(key) })).code, 'InvalidRequest')
    const wrongMd5 = {
      ...headersFor(key),
      'x-amz-server-side-encryption-customer-key-md5': base64('x'),
    }
    assert.equal((await ask('GET', path, { headers: wrongMd5 })).code, 'InvalidArgument')
  })

  const unknown = [
    ['GET', 'torrent'],
    ['PUT', 'brand-new-thing'],
    ['POST', 'restore'],
    ['POST', 'select&select-type=2'],
    ['PUT', 'renameObject'],
    ['GET', 'uploads'],
  ] as const
  for (const [method, query] of unknown)
    test(`${method} ?${query} of an object is not implemented, and changes nothing`, async () => {
      const path = await at('before')
      const told = await ask(method, path, { query, body: method === 'GET' ? '' : 'after' })
      assert.deepEqual([told.status, told.code], [501, 'NotImplemented'], told.text)
      assert.equal((await ask('GET', path)).text, 'before')
    })

  test('a method that S3 does not have is not allowed', async () => {
    assert.equal((await ask('PATCH', await at('x'))).code, 'MethodNotAllowed')
    assert.equal((await ask('POST', '/')).code, 'MethodNotAllowed')
  })

  test('an error names what it is about, and an id that is in the headers too', async () => {
    const told = await ask('GET', `${await at()}<&>`.replaceAll(/[<&>]/g, encodeURIComponent))
    assert.equal(told.headers['content-type'], 'application/xml')
    assert.equal(told.xml('RequestId'), told.headers['x-amz-request-id'])
    assert.match(told.xml('Resource') ?? '', /&lt;&amp;&gt;$/)
    assert.equal(told.xml('Key'), 'k&lt;&amp;&gt;')
  })
})
