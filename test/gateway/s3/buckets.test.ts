import assert from 'node:assert/strict'
import { test } from 'node:test'

import { s3Suite } from '../../support/s3-suite.ts'

s3Suite('buckets over S3', town => {
  const ask = (...args: Parameters<typeof town.scene.s3.ask>) => town.scene.s3.ask(...args)
  const fill = async (bucket: string, keys: readonly string[]): Promise<void> => {
    await Promise.all(
      keys.map(key =>
        ask('PUT', `/${bucket}/${encodeURIComponent(key).replaceAll('%2F', '/')}`, { body: key }),
      ),
    )
  }

  test('a bucket is made, found, listed and removed', async () => {
    const made = await ask('PUT', '/a-new-bucket')
    assert.deepEqual([made.status, made.headers['location']], [200, '/a-new-bucket'])
    assert.equal((await ask('PUT', '/a-new-bucket')).status, 200, 'it is as it was asked to be')
    const head = await ask('HEAD', '/a-new-bucket')
    assert.deepEqual([head.status, head.headers['x-amz-bucket-region']], [200, 'us-east-1'])
    assert.ok((await ask('GET', '/')).all('Name').includes('a-new-bucket'))
    assert.equal((await ask('DELETE', '/a-new-bucket')).status, 204)
    assert.equal((await ask('HEAD', '/a-new-bucket')).status, 404)
    assert.equal((await ask('DELETE', '/a-new-bucket')).code, 'NoSuchBucket')
  })

  for (const name of [
    'ab',
    'Upper',
    'a_b',
    '-ab',
    'ab-',
    'a..b',
    'a.-b',
    '10.0.0.1',
    'a'.repeat(64),
    'api',
    'console',
    'metrics',
  ])
    test(`${name} is no name for a bucket`, async () => {
      const told = await ask('PUT', `/${name}`)
      assert.deepEqual([told.status, told.code], [400, 'InvalidBucketName'])
    })

  test('a bucket is removed once it is empty, whatever uploads are left', async () => {
    const bucket = await town.bucket()
    await fill(bucket, ['k'])
    assert.equal((await ask('DELETE', `/${bucket}`)).code, 'BucketNotEmpty')
    await ask('DELETE', `/${bucket}/k`)
    await ask('POST', `/${bucket}/left`, { query: 'uploads' })
    assert.equal((await ask('DELETE', `/${bucket}`)).status, 204)
  })

  test('a bucket is made in our region or not at all', async () => {
    const at = (region: string) =>
      `<CreateBucketConfiguration><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`
    assert.equal(
      (await ask('PUT', '/elsewhere', { body: at('eu-west-1') })).code,
      'InvalidLocationConstraint',
    )
    assert.equal((await ask('PUT', '/right-here', { body: at('us-east-1') })).status, 200)
    assert.equal(
      (await ask('GET', '/right-here', { query: 'location' })).xml('LocationConstraint'),
      '',
    )
  })

  const absent = [
    ['policy', 'NoSuchBucketPolicy'],
    ['policyStatus', 'NoSuchBucketPolicy'],
    ['cors', 'NoSuchCORSConfiguration'],
    ['lifecycle', 'NoSuchLifecycleConfiguration'],
    ['tagging', 'NoSuchTagSet'],
    ['website', 'NoSuchWebsiteConfiguration'],
    ['publicAccessBlock', 'NoSuchPublicAccessBlockConfiguration'],
    ['object-lock', 'ObjectLockConfigurationNotFoundError'],
    ['replication', 'ReplicationConfigurationNotFoundError'],
  ] as const
  for (const [query, code] of absent)
    test(`a bucket without ${query} says ${code}`, async () => {
      const told = await ask('GET', `/${await town.bucket()}`, { query })
      assert.deepEqual([told.status, told.code], [404, code])
      assert.equal((await ask('GET', '/no-such-bucket', { query })).code, 'NoSuchBucket')
    })

  for (const query of [
    'acl',
    'encryption',
    'ownershipControls',
    'logging',
    'notification',
    'requestPayment',
    'accelerate',
    'versioning',
    'location',
  ])
    test(`every bucket has an answer to ${query}`, async () => {
      assert.equal((await ask('GET', `/${await town.bucket()}`, { query })).status, 200)
      assert.equal((await ask('GET', '/no-such-bucket', { query })).code, 'NoSuchBucket')
    })

  for (const query of [
    'notification',
    'replication',
    'logging',
    'inventory',
    'analytics',
    'accelerate',
    'requestPayment',
    'metadataTable',
  ])
    test(`setting ${query} is not implemented, rather than done in words`, async () => {
      const told = await ask('PUT', `/${await town.bucket()}`, { query, body: '<X/>' })
      assert.deepEqual([told.status, told.code], [501, 'NotImplemented'])
    })

  const kept = [
    [
      'tagging',
      '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>',
      /<Key>a<\/Key><Value>b</,
    ],
    [
      'website',
      '<WebsiteConfiguration><IndexDocument><Suffix>index.html</Suffix></IndexDocument></WebsiteConfiguration>',
      /<Suffix>index.html</,
    ],
    [
      'lifecycle',
      '<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter><And><Prefix>a/</Prefix><Tag><Key>t</Key><Value>v</Value></Tag></And></Filter>' +
        '<Expiration><Days>3</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>4</NoncurrentDays></NoncurrentVersionExpiration></Rule>' +
        '<Rule><Status>Enabled</Status><Filter/><AbortIncompleteMultipartUpload><DaysAfterInitiation>5</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>',
      /<Prefix>a\/<.*<Days>3<.*<NoncurrentDays>4<.*<DaysAfterInitiation>5</,
    ],
    [
      'publicAccessBlock',
      '<PublicAccessBlockConfiguration><BlockPublicAcls>TRUE</BlockPublicAcls></PublicAccessBlockConfiguration>',
      /<BlockPublicAcls>true</,
    ],
    [
      'cors',
      '<CORSConfiguration><CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>https://*.a</AllowedOrigin></CORSRule></CORSConfiguration>',
      /<AllowedOrigin>https:\/\/\*\.a</,
    ],
  ] as const
  for (const [query, body, told] of kept)
    test(`${query} is kept, told and taken away`, async () => {
      const path = `/${await town.bucket()}`
      assert.equal((await ask('PUT', path, { query, body })).status, 200)
      assert.match((await ask('GET', path, { query })).text, told)
      assert.equal((await ask('DELETE', path, { query })).status, 204)
      assert.equal((await ask('GET', path, { query })).status, 404)
    })

  const tagged = '<Filter><Tag><Key>t</Key><Value>v</Value></Tag></Filter>'
  const lifecycle = (rule: string): string =>
    `<LifecycleConfiguration><Rule><Status>Enabled</Status>${rule}</Rule></LifecycleConfiguration>`

  test('what will end says so', async () => {
    const path = `/${await town.bucket()}`
    const rule = lifecycle(`<ID>a b</ID>${tagged}<Expiration><Days>3</Days></Expiration>`)
    assert.equal((await ask('PUT', path, { query: 'lifecycle', body: rule })).status, 200)
    const put = await ask('PUT', `${path}/k`, { body: 'x', headers: { 'x-amz-tagging': 't=v' } })
    const told = put.headers['x-amz-expiration'] ?? ''
    assert.match(told, /^expiry-date="\w{3}, \d\d \w{3} \d{4} 00:00:00 GMT", rule-id="a%20b"$/)
    assert.equal((await ask('HEAD', `${path}/k`)).headers['x-amz-expiration'], told)
    const other = await ask('PUT', `${path}/other`, { body: 'x' })
    assert.equal(other.headers['x-amz-expiration'], undefined)
  })

  const refused = [
    [
      'lifecycle',
      lifecycle(
        `${tagged}<AbortIncompleteMultipartUpload><DaysAfterInitiation>5</DaysAfterInitiation></AbortIncompleteMultipartUpload>`,
      ),
      'InvalidRequest',
    ],
    [
      'lifecycle',
      lifecycle(
        '<Filter><ObjectSizeLessThan>5</ObjectSizeLessThan></Filter><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>',
      ),
      'InvalidRequest',
    ],
    [
      'lifecycle',
      lifecycle('<Filter/><Expiration><Date>2030-01-01T00:00:01Z</Date></Expiration>'),
      'InvalidArgument',
    ],
    ['tagging', '<Tagging', 'MalformedXML'],
    ['tagging', '<!DOCTYPE a [<!ENTITY b "c">]><Tagging>&b;</Tagging>', 'MalformedXML'],
    ['tagging', '', 'MissingRequestBodyError'],
    ['tagging', '<Other/>', 'MalformedXML'],
    ['lifecycle', '<LifecycleConfiguration/>', 'MalformedXML'],
    [
      'lifecycle',
      '<LifecycleConfiguration><Rule><Status>Enabled</Status><Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition></Rule></LifecycleConfiguration>',
      'NotImplemented',
    ],
    [
      'lifecycle',
      '<LifecycleConfiguration><Rule><Status>Enabled</Status><Expiration><Days>0</Days></Expiration></Rule></LifecycleConfiguration>',
      'InvalidArgument',
    ],
    [
      'cors',
      '<CORSConfiguration><CORSRule><AllowedMethod>FLY</AllowedMethod><AllowedOrigin>*</AllowedOrigin></CORSRule></CORSConfiguration>',
      'InvalidRequest',
    ],
    [
      'website',
      '<WebsiteConfiguration><IndexDocument><Suffix>a/b</Suffix></IndexDocument></WebsiteConfiguration>',
      'MalformedXML',
    ],
    [
      'encryption',
      '<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>',
      'NotImplemented',
    ],
    [
      'ownershipControls',
      '<OwnershipControls><Rule><ObjectOwnership>ObjectWriter</ObjectOwnership></Rule></OwnershipControls>',
      'NotImplemented',
    ],
    [
      'acl',
      '<AccessControlPolicy><AccessControlList><Grant><Grantee><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI></Grantee><Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>',
      'NotImplemented',
    ],
    ['versioning', '<VersioningConfiguration/>', 'IllegalVersioningConfigurationException'],
    [
      'versioning',
      '<VersioningConfiguration><Status>Maybe</Status></VersioningConfiguration>',
      'MalformedXML',
    ],
    ['policy', '{', 'MalformedPolicy'],
    [
      'object-lock',
      '<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>',
      'InvalidBucketState',
    ],
  ] as const
  for (const [query, body, code] of refused)
    test(`${query} as ${JSON.stringify(body.slice(0, 60))} is refused as ${code}`, async () => {
      assert.equal((await ask('PUT', `/${await town.bucket()}`, { query, body })).code, code)
    })

  const keys = ['a', 'b/1', 'b/2', 'b/3/x', 'c', 'd/1', 'e+f', 'ü']

  test('a list is in the order of bytes, with what belongs to each key', async () => {
    const bucket = await town.bucket()
    await fill(bucket, keys)
    for (const query of ['', 'list-type=2', 'versions']) {
      const told = await ask('GET', `/${bucket}`, { query })
      assert.deepEqual(told.all('Key'), keys, query)
      assert.equal(told.xml('IsTruncated'), 'false')
      assert.equal(told.xml('Size'), '1')
      assert.match(told.xml('LastModified') ?? '', /^\d{4}-\d\d-\d\dT.*Z$/)
    }
    assert.equal((await ask('GET', `/${bucket}`, { query: 'list-type=2' })).xml('Owner'), undefined)
    assert.ok(
      (await ask('GET', `/${bucket}`, { query: 'list-type=2&fetch-owner=true' })).xml('Owner'),
    )
  })

  const lists = [
    ['prefix=b%2F', ['b/1', 'b/2', 'b/3/x'], []],
    ['delimiter=%2F', ['a', 'c', 'e+f', 'ü'], ['b/', 'd/']],
    ['prefix=b%2F&delimiter=%2F', ['b/1', 'b/2'], ['b/3/']],
    ['prefix=z', [], []],
    ['max-keys=0', [], []],
    ['delimiter=%2B', ['a', 'b/1', 'b/2', 'b/3/x', 'c', 'd/1', 'ü'], ['e+']],
    ['encoding-type=url&prefix=e', ['e%2Bf'], []],
    ['encoding-type=url&prefix=%C3%BC', ['%C3%BC'], []],
  ] as const
  for (const [query, found, prefixes] of lists)
    test(`a list by ${query} is the same in every version of the call`, async () => {
      const bucket = await town.bucket()
      await fill(bucket, keys)
      for (const call of ['', 'list-type=2&', 'versions&']) {
        const told = await ask('GET', `/${bucket}`, { query: `${call}${query}` })
        assert.deepEqual(told.all('Key'), found, call)
        const common = told
          .all('CommonPrefixes')
          .map(each => /<Prefix>(.*)<\/Prefix>/.exec(each)?.[1])
        assert.deepEqual(common, prefixes, call)
        assert.equal(told.xml('IsTruncated'), 'false', call)
      }
    })

  for (const size of [1, 2, 3, 7])
    test(`pages of ${size} make up the whole list, by every way to go on`, async () => {
      const bucket = await town.bucket()
      await fill(bucket, keys)
      const ways = [
        ['', 'marker', 'NextMarker'],
        ['list-type=2', 'continuation-token', 'NextContinuationToken'],
        ['versions', 'key-marker', 'NextKeyMarker'],
      ] as const
      for (const [call, name, next] of ways) {
        const seen: string[] = []
        for (let marker = '', pages = 0; pages < 20; pages++) {
          const on = marker === '' ? '' : `&${name}=${encodeURIComponent(marker)}`
          const told = await ask('GET', `/${bucket}`, {
            query: `${call}&delimiter=%2F&max-keys=${size}${on}`.replace(/^&/, ''),
          })
          seen.push(
            ...told.all('Key'),
            ...told.all('CommonPrefixes').map(each => each.replaceAll(/<\/?Prefix>/g, '')),
          )
          if (told.xml('IsTruncated') === 'false') break
          marker = told.xml(next) ?? ''
          assert.notEqual(marker, '', `${call} says where to go on`)
        }
        assert.deepEqual(seen.toSorted(), ['a', 'b/', 'c', 'd/', 'e+f', 'ü'], call)
      }
    })

  test('a list begins behind a key that need not be there', async () => {
    const bucket = await town.bucket()
    await fill(bucket, keys)
    const of = async (query: string) => (await ask('GET', `/${bucket}`, { query })).all('Key')
    assert.deepEqual(await of('list-type=2&start-after=c'), ['d/1', 'e+f', 'ü'])
    assert.deepEqual(await of('list-type=2&start-after=bb'), ['c', 'd/1', 'e+f', 'ü'])
    assert.deepEqual(await of('marker=d%2F1'), ['e+f', 'ü'])
  })

  const badLists = [
    'max-keys=x',
    'max-keys=-1',
    'encoding-type=xml',
    'list-type=2&continuation-token=',
    'versions&version-id-marker=a',
  ]
  for (const query of badLists)
    test(`a list by ${query} has an invalid argument`, async () => {
      assert.equal((await ask('GET', `/${await town.bucket()}`, { query })).code, 'InvalidArgument')
    })

  test('many objects are deleted at once, those that are not there as well', async () => {
    const bucket = await town.bucket()
    await fill(bucket, keys)
    const objects = [...keys, 'not there'].map(key => `<Object><Key>${key}</Key></Object>`).join('')
    const told = await ask('POST', `/${bucket}`, {
      query: 'delete',
      body: `<Delete>${objects}</Delete>`,
    })
    assert.equal(told.all('Deleted').length, keys.length + 1)
    assert.deepEqual((await ask('GET', `/${bucket}`)).all('Key'), [])
    const quiet = await ask('POST', `/${bucket}`, {
      query: 'delete',
      body: `<Delete><Quiet>true</Quiet>${objects}</Delete>`,
    })
    assert.deepEqual(quiet.all('Deleted'), [])
  })

  test('of a thousand and one deletions in one request none is done', async () => {
    const bucket = await town.bucket()
    await fill(bucket, ['k'])
    const objects = '<Object><Key>k</Key></Object>'.repeat(1001)
    const told = await ask('POST', `/${bucket}`, {
      query: 'delete',
      body: `<Delete>${objects}</Delete>`,
    })
    assert.equal(told.code, 'MalformedXML')
    assert.equal((await ask('HEAD', `/${bucket}/k`)).status, 200)
  })

  test('a page of another origin may ask what the rules let it', async () => {
    const bucket = await town.bucket()
    const path = `/${bucket}/k`
    await ask('PUT', path, { body: 'x' })
    const body =
      '<CORSConfiguration><CORSRule><AllowedOrigin>https://a.example</AllowedOrigin><AllowedMethod>GET</AllowedMethod>' +
      '<AllowedHeader>x-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>60</MaxAgeSeconds></CORSRule></CORSConfiguration>'
    await ask('PUT', `/${bucket}`, { query: 'cors', body })
    const preflight = (origin: string, method: string, headers = 'x-a') =>
      ask('OPTIONS', path, {
        isAnonymous: true,
        headers: {
          origin,
          'access-control-request-method': method,
          'access-control-request-headers': headers,
        },
      })
    const allowed = await preflight('https://a.example', 'GET')
    assert.deepEqual(
      [allowed.status, allowed.headers['access-control-allow-origin']],
      [200, 'https://a.example'],
    )
    assert.equal(allowed.headers['access-control-max-age'], '60')
    for (const told of [
      await preflight('https://b.example', 'GET'),
      await preflight('https://a.example', 'PUT'),
      await preflight('https://a.example', 'GET', 'y'),
    ])
      assert.equal(told.code, 'AccessDenied')
    const headers = { origin: 'https://a.example' }
    assert.equal(
      (await ask('GET', path, { headers })).headers['access-control-expose-headers'],
      'ETag',
    )
    const failed = await ask('GET', `${path}-none`, { headers })
    assert.deepEqual(
      [failed.code, failed.headers['access-control-allow-origin']],
      ['NoSuchKey', 'https://a.example'],
    )
    assert.equal((await ask('GET', path)).headers['access-control-allow-origin'], undefined)
  })
})
