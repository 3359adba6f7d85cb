import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import {
  algorithmNamed,
  checksumAlgorithms,
  checksumOf,
  isDigest,
  startChecksum,
} from '../../../src/gateway/s3/checksum.ts'
import { combineCrcs, type CrcAlgorithm } from '../../../src/gateway/s3/combine-crc.ts'
import { S3Error } from '../../../src/gateway/s3/s3-error.ts'
import {
  chosenChecksums,
  multipartEtag,
  wholeChecksum,
} from '../../../src/gateway/s3/upload-checksums.ts'

/** What `123456789` comes to, by the catalogues of these algorithms. */
const known = {
  crc32: 'cbf43926',
  crc32c: 'e3069283',
  crc64nvme: 'ae8b14860a799888',
  sha1: 'f7c3bc1d808e04732adf679965ccc34ca7ae3441',
  sha256: '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
} as const

for (const algorithm of checksumAlgorithms)
  test(`${algorithm} of the usual nine digits is the published one`, async () => {
    const digest = await checksumOf(algorithm, Buffer.from('123456789'))
    assert.equal(Buffer.from(digest, 'base64').toString('hex'), known[algorithm])
    assert.ok(isDigest(algorithm, digest))
    assert.equal(algorithmNamed(algorithm.toUpperCase()), algorithm)
  })

test('checksums of several streams at once do not mix', async () => {
  for (const algorithm of checksumAlgorithms) {
    const [a, b] = [await startChecksum(algorithm), await startChecksum(algorithm)]
    for (const [running, text] of [
      [a, '1234'],
      [b, '12345678'],
      [a, '56789'],
      [b, '9'],
    ] as const)
      running.update(Buffer.from(text))
    assert.equal(a.digest(), b.digest())
  }
})

test('what is no digest of an algorithm is none', () => {
  for (const text of ['', 'AAAA', 'AAAAAAA=', 'AAAAAA', '!!!!!!=='])
    assert.ok(!isDigest('crc32', text))
  assert.ok(isDigest('crc32', 'AAAAAA=='))
})

const crcs: readonly CrcAlgorithm[] = ['crc32', 'crc32c', 'crc64nvme']

for (const algorithm of crcs)
  test(`${algorithm} of a whole follows from those of its pieces`, () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 200 }), { minLength: 1, maxLength: 6 }),
        async pieces => {
          const sized = await Promise.all(
            pieces.map(async bytes => ({
              digest: await checksumOf(algorithm, bytes),
              sizeBytes: bytes.length,
            })),
          )
          const whole = await checksumOf(algorithm, Buffer.concat(pieces))
          assert.equal(combineCrcs(algorithm, sized), whole)
        },
      ),
    ))

test('a piece of many bytes is combined as quickly as a small one', async () => {
  const zeros = Buffer.alloc(50_000_000)
  const sized = [
    { digest: await checksumOf('crc64nvme', Buffer.from('a')), sizeBytes: 1 },
    { digest: await checksumOf('crc64nvme', zeros), sizeBytes: zeros.length },
  ]
  const whole = await checksumOf('crc64nvme', Buffer.concat([Buffer.from('a'), zeros]))
  assert.equal(combineCrcs('crc64nvme', sized), whole)
})

test('a composite checksum is one over those of the parts, with their number', async () => {
  const digests = await Promise.all(['a', 'b'].map(text => checksumOf('sha256', Buffer.from(text))))
  const parts = digests.map((sha256, index) => ({
    part: index + 1,
    etag: '',
    sizeBytes: 1,
    modified: new Date(),
    checksums: { sha256 },
  }))
  const bytes = Buffer.concat(digests.map(digest => Buffer.from(digest, 'base64')))
  const composite = { algorithm: 'sha256', type: 'COMPOSITE', isChosen: true } as const
  assert.deepEqual(await wholeChecksum(composite, parts), {
    sha256: `${await checksumOf('sha256', bytes)}-2`,
  })
  assert.deepEqual(await wholeChecksum({ ...composite, algorithm: 'sha1' }, parts), {})
})

test('only what is possible of an algorithm can be chosen', () => {
  assert.equal(chosenChecksums('CRC32', undefined).type, 'COMPOSITE')
  assert.equal(chosenChecksums('CRC64NVME', undefined).type, 'FULL_OBJECT')
  assert.equal(chosenChecksums('CRC32C', 'FULL_OBJECT').type, 'FULL_OBJECT')
  assert.equal(chosenChecksums(undefined, undefined).isChosen, false)
  for (const [name, type] of [
    ['SHA256', 'FULL_OBJECT'],
    ['CRC64NVME', 'COMPOSITE'],
    ['MD4', undefined],
    ['CRC32', 'HALF'],
    [undefined, 'COMPOSITE'],
  ] as const)
    assert.throws(() => chosenChecksums(name, type), S3Error)
})

test('the ETag of parts is the MD5 of their MD5s, and how many there were', () => {
  const etag = multipartEtag([
    '0cc175b9c0f1b6a831c399e269772661',
    '92eb5ffee6ae2fec3ad71c777531578f',
  ])
  assert.equal(etag, '96e024ba2074fe77e8e965ba43a704be-2')
})
