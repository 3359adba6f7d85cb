import assert from 'node:assert/strict'
import { test } from 'node:test'

import { type Pair, S3Client } from '../../support/s3-client.ts'
import { s3Suite } from '../../support/s3-suite.ts'

interface Wrong {
  readonly as?: Pair
  readonly secret?: string
  readonly at?: Date
  readonly region?: string
  readonly payload?: string
  readonly unsigned?: Readonly<Record<string, string>>
  readonly extraQuery?: string
}

/** As RFC 3986 has it, which is stricter than what JavaScript has. */
const strict = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )

const minutes = (count: number): Date => new Date(Date.now() + count * 60_000)

s3Suite('who asks S3', town => {
  const refusals = [
    ['an unknown key', { as: { id: 'HFNOBODY', secret: 'x' } }, 403, 'InvalidAccessKeyId'],
    ['a wrong secret', { secret: 'wrong' }, 403, 'SignatureDoesNotMatch'],
    ['a clock 16 minutes behind', { at: minutes(-16) }, 403, 'RequestTimeTooSkewed'],
    ['a clock 16 minutes ahead', { at: minutes(16) }, 403, 'RequestTimeTooSkewed'],
    ['another region', { region: 'eu-west-1' }, 400, 'AuthorizationHeaderMalformed'],
    [
      'an S3 header that is not signed',
      { unsigned: { 'x-amz-acl': 'private' } },
      403,
      'AccessDenied',
    ],
    [
      'another host than was signed',
      { unsigned: { host: 'localhost' } },
      403,
      'SignatureDoesNotMatch',
    ],
    ['a query that was not signed', { extraQuery: 'prefix=a' }, 403, 'SignatureDoesNotMatch'],
    ['a payload word nobody knows', { payload: 'SOMETHING' }, 400, undefined],
  ] as const
  for (const [what, how, status, code] of refusals)
    test(`a request with ${what} is refused`, async () => {
      const { s3, key, gateway } = town.scene
      const bucket = await town.bucket()
      const options: Wrong = how
      const pair = options.as ?? { id: key.id, secret: options.secret ?? key.secret }
      const client = new S3Client(gateway.url, pair)
      const { host } = new URL(gateway.url)
      const path = `/${bucket}/k`
      const headers = {
        ...client.signed('PUT', path, { host, body: 'x', ...options }),
        ...options.unsigned,
      }
      const told = await s3.send('PUT', path, {
        headers,
        body: 'x',
        query: options.extraQuery ?? '',
      })
      assert.equal(told.status, status, told.text)
      if (code !== undefined) assert.equal(told.code, code)
      assert.equal((await s3.ask('HEAD', path)).status, 404, 'nothing was stored')
    })

  test('a clock 14 minutes off is good enough', async () => {
    const bucket = await town.bucket()
    for (const at of [minutes(-14), minutes(14)])
      assert.equal((await town.scene.s3.ask('GET', `/${bucket}`, { at })).status, 200)
  })

  test('the region that is expected is told to who named another', async () => {
    const told = await town.scene.s3.ask('GET', '/', { region: 'eu-west-1' })
    assert.equal(told.xml('Region'), 'us-east-1')
  })

  const malformed = [
    'AWS4-HMAC-SHA256',
    'AWS4-HMAC-SHA256 Credential=a/b',
    'AWS4-HMAC-SHA256 Credential=a/20261120/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=short',
    `AWS4-HMAC-SHA256 Credential=a/20261120/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
    `AWS4-HMAC-SHA256 Credential=a/20261120/us-east-1/s3/aws4_request, SignedHeaders=x;host, Signature=${'0'.repeat(64)}`,
    `AWS4-HMAC-SHA256 Credential=a/20261119/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
    'AWS4-ECDSA-P256-SHA256 Credential=a',
  ]
  for (const authorization of malformed)
    test(`the header ${authorization.slice(0, 90)} is malformed`, async () => {
      const headers = {
        authorization,
        host: 'x',
        'x-amz-date': '20261120T000000Z',
        'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      }
      const told = await town.scene.s3.send('GET', '/', { headers })
      assert.equal(told.code, 'AuthorizationHeaderMalformed', told.text)
      assert.equal(told.status, 400)
    })

  test('signature version 2 is refused with the name of what is needed', async () => {
    const { s3 } = town.scene
    const byHeader = await s3.send('GET', '/', { headers: { host: 'x', authorization: 'AWS a:b' } })
    const byQuery = await s3.send('GET', '/b/k', {
      query: 'AWSAccessKeyId=a&Signature=b&Expires=1',
      headers: { host: 'x' },
    })
    for (const told of [byHeader, byQuery]) {
      assert.equal(told.code, 'InvalidRequest')
      assert.match(told.text, /s3v4/)
    }
  })

  test('a header without the hash of the body is refused', async () => {
    const { s3, gateway } = town.scene
    const { host } = new URL(gateway.url)
    const { 'x-amz-content-sha256': _, ...headers } = s3.signed('GET', '/', { host })
    assert.equal((await s3.send('GET', '/', { headers })).code, 'MissingSecurityHeader')
  })

  test('who presigns lets others read and write one object for a while', async () => {
    const { s3 } = town.scene
    const path = `/${await town.bucket()}/k`
    const host = new URL(town.scene.gateway.url).host
    const put = await s3.send('PUT', path, {
      query: s3.presign('PUT', path),
      headers: { host },
      body: 'presigned',
    })
    assert.equal(put.status, 200, put.text)
    const got = await s3.send('GET', path, { query: s3.presign('GET', path), headers: { host } })
    assert.equal(got.text, 'presigned')
    const other = await s3.send('DELETE', path, {
      query: s3.presign('GET', path),
      headers: { host },
    })
    assert.equal(other.code, 'SignatureDoesNotMatch')
    const elsewhere = await s3.send('GET', `${path}2`, {
      query: s3.presign('GET', path),
      headers: { host },
    })
    assert.equal(elsewhere.code, 'SignatureDoesNotMatch')
  })

  const presigned = [
    ['expired', { at: minutes(-2), seconds: 60 }, 403, 'AccessDenied'],
    ['from the future', { at: minutes(20) }, 403, 'AccessDenied'],
    ['good for more than a week', { seconds: 604_801 }, 400, 'AuthorizationQueryParametersError'],
    ['good for less than nothing', { seconds: -1 }, 400, 'AuthorizationQueryParametersError'],
    ['good for no number of seconds', { seconds: 'NaN' }, 400, 'AuthorizationQueryParametersError'],
  ] as const
  for (const [what, options, status, code] of presigned)
    test(`a presigned request that is ${what} is refused`, async () => {
      const { s3 } = town.scene
      const path = `/${await town.bucket()}/k`
      const host = new URL(town.scene.gateway.url).host
      const told = await s3.send('GET', path, {
        query: s3.presign('GET', path, options),
        headers: { host },
      })
      assert.deepEqual([told.status, told.code], [status, code])
    })

  test('an expired request says when it was over', async () => {
    const { s3, gateway } = town.scene
    const query = s3.presign('GET', '/b/k', { at: minutes(-2) })
    const told = await s3.send('GET', '/b/k', {
      query,
      headers: { host: new URL(gateway.url).host },
    })
    assert.equal(told.xml('Message'), 'Request has expired')
    assert.ok(told.xml('Expires'))
  })

  test('a header and a query at once are one too many', async () => {
    const { s3 } = town.scene
    const told = await s3.ask('GET', '/b', { query: 'X-Amz-Signature=x' })
    assert.equal(told.code, 'InvalidArgument')
  })

  test('who does not say who it is may do nothing, where no bucket says so', async () => {
    const { s3 } = town.scene
    const bucket = await town.bucket()
    await s3.ask('PUT', `/${bucket}/k`, { body: 'x' })
    for (const [method, path] of [
      ['GET', '/'],
      ['GET', `/${bucket}`],
      ['GET', `/${bucket}/k`],
      ['PUT', `/${bucket}/k`],
      ['DELETE', `/${bucket}/k`],
      ['PUT', '/another-bucket'],
    ] as const)
      assert.equal((await s3.ask(method, path, { isAnonymous: true })).code, 'AccessDenied', path)
  })

  test('a bucket is addressed as a host as well as by a path', async () => {
    const { s3, gateway } = town.scene
    const bucket = await town.bucket()
    const host = `${bucket}.localhost:${new URL(gateway.url).port}`
    assert.equal((await s3.ask('PUT', '/a/b', { host, body: 'hosted' })).status, 200)
    assert.equal((await s3.ask('GET', `/${bucket}/a/b`)).text, 'hosted')
    assert.deepEqual((await s3.ask('GET', '/', { host, query: 'list-type=2' })).all('Key'), ['a/b'])
  })

  test('a signature is good for one bucket only', async () => {
    const { s3, gateway } = town.scene
    const [one, other] = [await town.bucket(), await town.bucket()]
    const { host } = new URL(gateway.url)
    const headers = s3.signed('PUT', `/${one}/k`, { host, body: 'x' })
    const told = await s3.send('PUT', `/${other}/k`, { headers, body: 'x' })
    assert.equal(told.code, 'SignatureDoesNotMatch')
  })

  test('keys of all shapes can be signed, written and read', async () => {
    const { s3 } = town.scene
    const bucket = await town.bucket()
    const keys = [
      'a b',
      'ü€𝄞',
      'a+b',
      "!'()*",
      '..',
      '../..',
      '/a',
      '//',
      'a//b',
      'a\\b',
      '%2e',
      '~-_.',
      '&=?#',
      '__proto__',
      'a'.repeat(1024),
    ]
    for (const key of keys) {
      const path = `/${bucket}/${key.split('/').map(strict).join('/')}`
      assert.equal((await s3.ask('PUT', path, { body: key })).status, 200, key)
      assert.equal((await s3.ask('GET', path)).text, key)
    }
    const listed = await s3.ask('GET', `/${bucket}`, { query: 'encoding-type=url&list-type=2' })
    const found = listed.all('Key').map(decodeURIComponent)
    const order = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
    assert.deepEqual(found, keys.toSorted(order))
  })
})

s3Suite('what keys may do in S3', town => {
  const client = async (rights: readonly object[]): Promise<S3Client> =>
    town.scene.s3.as(await town.scene.keys.create({ rights: rights as never }))

  test('a key with rights below a prefix may do just that', async () => {
    const { s3 } = town.scene
    const bucket = await town.bucket()
    for (const key of ['in/a', 'out']) await s3.ask('PUT', `/${bucket}/${key}`, { body: key })
    const reader = await client([{ bucket, prefix: 'in/', allows: ['read', 'list'] }])
    assert.equal((await reader.ask('GET', `/${bucket}/in/a`)).text, 'in/a')
    assert.equal((await reader.ask('GET', `/${bucket}/out`)).code, 'AccessDenied')
    assert.equal((await reader.ask('PUT', `/${bucket}/in/a`, { body: 'x' })).code, 'AccessDenied')
    assert.deepEqual(
      (await reader.ask('GET', `/${bucket}`, { query: 'list-type=2&prefix=in%2F' })).all('Key'),
      ['in/a'],
    )
    for (const query of ['list-type=2', '', 'versions', 'uploads', 'prefix=o', 'prefix=i'])
      assert.equal((await reader.ask('GET', `/${bucket}`, { query })).code, 'AccessDenied', query)
    assert.equal((await reader.ask('HEAD', `/${bucket}`)).status, 200)
    for (const query of ['policy', 'cors', 'lifecycle', 'tagging'])
      assert.equal((await reader.ask('GET', `/${bucket}`, { query })).code, 'AccessDenied', query)
  })

  test('a copy needs the right to read its source', async () => {
    const { s3 } = town.scene
    const [from, to] = [await town.bucket(), await town.bucket()]
    await s3.ask('PUT', `/${from}/secret`, { body: 'x' })
    const writer = await client([{ bucket: to, prefix: '', allows: ['write'] }])
    const headers = { 'x-amz-copy-source': `/${from}/secret` }
    assert.equal((await writer.ask('PUT', `/${to}/k`, { headers })).code, 'AccessDenied')
    assert.equal((await s3.ask('HEAD', `/${to}/k`)).status, 404)
  })

  test('of many deletions those are done that are allowed', async () => {
    const { s3 } = town.scene
    const bucket = await town.bucket()
    for (const key of ['in/a', 'out']) await s3.ask('PUT', `/${bucket}/${key}`, { body: key })
    const writer = await client([{ bucket, prefix: 'in/', allows: ['write'] }])
    const body = '<Delete><Object><Key>in/a</Key></Object><Object><Key>out</Key></Object></Delete>'
    const told = await writer.ask('POST', `/${bucket}`, { query: 'delete', body })
    assert.deepEqual(told.all('Code'), ['AccessDenied'])
    assert.equal((await s3.ask('HEAD', `/${bucket}/in/a`)).status, 404)
    assert.equal((await s3.ask('HEAD', `/${bucket}/out`)).status, 200)
  })

  test('buckets are listed to those who may enter them', async () => {
    const [one, other] = [await town.bucket(), await town.bucket()]
    const reader = await client([{ bucket: one, prefix: 'a', allows: ['read'] }])
    const names = (await reader.ask('GET', '/')).all('Name')
    assert.ok(names.includes(one) && !names.includes(other))
  })

  test('only administrators make, change and delete buckets', async () => {
    const bucket = await town.bucket()
    const all = await client([{ bucket: '*', prefix: '', allows: ['read', 'write', 'list'] }])
    assert.equal((await all.ask('PUT', '/brand-new')).code, 'AccessDenied')
    assert.equal((await all.ask('DELETE', `/${bucket}`)).code, 'AccessDenied')
    assert.equal(
      (await all.ask('PUT', `/${bucket}`, { query: 'versioning', body: 'x' })).code,
      'AccessDenied',
    )
  })

  test('a policy lets everybody read, until public access is restricted', async () => {
    const { s3 } = town.scene
    const bucket = await town.bucket()
    await s3.ask('PUT', `/${bucket}/k`, { body: 'public' })
    const policy = JSON.stringify({
      Statement: [
        {
          Effect: 'Allow',
          Principal: '*',
          Action: 's3:GetObject',
          Resource: `arn:aws:s3:::${bucket}/*`,
        },
      ],
    })
    assert.equal((await s3.ask('PUT', `/${bucket}`, { query: 'policy', body: policy })).status, 204)
    assert.equal((await s3.ask('GET', `/${bucket}`, { query: 'policy' })).text, policy)
    assert.equal(
      (await s3.ask('GET', `/${bucket}`, { query: 'policyStatus' })).xml('IsPublic'),
      'true',
    )
    assert.equal((await s3.ask('GET', `/${bucket}/k`, { isAnonymous: true })).text, 'public')
    assert.equal((await s3.ask('GET', `/${bucket}`, { isAnonymous: true })).code, 'AccessDenied')
    assert.equal(
      (await s3.ask('PUT', `/${bucket}/k`, { isAnonymous: true, body: 'x' })).code,
      'AccessDenied',
    )
    const overridden = await s3.ask('GET', `/${bucket}/k`, {
      isAnonymous: true,
      query: 'response-content-type=text/html',
    })
    assert.equal(overridden.code, 'InvalidRequest')
    const block =
      '<PublicAccessBlockConfiguration><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>'
    await s3.ask('PUT', `/${bucket}`, { query: 'publicAccessBlock', body: block })
    assert.equal((await s3.ask('GET', `/${bucket}/k`, { isAnonymous: true })).code, 'AccessDenied')
  })

  test('a public policy cannot be set where public policies are blocked', async () => {
    const { s3 } = town.scene
    const bucket = await town.bucket()
    const block =
      '<PublicAccessBlockConfiguration><BlockPublicPolicy>true</BlockPublicPolicy></PublicAccessBlockConfiguration>'
    await s3.ask('PUT', `/${bucket}`, { query: 'publicAccessBlock', body: block })
    const policy = JSON.stringify({
      Statement: {
        Effect: 'Allow',
        Principal: '*',
        Action: 's3:*',
        Resource: `arn:aws:s3:::${bucket}/*`,
      },
    })
    assert.equal(
      (await s3.ask('PUT', `/${bucket}`, { query: 'policy', body: policy })).code,
      'AccessDenied',
    )
    assert.equal(
      (await s3.ask('GET', `/${bucket}`, { query: 'policy' })).code,
      'NoSuchBucketPolicy',
    )
  })

  test('a denial stands against everybody, but for taking the policy back', async () => {
    const { s3 } = town.scene
    const bucket = await town.bucket()
    await s3.ask('PUT', `/${bucket}/k`, { body: 'x' })
    const policy = JSON.stringify({
      Statement: {
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
      },
    })
    await s3.ask('PUT', `/${bucket}`, { query: 'policy', body: policy })
    assert.equal((await s3.ask('GET', `/${bucket}/k`)).code, 'AccessDenied')
    assert.equal((await s3.ask('DELETE', `/${bucket}`)).code, 'AccessDenied')
    assert.equal((await s3.ask('DELETE', `/${bucket}`, { query: 'policy' })).status, 204)
    assert.equal((await s3.ask('GET', `/${bucket}/k`)).text, 'x')
  })

  test('a policy grants a key what its rights do not', async () => {
    const { s3, keys } = town.scene
    const bucket = await town.bucket()
    await s3.ask('PUT', `/${bucket}/k`, { body: 'x' })
    const guest = await keys.create({ rights: [] })
    assert.equal((await s3.as(guest).ask('GET', `/${bucket}/k`)).code, 'AccessDenied')
    const policy = JSON.stringify({
      Statement: {
        Effect: 'Allow',
        Principal: { AWS: guest.id },
        Action: 's3:GetObject',
        Resource: `arn:aws:s3:::${bucket}/k`,
      },
    })
    await s3.ask('PUT', `/${bucket}`, { query: 'policy', body: policy })
    assert.equal((await s3.as(guest).ask('GET', `/${bucket}/k`)).text, 'x')
  })

  test('a revoked key is refused', async () => {
    const { s3, keys } = town.scene
    const key = await keys.create({ rights: [{ bucket: '*', prefix: '', allows: ['admin'] }] })
    assert.equal((await s3.as(key).ask('GET', '/')).status, 200)
    await keys.revoke(key.id)
    assert.equal((await s3.as(key).ask('GET', '/')).code, 'InvalidAccessKeyId')
  })

  test('who expects another owner is in the wrong place', async () => {
    const { s3 } = town.scene
    const bucket = await town.bucket()
    const asOwner = (owner: string) =>
      s3.ask('HEAD', `/${bucket}`, { headers: { 'x-amz-expected-bucket-owner': owner } })
    assert.equal((await asOwner('holdfast')).status, 200)
    assert.equal((await asOwner('123456789012')).status, 403)
  })
})
