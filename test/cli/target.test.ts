import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  bucketPath,
  folderPrefix,
  inside,
  objectPath,
  parseObject,
  parseTarget,
  queryOf,
  textOf,
} from '../../src/cli/target.ts'
import { failsWith } from '../support/expect.ts'

for (const [text, bucket, key] of [
  ['sea', 'sea', ''],
  ['sea/', 'sea', ''],
  ['sea/a', 'sea', 'a'],
  ['sea/a/b/', 'sea', 'a/b/'],
  ['sea//a', 'sea', '/a'],
  ['sea/../x', 'sea', '../x'],
  ['sea/ ', 'sea', ' '],
] as const)
  test(`'${text}' is key '${key}' of ${bucket}`, () => {
    assert.deepEqual(parseTarget(text), { bucket, key })
    assert.equal(textOf({ bucket, key }), key === '' ? bucket : text)
  })

for (const text of ['', '/', '/a', './a', '../a', '.', '..'])
  test(`'${text}' is no target`, () => failsWith('CONFIG_INVALID', () => parseTarget(text)))

test('an object needs a key', () => {
  failsWith('CONFIG_INVALID', () => parseObject('sea/'))
  assert.deepEqual(parseObject('sea/a'), { bucket: 'sea', key: 'a' })
})

test('a file gets its name where a folder or a bucket is named', () => {
  assert.equal(inside(parseTarget('sea'), 'f').key, 'f')
  assert.equal(inside(parseTarget('sea/d/'), 'f').key, 'd/f')
  assert.equal(inside(parseTarget('sea/d'), 'f').key, 'd')
  assert.deepEqual(['', 'a', 'a/'].map(folderPrefix), ['', 'a/', 'a/'])
})

test('paths keep what could end a segment', () => {
  assert.equal(
    objectPath('objects', { bucket: 'sea', key: 'a/../b?c#d%e ü' }),
    '/api/v1/objects/sea/a%2F..%2Fb%3Fc%23d%25e%20%C3%BC',
  )
  assert.equal(bucketPath('a/b', '/usage'), '/api/v1/buckets/a%2Fb/usage')
  assert.equal(queryOf({ a: 'x y', b: undefined, c: 0 }), '?a=x+y&c=0')
  assert.equal(queryOf({}), '')
})
