import assert from 'node:assert/strict'
import { test } from 'node:test'

import { S3Error } from '../../../src/gateway/s3/s3-error.ts'
import { splitUrl, targetOf } from '../../../src/gateway/s3/target.ts'

const here = (url: string, host = 'localhost:4800') =>
  targetOf(url, host, ['localhost', 's3.example.org'])

const paths = [
  ['/', undefined, undefined],
  ['/films', 'films', undefined],
  ['/films/', 'films', undefined],
  ['/films/a', 'films', 'a'],
  ['/films/a/b', 'films', 'a/b'],
  ['/films//a', 'films', '/a'],
  ['/films/a//', 'films', 'a//'],
  ['/films/../etc/passwd', 'films', '../etc/passwd'],
  ['/films/%2e%2e/%2E', 'films', '../.'],
  ['/films/%252e', 'films', '%2e'],
  ['/films/a%2Fb', 'films', 'a/b'],
  ['/films/a\\b', 'films', 'a\\b'],
  ['/films/a+b', 'films', 'a+b'],
  ['/films/%E2%82%AC', 'films', '€'],
  ['/films/\u00E2\u0082\u00AC', 'films', '€'],
  ['/films/__proto__', 'films', '__proto__'],
  ['/films/a?prefix=b/c?d', 'films', 'a'],
  ['http://elsewhere/films/a', 'films', 'a'],
] as const

for (const [url, bucket, key] of paths)
  test(`${JSON.stringify(url)} is bucket ${bucket} and key ${JSON.stringify(key)}`, () => {
    const target = here(url)
    assert.deepEqual([target.bucket, target.key], [bucket, key])
  })

const refused = [
  ['/films/%00', 'InvalidURI'],
  ['/films/a%0Ab', 'InvalidURI'],
  ['/films/%7F', 'InvalidURI'],
  ['/films/%ff', 'InvalidURI'],
  ['/films/%C0%AE', 'InvalidURI'],
  ['/films/%ED%A0%80', 'InvalidURI'],
  ['/films/%EF%BF%BF', 'InvalidURI'],
  ['/films/%zz', 'InvalidURI'],
  ['/films/%2', 'InvalidURI'],
  ['//a', 'InvalidURI'],
  [`/films/${'a'.repeat(1025)}`, 'KeyTooLongError'],
  [`/films/${'%E2%82%AC'.repeat(342)}`, 'KeyTooLongError'],
  [`/films?${Array.from({ length: 101 }, (_, index) => `a${index}`).join('&')}`, 'InvalidURI'],
] as const

for (const [url, code] of refused)
  test(`${url.slice(0, 40)} (${url.length} characters) is refused as ${code}`, () => {
    assert.throws(
      () => here(url),
      error => error instanceof S3Error && error.code === code,
    )
  })

test('a key of 1,024 bytes is as long as it may be', () => {
  assert.equal(here(`/films/${'a'.repeat(1024)}`).key?.length, 1024)
})

test('a bucket may be a host below one of our domains, and only there', () => {
  assert.equal(here('/a/b', 'films.localhost:4800').bucket, 'films')
  assert.equal(here('/a/b', 'films.localhost:4800').key, 'a/b')
  assert.equal(here('/', 'my.films.s3.example.org').bucket, 'my.films')
  assert.equal(here('//a', 'films.localhost').key, '/a')
  assert.equal(here('/films/a', 's3.example.org').bucket, 'films')
  assert.equal(here('/films/a', 'evil.example.org').bucket, 'films')
})

test('what is signed of a path is its bytes encoded once, with nothing folded', () => {
  assert.equal(here('/films/a b').canonicalPath, '/films/a%20b')
  assert.equal(here('/films/%61%2f*').canonicalPath, '/films/a%2F%2A')
  assert.equal(here('/films//../x').canonicalPath, '/films//../x')
  assert.equal(here('/').canonicalPath, '/')
})

test('a query is read pair by pair, the first of a name counts', () => {
  const { query } = here('/films?prefix=a%2Fb&delimiter=/&prefix=c&uploads')
  assert.equal(query.get('prefix'), 'a/b')
  assert.equal(query.get('uploads'), '')
  assert.ok(!query.has('versions'))
  assert.ok(query.hasTwins)
})

test('a request line is split at its first question mark', () => {
  assert.deepEqual(splitUrl('/a?b?c'), { path: '/a', query: 'b?c' })
  assert.deepEqual(splitUrl('?b'), { path: '/', query: 'b' })
})
