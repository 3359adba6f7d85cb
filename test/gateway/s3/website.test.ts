import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { S3Told } from '../../support/s3-client.ts'
import { s3Suite } from '../../support/s3-suite.ts'

const index = '<IndexDocument><Suffix>index.html</Suffix></IndexDocument>'
const error = '<ErrorDocument><Key>error.html</Key></ErrorDocument>'

s3Suite('websites', town => {
  const ask = (...args: Parameters<typeof town.scene.s3.ask>) => town.scene.s3.ask(...args)

  interface Site {
    readonly bucket: string
    readonly see: (
      path: string,
      options?: { method?: string; query?: string; headers?: Record<string, string> },
    ) => Promise<S3Told>
    readonly put: (key: string, headers?: Record<string, string>) => Promise<S3Told>
  }

  /** A bucket whose objects everybody may read, as a website. */
  async function site(more = '', { isPublic = true } = {}): Promise<Site> {
    const bucket = await town.bucket()
    const body = `<WebsiteConfiguration>${index}${more}</WebsiteConfiguration>`
    assert.equal((await ask('PUT', `/${bucket}`, { query: 'website', body })).status, 200)
    const Statement = {
      Effect: 'Allow',
      Principal: '*',
      Action: 's3:GetObject',
      Resource: `arn:aws:s3:::${bucket}/*`,
    }
    const policy = JSON.stringify({ Version: '2012-10-17', Statement: [Statement] })
    if (isPublic) await ask('PUT', `/${bucket}`, { query: 'policy', body: policy })
    const host = `${bucket}.web.localhost`
    return {
      bucket,
      see: (path, { method = 'GET', ...asked } = {}) =>
        ask(method, path, { ...asked, host, isAnonymous: true }),
      put: (key, headers = {}) =>
        ask('PUT', `/${bucket}/${key}`, {
          body: key,
          headers: { 'content-type': 'text/html', ...headers },
        }),
    }
  }

  test('a folder shows its index document, and a file itself', async () => {
    const { see, put } = await site()
    for (const key of ['index.html', 'a/index.html', 'a/b.html']) await put(key)
    for (const [path, text] of [
      ['/', 'index.html'],
      ['/a/', 'a/index.html'],
      ['/a/b.html', 'a/b.html'],
    ] as const) {
      const told = await see(path)
      assert.deepEqual([told.status, told.text], [200, text])
      assert.equal(told.headers['content-type'], 'text/html')
    }
    const head = await see('/', { method: 'HEAD' })
    assert.deepEqual([head.status, head.headers['content-length'], head.text], [200, '10', ''])
  })

  test('ranges and conditions are heard, queries are not', async () => {
    const { see, put } = await site()
    await put('index.html')
    const part = await see('/', { headers: { range: 'bytes=0-4' } })
    assert.deepEqual([part.status, part.text], [206, 'index'])
    const { etag = '' } = (await see('/')).headers
    assert.equal((await see('/', { headers: { 'if-none-match': etag } })).status, 304)
    assert.equal((await see('/', { query: 'acl' })).text, 'index.html')
    assert.equal((await see('/', { query: 'versionId=nonsense' })).text, 'index.html')
  })

  test('a folder without its slash is found, if it has an index document', async () => {
    const { see, put } = await site()
    await put('a%20b/index.html')
    const told = await see('/a%20b')
    assert.deepEqual([told.status, told.headers['location']], [302, '/a%20b/'])
    assert.equal((await see('/c')).status, 404)
  })

  test('what is not there is the error document, or a page that says so', async () => {
    const { see, put } = await site(error)
    const bare = await see('/x/<b>')
    assert.equal(bare.status, 404)
    assert.match(bare.text, /<h1>404 NoSuchKey<\/h1>/)
    await put('error.html')
    const told = await see('/x')
    assert.deepEqual([told.status, told.text], [404, 'error.html'])
    const head = await see('/x', { method: 'HEAD' })
    assert.deepEqual([head.status, head.text], [404, ''])
  })

  test('only what everybody may read is shown', async () => {
    const { see, put } = await site('', { isPublic: false })
    await put('index.html')
    const told = await see('/')
    assert.equal(told.status, 403)
    assert.match(told.text, /AccessDenied/)
  })

  test('a key does not open what is closed to everybody', async () => {
    const { bucket, put } = await site('', { isPublic: false })
    await put('index.html')
    assert.equal((await ask('GET', '/', { host: `${bucket}.web.localhost` })).status, 403)
  })

  test('nothing but reading is done at a website', async () => {
    const { see } = await site()
    for (const method of ['PUT', 'POST', 'DELETE', 'OPTIONS']) {
      const told = await see('/index.html', { method })
      assert.deepEqual([told.status, told.headers['allow']], [405, 'GET, HEAD'])
    }
  })

  test('a bucket without a website has none', async () => {
    for (const bucket of [await town.bucket(), 'nowhere']) {
      const told = await ask('GET', '/', { host: `${bucket}.web.localhost`, isAnonymous: true })
      assert.equal(told.status, 404)
      assert.match(told.text, /NoSuchWebsiteConfiguration/)
    }
  })

  test('a website may be elsewhere as a whole', async () => {
    const { bucket, see } = await site()
    const body =
      '<WebsiteConfiguration><RedirectAllRequestsTo><HostName>example.org</HostName><Protocol>https</Protocol></RedirectAllRequestsTo></WebsiteConfiguration>'
    await ask('PUT', `/${bucket}`, { query: 'website', body })
    const told = await see('/a%20b/c')
    assert.deepEqual([told.status, told.headers['location']], [301, 'https://example.org/a%20b/c'])
  })

  test('an object may point elsewhere', async () => {
    const { see, put } = await site()
    await put('old', { 'x-amz-website-redirect-location': '/new' })
    const told = await see('/old')
    assert.deepEqual([told.status, told.headers['location'], told.text], [301, '/new', ''])
  })

  const routing = (condition: string, redirect: string): string =>
    `<RoutingRules><RoutingRule><Condition>${condition}</Condition><Redirect>${redirect}</Redirect></RoutingRule></RoutingRules>`
  const prefix = '<KeyPrefixEquals>docs/</KeyPrefixEquals>'
  const missing = '<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals>'
  for (const [condition, redirect, path, status, location] of [
    [
      prefix,
      '<ReplaceKeyPrefixWith>documents/</ReplaceKeyPrefixWith>',
      '/docs/a',
      301,
      'documents/a',
    ],
    [prefix, '<ReplaceKeyWith>moved.html</ReplaceKeyWith>', '/docs/a', 301, 'moved.html'],
    [
      missing,
      '<ReplaceKeyWith>soon</ReplaceKeyWith><HttpRedirectCode>307</HttpRedirectCode>',
      '/no',
      307,
      'soon',
    ],
    [
      prefix + missing,
      '<ReplaceKeyPrefixWith>old/</ReplaceKeyPrefixWith>',
      '/docs/no',
      301,
      'old/no',
    ],
  ] as const)
    test(`a rule sends ${path} to ${location}`, async () => {
      const { bucket, see } = await site(routing(condition, redirect))
      const told = await see(path)
      assert.deepEqual(
        [told.status, told.headers['location']],
        [status, `http://${bucket}.web.localhost/${location}`],
      )
      assert.equal((await see('/other')).status, condition === missing ? 307 : 404)
    })

  test('routing rules are told as they were given', async () => {
    const redirect = '<Protocol>https</Protocol><HostName>example.org</HostName>'
    const { bucket } = await site(routing(prefix, redirect))
    const { text } = await ask('GET', `/${bucket}`, { query: 'website' })
    assert.match(text, /<KeyPrefixEquals>docs\/<.*<HostName>example.org</)
  })

  for (const [redirect, code] of [
    ['', 'MalformedXML'],
    [
      '<ReplaceKeyWith>a</ReplaceKeyWith><ReplaceKeyPrefixWith>b</ReplaceKeyPrefixWith>',
      'MalformedXML',
    ],
    ['<HttpRedirectCode>200</HttpRedirectCode>', 'InvalidArgument'],
    ['<HostName>a/b</HostName>', 'InvalidArgument'],
  ] as const)
    test(`a rule that leads to ${JSON.stringify(redirect)} is refused`, async () => {
      const bucket = await town.bucket()
      const body = `<WebsiteConfiguration>${index}${routing(prefix, redirect)}</WebsiteConfiguration>`
      assert.equal((await ask('PUT', `/${bucket}`, { query: 'website', body })).code, code)
    })
})
