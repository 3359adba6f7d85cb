import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'

import { checksumOf } from '../../../src/gateway/s3/checksum.ts'
import { s3Suite } from '../../support/s3-suite.ts'

const MiB5 = 5_242_880

s3Suite('uploads in parts over S3', town => {
  const ask = (...args: Parameters<typeof town.scene.s3.ask>) => town.scene.s3.ask(...args)

  interface Upload {
    readonly path: string
    readonly id: string
  }
  const begin = async (headers: Record<string, string> = {}): Promise<Upload> => {
    const path = `/${await town.bucket()}/k`
    const told = await ask('POST', path, { query: 'uploads', headers })
    assert.equal(told.status, 200, told.text)
    return { path, id: told.xml('UploadId') ?? '' }
  }
  const put = async (
    { path, id }: Upload,
    part: number,
    body: Uint8Array,
    headers = {},
  ): Promise<string> => {
    const told = await ask('PUT', path, {
      query: `partNumber=${part}&uploadId=${id}`,
      body,
      headers,
    })
    assert.equal(told.status, 200, told.text)
    return told.headers['etag'] ?? ''
  }
  const complete = (
    { path, id }: Upload,
    parts: readonly (readonly [number, string])[],
    headers = {},
  ) =>
    ask('POST', path, {
      query: `uploadId=${id}`,
      headers,
      body: `<CompleteMultipartUpload>${parts.map(([part, etag]) => `<Part><PartNumber>${part}</PartNumber><ETag>${etag}</ETag></Part>`).join('')}</CompleteMultipartUpload>`,
    })

  test('parts make up an object, in the order of their numbers, whatever order they came in', async () => {
    const upload = await begin({
      'content-type': 'a/b',
      'x-amz-meta-a': '1',
      'x-amz-tagging': 't=1',
    })
    const bytes = [randomBytes(MiB5), randomBytes(MiB5 + 1), randomBytes(10)]
    const etags = new Map<number, string>()
    for (const part of [3, 1, 2])
      etags.set(part, await put(upload, part, bytes[part - 1] ?? Buffer.alloc(0)))
    const parts = [1, 2, 3].map(part => [part, etags.get(part) ?? ''] as const)
    const listed = await ask('GET', upload.path, { query: `uploadId=${upload.id}` })
    assert.deepEqual(listed.all('PartNumber'), ['1', '2', '3'])
    assert.equal((await ask('GET', upload.path)).code, 'NoSuchKey')
    const done = await complete(upload, parts)
    assert.match(done.xml('ETag') ?? '', /-3&quot;$/)
    assert.equal(done.xml('ChecksumType'), 'FULL_OBJECT')
    const got = await ask('GET', upload.path, { headers: { 'x-amz-checksum-mode': 'ENABLED' } })
    assert.ok(got.bytes.equals(Buffer.concat(bytes)))
    assert.deepEqual(
      [
        got.headers['content-type'],
        got.headers['x-amz-meta-a'],
        got.headers['x-amz-tagging-count'],
      ],
      ['a/b', '1', '1'],
    )
    assert.equal(
      got.headers['x-amz-checksum-crc64nvme'],
      await checksumOf('crc64nvme', Buffer.concat(bytes)),
    )
    const second = await ask('GET', upload.path, { query: 'partNumber=2' })
    assert.equal(second.status, 206)
    assert.ok(second.bytes.equals(bytes[1] ?? Buffer.alloc(0)))
    assert.equal(second.headers['x-amz-mp-parts-count'], '3')
    assert.equal((await ask('HEAD', upload.path, { query: 'partNumber=4' })).status, 416)
    const again = await complete(upload, parts)
    assert.deepEqual(
      [again.status, again.xml('ETag')],
      [200, done.xml('ETag')],
      'for who did not hear the first answer',
    )
    const attributes = await ask('GET', upload.path, {
      query: 'attributes',
      headers: { 'x-amz-object-attributes': 'ObjectParts', 'x-amz-max-parts': '2' },
    })
    assert.deepEqual(
      [
        attributes.all('PartNumber').length,
        attributes.xml('TotalPartsCount'),
        attributes.xml('IsTruncated'),
      ],
      [2, '3', 'true'],
    )
  })

  const types = [
    ['CRC32', 'FULL_OBJECT', 'crc32'],
    ['CRC32C', 'COMPOSITE', 'crc32c'],
    ['SHA256', 'COMPOSITE', 'sha256'],
    ['CRC64NVME', 'FULL_OBJECT', 'crc64nvme'],
  ] as const
  for (const [algorithm, type, name] of types)
    test(`a ${type} ${algorithm} of parts is what it should be, and told`, async () => {
      const upload = await begin({
        'x-amz-checksum-algorithm': algorithm,
        'x-amz-checksum-type': type,
      })
      const bytes = [randomBytes(MiB5), randomBytes(100)]
      const digests = await Promise.all(bytes.map(each => checksumOf(name, each)))
      const etags = await Promise.all(
        bytes.map((each, index) =>
          put(upload, index + 1, each, { [`x-amz-checksum-${name}`]: digests[index] ?? '' }),
        ),
      )
      const whole =
        type === 'FULL_OBJECT'
          ? await checksumOf(name, Buffer.concat(bytes))
          : `${await checksumOf(name, Buffer.concat(digests.map(each => Buffer.from(each, 'base64'))))}-2`
      const parts = etags.map((etag, index) => [index + 1, etag] as const)
      const wrong = await complete(upload, parts, { [`x-amz-checksum-${name}`]: digests[0] ?? '' })
      assert.equal(wrong.code, 'BadDigest')
      const done = await complete(upload, parts)
      assert.equal(done.xml(`Checksum${algorithm}`), whole)
      const head = await ask('HEAD', upload.path, { headers: { 'x-amz-checksum-mode': 'ENABLED' } })
      assert.deepEqual(
        [head.headers[`x-amz-checksum-${name}`], head.headers['x-amz-checksum-type']],
        [whole, type],
      )
    })

  test('a part under another checksum than was chosen is refused', async () => {
    const { path, id } = await begin({ 'x-amz-checksum-algorithm': 'SHA256' })
    const headers = { 'x-amz-checksum-crc32': await checksumOf('crc32', Buffer.from('x')) }
    const told = await ask('PUT', path, {
      query: `partNumber=1&uploadId=${id}`,
      body: 'x',
      headers,
    })
    assert.equal(told.code, 'InvalidRequest')
  })

  test('a part sent again replaces the one before', async () => {
    const upload = await begin()
    const old = await put(upload, 1, Buffer.from('old'))
    const now = await put(upload, 1, Buffer.from('new'))
    assert.equal((await complete(upload, [[1, old]])).code, 'InvalidPart')
    assert.equal((await complete(upload, [[1, now]])).status, 200)
    assert.equal((await ask('GET', upload.path)).text, 'new')
  })

  test('what is completed must be what was uploaded', async () => {
    const upload = await begin()
    const one = await put(upload, 1, Buffer.from('small'))
    const two = await put(upload, 2, Buffer.from('last'))
    const cases = [
      [[], 'MalformedXML'],
      [
        [
          [2, two],
          [1, one],
        ],
        'InvalidPartOrder',
      ],
      [
        [
          [1, one],
          [1, one],
        ],
        'InvalidPartOrder',
      ],
      [[[1, two]], 'InvalidPart'],
      [
        [
          [1, one],
          [3, two],
        ],
        'InvalidPart',
      ],
      [[[0, one]], 'InvalidPart'],
      [[[10_001, one]], 'InvalidPart'],
      [
        [
          [1, one],
          [2, two],
        ],
        'EntityTooSmall',
      ],
      [Array.from({ length: 10_001 }, (_, index) => [index + 1, one]), 'InvalidPart'],
    ] as const
    for (const [parts, code] of cases)
      assert.equal((await complete(upload, parts as never)).code, code)
    assert.equal(
      (await complete(upload, [[2, two]], { 'x-amz-mp-object-size': '5' })).code,
      'InvalidRequest',
    )
    assert.equal((await ask('GET', upload.path)).code, 'NoSuchKey')
    assert.equal((await complete(upload, [[2, two]])).status, 200)
  })

  test('of two completions at once both are told of one object', async () => {
    const upload = await begin()
    const etag = await put(upload, 1, randomBytes(100_000))
    const told = await Promise.all([complete(upload, [[1, etag]]), complete(upload, [[1, etag]])])
    assert.deepEqual(
      told.map(({ status }) => status),
      [200, 200],
    )
    assert.equal((await ask('GET', upload.path)).bytes.length, 100_000)
  })

  test('a completion may want nothing to be there', async () => {
    const upload = await begin()
    const etag = await put(upload, 1, Buffer.from('x'))
    await ask('PUT', upload.path, { body: 'first' })
    assert.equal(
      (await complete(upload, [[1, etag]], { 'if-none-match': '*' })).code,
      'PreconditionFailed',
    )
    assert.equal((await ask('GET', upload.path)).text, 'first')
    assert.equal((await complete(upload, [[1, etag]])).status, 200)
  })

  for (const part of ['0', '10001', '-1', 'x', ''])
    test(`${JSON.stringify(part)} is no number of a part`, async () => {
      const { path, id } = await begin()
      const told = await ask('PUT', path, { query: `partNumber=${part}&uploadId=${id}`, body: 'x' })
      assert.equal(told.code, 'InvalidArgument')
    })

  test('an upload that is aborted is gone with all its parts', async () => {
    const upload = await begin()
    const etag = await put(upload, 1, randomBytes(100_000))
    const query = `uploadId=${upload.id}`
    assert.equal((await ask('DELETE', upload.path, { query })).status, 204)
    assert.equal((await ask('GET', upload.path, { query })).code, 'NoSuchUpload')
    assert.equal(
      (await ask('PUT', upload.path, { query: `partNumber=1&${query}`, body: 'x' })).code,
      'NoSuchUpload',
    )
    assert.equal((await complete(upload, [[1, etag]])).code, 'NoSuchUpload')
  })

  test('an upload that never was is not there', async () => {
    const path = `/${await town.bucket()}/k`
    for (const id of ['nonsense', '00', 'f'.repeat(32)])
      assert.equal(
        (await ask('PUT', path, { query: `partNumber=1&uploadId=${id}`, body: 'x' })).code,
        'NoSuchUpload',
        id,
      )
    assert.equal(
      (await ask('PUT', path, { query: 'partNumber=1&uploadId=', body: 'x' })).code,
      'InvalidArgument',
    )
  })

  test('parts may be copied, whole or by a range', async () => {
    const bucket = await town.bucket()
    const source = randomBytes(MiB5 + 1000)
    await ask('PUT', `/${bucket}/source`, { body: source })
    const upload = await begin()
    const copy = (part: number, range?: string) =>
      ask('PUT', upload.path, {
        query: `partNumber=${part}&uploadId=${upload.id}`,
        headers: {
          'x-amz-copy-source': `/${bucket}/source`,
          ...(range && { 'x-amz-copy-source-range': range }),
        },
      })
    for (const range of ['bytes=0-99999999', 'bytes=5-', 'bytes=-5', 'nonsense'])
      assert.equal((await copy(1, range)).code, 'InvalidArgument', range)
    const etags = [await copy(1), await copy(2, 'bytes=100-199')].map(
      told => told.xml('ETag')?.replaceAll('&quot;', '') ?? told.text,
    )
    const done = await complete(
      upload,
      etags.map((etag, index) => [index + 1, etag] as const),
    )
    assert.equal(done.status, 200, done.text)
    assert.ok(
      (await ask('GET', upload.path)).bytes.equals(
        Buffer.concat([source, source.subarray(100, 200)]),
      ),
    )
  })

  test('uploads that are open are listed by key, page by page', async () => {
    const bucket = await town.bucket()
    for (const key of ['a', 'b/1', 'b/2', 'c'])
      await ask('POST', `/${bucket}/${key}`, { query: 'uploads' })
    const of = (query: string) => ask('GET', `/${bucket}`, { query: `uploads&${query}` })
    assert.deepEqual((await of('')).all('Key'), ['a', 'b/1', 'b/2', 'c'])
    assert.deepEqual((await of('prefix=b')).all('Key'), ['b/1', 'b/2'])
    const grouped = await of('delimiter=%2F')
    assert.deepEqual(
      [grouped.all('Key'), grouped.all('CommonPrefixes')],
      [['a', 'c'], ['<Prefix>b/</Prefix>']],
    )
    const page = await of('max-uploads=2')
    assert.deepEqual(
      [page.all('Key'), page.xml('IsTruncated'), page.xml('NextKeyMarker')],
      [['a', 'b/1'], 'true', 'b/1'],
    )
    const rest = await of(`key-marker=b%2F1&upload-id-marker=${page.xml('NextUploadIdMarker')}`)
    assert.deepEqual(rest.all('Key'), ['b/2', 'c'])
  })
})

s3Suite('forms over S3', town => {
  const send = (
    bucket: string,
    fields: Record<string, string>,
    file: string,
    name = 'photo.jpg',
  ) => {
    const parts = Object.entries(fields).map(
      ([field, value]) =>
        `--b\r\nContent-Disposition: form-data; name="${field}"\r\n\r\n${value}\r\n`,
    )
    const end = `--b\r\nContent-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: image/jpeg\r\n\r\n${file}\r\n--b--\r\n`
    const headers = {
      host: new URL(town.scene.gateway.url).host,
      'content-type': 'multipart/form-data; boundary=b',
    }
    return town.scene.s3.send('POST', `/${bucket}`, { headers, body: `${parts.join('')}${end}` })
  }

  test('a form uploads what its policy allows, under the name of the file', async () => {
    const { s3 } = town.scene
    const bucket = await town.bucket()
    const fields = s3.form([
      { bucket },
      ['starts-with', '$key', 'in/'],
      ['content-length-range', 1, 10],
      { 'x-amz-meta-a': '1' },
    ])
    const told = await send(
      bucket,
      { ...fields, key: 'in/${filename}', 'x-amz-meta-a': '1' },
      '--b is in',
    )
    assert.equal(told.status, 204, told.text)
    const got = await s3.ask('GET', `/${bucket}/in/photo.jpg`)
    assert.deepEqual(
      [got.text, got.headers['content-type'], got.headers['x-amz-meta-a']],
      ['--b is in', 'image/jpeg', '1'],
    )
  })

  test('a form is answered as it asks to be', async () => {
    const bucket = await town.bucket()
    const status = (code: string) => {
      const fields = town.scene.s3.form([
        { bucket },
        ['starts-with', '$key', ''],
        { success_action_status: code },
      ])
      return send(bucket, { ...fields, key: 'k', success_action_status: code }, 'x')
    }
    assert.equal((await status('200')).status, 200)
    assert.equal((await status('201')).xml('Key'), 'k')
    const fields = town.scene.s3.form([
      { bucket },
      { key: 'k' },
      { success_action_redirect: 'http://a.example/?b' },
    ])
    const told = await send(
      bucket,
      { ...fields, key: 'k', success_action_redirect: 'http://a.example/?b' },
      'x',
    )
    assert.equal(told.status, 303)
    assert.match(told.headers['location'] ?? '', /^http:\/\/a\.example\/\?b&bucket=/)
  })

  const wrong = [
    ['another key than the policy wants', { key: 'out' }, {}, 'x', 'AccessDenied'],
    [
      'a field that the policy does not know',
      { key: 'in/a', 'x-amz-meta-b': '1' },
      {},
      'x',
      'AccessDenied',
    ],
    ['a file that is too large', { key: 'in/a' }, {}, 'x'.repeat(11), 'EntityTooLarge'],
    ['a file that is too small', { key: 'in/a' }, {}, '', 'EntityTooSmall'],
    ['no key', {}, {}, 'x', 'InvalidArgument'],
    ['a policy that has expired', { key: 'in/a' }, { expires: new Date(0) }, 'x', 'AccessDenied'],
    [
      'a wrong signature',
      { key: 'in/a', 'x-amz-signature': '0'.repeat(64) },
      {},
      'x',
      'SignatureDoesNotMatch',
    ],
    [
      'a credential that is none',
      { key: 'in/a', 'x-amz-credential': 'me' },
      {},
      'x',
      'AuthorizationQueryParametersError',
    ],
  ] as const
  for (const [what, fields, options, file, code] of wrong)
    test(`a form with ${what} stores nothing`, async () => {
      const { s3 } = town.scene
      const bucket = await town.bucket()
      const signed = s3.form(
        [{ bucket }, ['starts-with', '$key', 'in/'], ['content-length-range', 1, 10]],
        options,
      )
      assert.equal((await send(bucket, { ...signed, ...fields }, file)).code, code)
      assert.deepEqual((await s3.ask('GET', `/${bucket}`)).all('Key'), [])
    })

  test('a form for one bucket is no good for another', async () => {
    const [one, other] = [await town.bucket(), await town.bucket()]
    const fields = town.scene.s3.form([{ bucket: one }, { key: 'k' }])
    assert.equal((await send(other, { ...fields, key: 'k' }, 'x')).code, 'AccessDenied')
  })

  test('a form without a policy is from somebody unknown', async () => {
    assert.equal((await send(await town.bucket(), { key: 'k' }, 'x')).code, 'AccessDenied')
  })

  for (const body of [
    '',
    'nonsense',
    '--b\r\n\r\n--b--',
    '--b--\r\n',
    '--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--b--\r\n',
  ])
    test(`the form ${JSON.stringify(body.slice(0, 60))} is malformed`, async () => {
      const headers = {
        host: new URL(town.scene.gateway.url).host,
        'content-type': 'multipart/form-data; boundary=b',
      }
      const told = await town.scene.s3.send('POST', `/${await town.bucket()}`, { headers, body })
      assert.equal(told.code, 'MalformedPOSTRequest', told.text)
    })

  test('a form that ends inside its file stores nothing', async () => {
    const { s3 } = town.scene
    const bucket = await town.bucket()
    const fields = s3.form([{ bucket }, { key: 'k' }])
    const parts = Object.entries({ ...fields, key: 'k' }).map(
      ([field, value]) =>
        `--b\r\nContent-Disposition: form-data; name="${field}"\r\n\r\n${value}\r\n`,
    )
    const body = `${parts.join('')}--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nhalf a fi`
    const headers = {
      host: new URL(town.scene.gateway.url).host,
      'content-type': 'multipart/form-data; boundary=b',
    }
    assert.equal((await s3.send('POST', `/${bucket}`, { headers, body })).code, 'IncompleteBody')
    assert.deepEqual((await s3.ask('GET', `/${bucket}`)).all('Key'), [])
  })
})
