import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'

import * as fc from 'fast-check'

import type { Signing } from '../../../src/gateway/s3/authenticate.ts'
import { decodeChunks } from '../../../src/gateway/s3/chunked-body.ts'
import { S3Error } from '../../../src/gateway/s3/s3-error.ts'

/** What the documentation of Amazon S3 signs as an example: 65 KiB of `a` in two chunks. */
const published: Signing = {
  key: ['20130524', 'us-east-1', 's3', 'aws4_request'].reduce<Uint8Array>(
    (key, text) => createHmac('sha256', key).update(text).digest(),
    Buffer.from('AWS4wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'),
  ),
  scope: '20130524/us-east-1/s3/aws4_request',
  moment: '20130524T000000Z',
  signature: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
}
const example = [
  '10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n',
  'a'.repeat(65_536),
  '\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n',
  'a'.repeat(1024),
  '\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n',
  '\r\n',
].join('')

async function* pieces(text: string | Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text as string)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

interface Decoded {
  readonly text: string
  readonly trailer: ReadonlyMap<string, string>
}

async function decode(
  source: AsyncIterable<Uint8Array>,
  { signing, hasTrailer = false }: { signing?: Signing; hasTrailer?: boolean } = {},
): Promise<Decoded> {
  let trailer: ReadonlyMap<string, string> = new Map()
  const chunks: Uint8Array[] = []
  const options = { signing, hasTrailer, onTrailer: (found: typeof trailer) => (trailer = found) }
  for await (const chunk of decodeChunks(source, options)) chunks.push(chunk)
  return { text: Buffer.concat(chunks).toString(), trailer }
}

const fails = (code: string, decoding: Promise<unknown>): Promise<void> =>
  assert.rejects(decoding, error => error instanceof S3Error && error.code === code)

test('the published stream is decoded, in pieces of any size', async () => {
  for (const size of [1, 7, 4096, 65_536, 1_000_000]) {
    const { text } = await decode(pieces(example, size), { signing: published })
    assert.equal(text, 'a'.repeat(66_560))
  }
})

const wrong = [
  ['a changed byte', example.replace('aaa', 'aba')],
  ['a changed signature', example.replace('signature=ad80', 'signature=ad81')],
  ['a last chunk under the signature of another', example.replace('=b6c6', '=b6c7')],
  ['no signature', example.replace(/;chunk-signature=\w+/, '')],
  ['swapped chunks', example.replace(/^(10000;.*?\r\n.*?\r\n)(400;.*?\r\n.*?\r\n)/s, '$2$1')],
  ['a chunk left out', example.replace(/400;.*?\r\n.*?\r\n/s, '')],
] as const

for (const [what, body] of wrong)
  test(`a stream with ${what} does not match its signatures`, () =>
    fails('SignatureDoesNotMatch', decode(pieces(body), { signing: published })))

test('a chunk is not passed on before its signature is known to be right', async () => {
  const body = example.replace('=0055', '=0056')
  const seen: number[] = []
  const options = { signing: published, hasTrailer: false, onTrailer: () => assert.fail() }
  const reading = async (): Promise<void> => {
    for await (const chunk of decodeChunks(pieces(body, 100), options)) seen.push(chunk.length)
  }
  await fails('SignatureDoesNotMatch', reading())
  assert.deepEqual(seen, [65_536])
})

test('a stream that ends early is incomplete, wherever it ends', async () => {
  for (const end of [0, 5, 50, 90, 10_000, 65_622, 65_630, 66_700, example.length - 5])
    await fails('IncompleteBody', decode(pieces(example.slice(0, end)), { signing: published }))
})

test('unsigned chunks with a trailer are decoded, and the trailer told', async () => {
  const body = '3\r\nabc\r\nB\r\ndefghijklmn\r\n0\r\nX-Amz-Checksum-CRC32: abcd==\r\n\r\n'
  const { text, trailer } = await decode(pieces(body, 2), { hasTrailer: true })
  assert.equal(text, 'abcdefghijklmn')
  assert.deepEqual([...trailer], [['x-amz-checksum-crc32', 'abcd==']])
})

test('a trailer may be empty, end in bare line feeds, or without an empty line', async () => {
  assert.equal((await decode(pieces('0\r\n\r\n'), { hasTrailer: true })).trailer.size, 0)
  const bare = await decode(pieces('1\nx\n0\na:b\n\n'), { hasTrailer: true })
  assert.deepEqual([bare.text, bare.trailer.get('a')], ['x', 'b'])
  assert.equal((await decode(pieces('0\r\na:b\r\n'), { hasTrailer: true })).trailer.get('a'), 'b')
})

const invalid = [
  ['a head that is no number', 'x\r\n'],
  ['a head that is too long', `${'1'.repeat(300)}\r\n`],
  ['a negative size', '-1\r\n'],
  ['a chunk that is longer than it says', '1\r\nab\r\n0\r\n\r\n'],
  ['a line in the trailer without a name', '0\r\nnothing\r\n\r\n'],
  ['too many lines in the trailer', `0\r\n${'a:b\r\n'.repeat(40)}\r\n`],
  ['something behind the end', '0\r\n\r\nmore'],
] as const

for (const [what, body] of invalid)
  test(`${what} is an invalid request`, () =>
    fails('InvalidRequest', decode(pieces(body), { hasTrailer: true })))

test('a signed chunk that would not fit into memory is refused at its head', () =>
  fails(
    'InvalidRequest',
    decode(pieces(`1000001;chunk-signature=${'a'.repeat(64)}\r\nx`), { signing: published }),
  ))

test('a signed trailer is verified', async () => {
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
  const hmac = (text: string): string =>
    createHmac('sha256', published.key).update(text).digest('hex')
  const { moment, scope, signature } = published
  const empty = sha256('')
  const last = hmac(['AWS4-HMAC-SHA256-PAYLOAD', moment, scope, signature, empty, empty].join('\n'))
  const line = 'x-amz-checksum-crc32:AAAAAA=='
  const end = hmac(
    ['AWS4-HMAC-SHA256-TRAILER', moment, scope, last, sha256(`${line}\n`)].join('\n'),
  )
  const body = `0;chunk-signature=${last}\r\n${line}\r\nx-amz-trailer-signature:${end}\r\n\r\n`
  const options = { signing: published, hasTrailer: true }
  assert.equal(
    (await decode(pieces(body), options)).trailer.get('x-amz-checksum-crc32'),
    'AAAAAA==',
  )
  await fails('SignatureDoesNotMatch', decode(pieces(body.replace('AAAA', 'BAAA')), options))
  const bare = body.replace(/x-amz-trailer-signature.*\r\n\r\n/s, '\r\n')
  await fails('SignatureDoesNotMatch', decode(pieces(bare), options))
})

test('any bytes in chunks of any sizes come out as they went in', () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 100 }),
      async (chunks, size) => {
        const body = Buffer.concat([
          ...chunks.flatMap(chunk => [
            Buffer.from(`${chunk.length.toString(16)}\r\n`),
            chunk,
            Buffer.from('\r\n'),
          ]),
          Buffer.from('0\r\n\r\n'),
        ])
        const source = pieces(body, size)
        const out: Uint8Array[] = []
        const options = { signing: undefined, hasTrailer: false, onTrailer: () => undefined }
        for await (const chunk of decodeChunks(source, options)) out.push(Buffer.from(chunk))
        assert.deepEqual(Buffer.concat(out), Buffer.concat(chunks))
      },
    ),
    { numRuns: 200 },
  ))
