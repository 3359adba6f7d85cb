import assert from 'node:assert/strict'
import { test } from 'node:test'

import { s3Suite } from '../../support/s3-suite.ts'

s3Suite('versions and locks over S3', town => {
  const ask = (...args: Parameters<typeof town.scene.s3.ask>) => town.scene.s3.ask(...args)
  const fill = async (bucket: string, keys: readonly string[]): Promise<void> => {
    await Promise.all(
      keys.map(key =>
        ask('PUT', `/${bucket}/${encodeURIComponent(key).replaceAll('%2F', '/')}`, { body: key }),
      ),
    )
  }

  const enable = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
  const suspend = enable.replace('Enabled', 'Suspended')

  test('versions are kept once a bucket keeps them, and come back by their names', async () => {
    const bucket = await town.bucket()
    const path = `/${bucket}/k`
    await ask('PUT', path, { body: 'before' })
    assert.equal((await ask('GET', `/${bucket}`, { query: 'versioning' })).xml('Status'), undefined)
    await ask('PUT', `/${bucket}`, { query: 'versioning', body: enable })
    const [one, two] = [
      await ask('PUT', path, { body: 'one' }),
      await ask('PUT', path, { body: 'two' }),
    ]
    const versions = [one, two].map(({ headers }) => headers['x-amz-version-id'] ?? '')
    assert.equal((await ask('GET', path)).headers['x-amz-version-id'], versions[1])
    assert.equal((await ask('GET', path, { query: `versionId=${versions[0]}` })).text, 'one')
    assert.equal((await ask('GET', path, { query: 'versionId=null' })).text, 'before')
    const gone = await ask('DELETE', path)
    assert.equal(gone.headers['x-amz-delete-marker'], 'true')
    const marker = gone.headers['x-amz-version-id'] ?? ''
    const missing = await ask('GET', path)
    assert.deepEqual([missing.status, missing.code], [404, 'NoSuchKey'])
    assert.deepEqual(
      [missing.headers['x-amz-delete-marker'], missing.headers['x-amz-version-id']],
      ['true', marker],
    )
    const named = await ask('GET', path, { query: `versionId=${marker}` })
    assert.deepEqual(
      [named.status, named.code, named.headers['x-amz-delete-marker']],
      [405, 'MethodNotAllowed', 'true'],
    )
    const listed = await ask('GET', `/${bucket}`, { query: 'versions' })
    assert.deepEqual(listed.all('VersionId'), [marker, ...versions.toReversed(), 'null'])
    assert.deepEqual(listed.all('IsLatest'), ['true', 'false', 'false', 'false'])
    assert.equal(listed.all('DeleteMarker').length, 1)
    assert.equal(
      (await ask('DELETE', path, { query: `versionId=${marker}` })).headers['x-amz-delete-marker'],
      'true',
    )
    assert.equal((await ask('GET', path)).text, 'two')
    assert.equal((await ask('DELETE', `/${bucket}`)).code, 'BucketNotEmpty')
    const restored = await ask('PUT', path, {
      headers: { 'x-amz-copy-source': `${path}?versionId=${versions[0]}` },
    })
    assert.equal(restored.headers['x-amz-copy-source-version-id'], versions[0])
    assert.equal((await ask('GET', path)).text, 'one')
  })

  test('while versions are suspended there is one without a name', async () => {
    const bucket = await town.bucket()
    await ask('PUT', `/${bucket}`, { query: 'versioning', body: enable })
    await ask('PUT', `/${bucket}/k`, { body: 'one' })
    await ask('PUT', `/${bucket}`, { query: 'versioning', body: suspend })
    for (const body of ['two', 'three']) await ask('PUT', `/${bucket}/k`, { body })
    const ids = (await ask('GET', `/${bucket}`, { query: 'versions' })).all('VersionId')
    assert.equal(ids.length, 2)
    assert.equal(ids[0], 'null')
  })

  test('the version without a name is called null once versions were ever kept', async () => {
    const bucket = await town.bucket()
    const path = `/${bucket}/k`
    const told = async (method: string, headers: Record<string, string> = {}) =>
      (await ask(method, path, { headers, body: method === 'PUT' ? 'x' : '' })).headers
    assert.equal((await told('PUT'))['x-amz-version-id'], undefined)
    assert.equal((await told('HEAD'))['x-amz-version-id'], undefined)
    await ask('PUT', `/${bucket}`, { query: 'versioning', body: enable })
    assert.equal((await told('HEAD'))['x-amz-version-id'], 'null')
    await ask('PUT', `/${bucket}`, { query: 'versioning', body: suspend })
    assert.equal((await told('PUT'))['x-amz-version-id'], 'null')
    const { etag = '' } = await told('GET')
    const unchanged = await ask('GET', path, { headers: { 'if-none-match': etag } })
    assert.deepEqual([unchanged.status, unchanged.headers['x-amz-version-id']], [304, 'null'])
    const copied = await told('PUT', {
      'x-amz-copy-source': path,
      'x-amz-metadata-directive': 'REPLACE',
    })
    assert.equal(copied['x-amz-copy-source-version-id'], 'null')
    const gone = await told('DELETE')
    assert.deepEqual([gone['x-amz-delete-marker'], gone['x-amz-version-id']], ['true', 'null'])
  })

  for (const [version, code] of [
    ['nonsense', 'NoSuchVersion'],
    ['', 'InvalidArgument'],
  ] as const)
    test(`version ${JSON.stringify(version)} is ${code}`, async () => {
      const bucket = await town.bucket()
      await fill(bucket, ['k'])
      assert.equal((await ask('GET', `/${bucket}/k`, { query: `versionId=${version}` })).code, code)
    })

  test('a lock keeps a version, a hold even against those who may bypass', async () => {
    const bucket = await town.bucket({ 'x-amz-bucket-object-lock-enabled': 'true' })
    const until = new Date(Date.now() + 3_600_000).toISOString()
    const lock = {
      'x-amz-object-lock-mode': 'GOVERNANCE',
      'x-amz-object-lock-retain-until-date': until,
    }
    const path = `/${bucket}/k`
    const put = await ask('PUT', path, { body: 'locked', headers: lock })
    const query = `versionId=${put.headers['x-amz-version-id']}`
    const bypass = { 'x-amz-bypass-governance-retention': 'true' }
    assert.equal((await ask('HEAD', path)).headers['x-amz-object-lock-mode'], 'GOVERNANCE')
    assert.equal((await ask('DELETE', path, { query })).code, 'AccessDenied')
    const hold = (status: string) =>
      ask('PUT', path, {
        query: 'legal-hold',
        body: `<LegalHold><Status>${status}</Status></LegalHold>`,
      })
    assert.equal((await hold('ON')).status, 200)
    assert.equal((await ask('GET', path, { query: 'legal-hold' })).xml('Status'), 'ON')
    assert.equal((await ask('DELETE', path, { query, headers: bypass })).code, 'AccessDenied')
    await hold('OFF')
    assert.equal((await ask('GET', path, { query: 'retention' })).xml('Mode'), 'GOVERNANCE')
    assert.equal((await ask('DELETE', path, { query, headers: bypass })).status, 204)
    const suspended = await ask('PUT', `/${bucket}`, { query: 'versioning', body: suspend })
    assert.equal(suspended.code, 'InvalidBucketState')
  })

  test('who may only write cannot bypass a lock', async () => {
    const bucket = await town.bucket({ 'x-amz-bucket-object-lock-enabled': 'true' })
    const until = new Date(Date.now() + 3_600_000).toISOString()
    const headers = {
      'x-amz-object-lock-mode': 'GOVERNANCE',
      'x-amz-object-lock-retain-until-date': until,
    }
    const put = await ask('PUT', `/${bucket}/k`, { body: 'locked', headers })
    const key = await town.scene.keys.create({
      rights: [{ bucket, prefix: '', allows: ['read', 'write', 'list'] }],
    })
    const told = await town.scene.s3.as(key).ask('DELETE', `/${bucket}/k`, {
      query: `versionId=${put.headers['x-amz-version-id']}`,
      headers: { 'x-amz-bypass-governance-retention': 'true' },
    })
    assert.equal(told.code, 'AccessDenied')
  })

  test('a retention that is over, or none, cannot be set', async () => {
    const bucket = await town.bucket({ 'x-amz-bucket-object-lock-enabled': 'true' })
    for (const headers of [
      { 'x-amz-object-lock-mode': 'GOVERNANCE' },
      {
        'x-amz-object-lock-mode': 'GOVERNANCE',
        'x-amz-object-lock-retain-until-date': '2020-01-01T00:00:00Z',
      },
      {
        'x-amz-object-lock-mode': 'MILD',
        'x-amz-object-lock-retain-until-date': '2099-01-01T00:00:00Z',
      },
      { 'x-amz-object-lock-legal-hold': 'PERHAPS' },
    ])
      assert.equal(
        (await ask('PUT', `/${bucket}/k`, { body: 'x', headers })).code,
        'InvalidArgument',
      )
  })
})
