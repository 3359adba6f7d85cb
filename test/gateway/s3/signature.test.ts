import assert from 'node:assert/strict'
import { test } from 'node:test'

import {
  EMPTY_SHA256,
  isSame,
  type Scope,
  sign,
  SigningKeys,
  stringToSign,
} from '../../../src/gateway/s3/signature.ts'
import { targetOf } from '../../../src/gateway/s3/target.ts'

/** The examples in the documentation of Amazon S3: a key, a day, a bucket, and what comes out. */
const key = { id: 'AKIAIOSFODNN7EXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
const scope: Scope = { date: '20130524', region: 'us-east-1', service: 's3' }
const moment = '20130524T000000Z'
const host = ['host', 'examplebucket.s3.amazonaws.com'] as const
const date = ['x-amz-date', moment] as const
const empty = ['x-amz-content-sha256', EMPTY_SHA256] as const

const cases = [
  {
    name: 'a read of a range',
    method: 'GET',
    url: '/test.txt',
    headers: [host, ['range', 'bytes=0-9'], empty, date],
    payload: EMPTY_SHA256,
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
  {
    name: 'a write of a key with a sign in it',
    method: 'PUT',
    url: '/test$file.text',
    headers: [
      ['date', 'Fri, 24 May 2013 00:00:00 GMT'],
      host,
      ['x-amz-content-sha256', '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072'],
      date,
      ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
    ],
    payload: '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  },
  {
    name: 'a question about a bucket',
    method: 'GET',
    url: '/?lifecycle',
    headers: [host, empty, date],
    payload: EMPTY_SHA256,
    signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  },
  {
    name: 'a list with a query',
    method: 'GET',
    url: '/?max-keys=2&prefix=J',
    headers: [host, empty, date],
    payload: EMPTY_SHA256,
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  },
  {
    name: 'a presigned read',
    method: 'GET',
    url: `/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=left-out`,
    headers: [host],
    payload: 'UNSIGNED-PAYLOAD',
    signature: 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  },
] as const

for (const { name, method, url, headers, payload, signature } of cases)
  test(`${name} has the published signature`, () => {
    const { canonicalPath, query } = targetOf(url, host[1], ['s3.amazonaws.com'])
    const request = { method, path: canonicalPath, query, headers, payload }
    const signing = new SigningKeys().get(key.id, key.secret, scope)
    assert.equal(sign(signing, stringToSign(request, moment, scope)), signature)
  })

test('a query is sorted by bytes, values behind names, the signature left out', () => {
  const of = (query: string): string =>
    stringToSign(
      {
        method: 'GET',
        path: '/',
        query: targetOf(`/?${query}`, '', []).query,
        headers: [host],
        payload: EMPTY_SHA256,
      },
      moment,
      scope,
    )
  assert.equal(of('b=2&a=1&B=3&a=0'), of('B=3&a=0&a=1&b=2'))
  assert.equal(of('a&b='), of('a=&b'))
  assert.equal(of('a=%7e&b=%20'), of('a=~&b=%20'))
  assert.equal(of('a=1&X-Amz-Signature=x'), of('a=1'))
  assert.notEqual(of('a=1&a=0'), of('a=1'))
})

test('blanks in headers are folded, and the bytes of other letters kept', () => {
  const of = (value: string): string =>
    stringToSign(
      {
        method: 'GET',
        path: '/',
        query: targetOf('/', '', []).query,
        headers: [['x-amz-meta-a', value]],
        payload: EMPTY_SHA256,
      },
      moment,
      scope,
    )
  assert.equal(of('  a   b '), of('a b'))
  assert.notEqual(of('Ã¼'), of('ü'))
})

test('signatures are compared whole, whatever their lengths', () => {
  assert.ok(isSame('abc', 'abc'))
  for (const other of ['', 'ab', 'abd', 'abcd']) assert.ok(!isSame(other, 'abc'))
})

test('signing keys are as many as a bound, and the same again when made anew', () => {
  const keys = new SigningKeys()
  const first = keys.get('id', 'secret', scope)
  for (let day = 0; day < 1_100; day++)
    keys.get('id', 'secret', { ...scope, region: `region-${day}` })
  assert.deepEqual(keys.get('id', 'secret', scope), first)
  assert.notDeepEqual(keys.get('id', 'other', scope), first)
})
