import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { test } from 'node:test'

import { eventually } from '../../support/hosts.ts'
import { md5, type S3Told } from '../../support/s3-client.ts'
import { s3Suite } from '../../support/s3-suite.ts'

/**
 * Whatever is wrong with a request, nothing of it is left: no fragments, no writes or uploads that
 * were begun, no sockets. All are counted before and after. Bodies are large enough to lie in
 * fragments.
 */
const BODY = randomBytes(300_000)
const other = Buffer.alloc(BODY.length)

s3Suite('what is left of requests that fail', town => {
  const ask = (...args: Parameters<typeof town.scene.s3.ask>) => town.scene.s3.ask(...args)

  interface Left {
    readonly fragments: number
    readonly begun: number
    readonly sockets: number
  }

  async function count(): Promise<Left> {
    const { fragments, catalog } = town.scene
    const stored = await fragments.list()
    const nowMs = Date.now()
    const { items } = await catalog.askOf(1, 'watches', { after: undefined, limit: 1_000 })
    return {
      // What was let go ends at once, and waits for its peer's collector.
      fragments: stored.filter(({ references }) =>
        references.some(({ untilMs }) => untilMs === 0 || untilMs > nowMs),
      ).length,
      // A fence says that something is over.
      begun: items.filter(({ watch }) => watch.kind !== 'fence').length,
      sockets: process.getActiveResourcesInfo().filter(name => name === 'TCPSocketWrap').length,
    }
  }

  /** Sends a part of a body that was said to be longer, and goes away. */
  function goesAway(path: string, query = ''): Promise<undefined> {
    const { s3, gateway } = town.scene
    const { host, hostname, port } = new URL(gateway.url)
    const signed = s3.signed('PUT', path, { host, query, payload: 'UNSIGNED-PAYLOAD' })
    const headers = { ...signed, 'content-length': String(2 * BODY.length) }
    const target = query === '' ? path : `${path}?${query}`
    return new Promise(resolve => {
      const sent = request({ hostname, port, path: target, method: 'PUT', headers, agent: false })
      sent.on('error', () => undefined).on('close', () => resolve(undefined))
      sent.write(BODY, () => setImmediate(() => sent.destroy()))
    })
  }

  function brokenChunk(path: string): Promise<S3Told> {
    const half = BODY.length / 2
    const chunks = [BODY.subarray(0, half), BODY.subarray(half)]
    const { headers, body } = town.scene.s3.chunked(path, chunks)
    const broken = Buffer.from(body)
    broken[half + 50_000] = (broken[half + 50_000] ?? 0) ^ 1
    return town.scene.s3.send('PUT', path, { headers, body: broken })
  }

  const put = (path: string, headers: Record<string, string>, payload?: string): Promise<S3Told> =>
    ask('PUT', path, { body: BODY, headers, ...(payload !== undefined && { payload }) })

  const begin = async (path: string): Promise<string> =>
    (await ask('POST', path, { query: 'uploads' })).xml('UploadId') ?? ''

  /** An upload to which something happens, and which is then given up. */
  const inUpload =
    (happen: (path: string, upload: string) => Promise<S3Told | undefined>) =>
    async (path: string): Promise<S3Told | undefined> => {
      const upload = await begin(path)
      const told = await happen(path, upload)
      assert.equal((await ask('DELETE', path, { query: `uploadId=${upload}` })).status, 204)
      return told
    }

  const part = (path: string, upload: string, headers: Record<string, string> = {}) =>
    ask('PUT', path, { query: `partNumber=1&uploadId=${upload}`, body: BODY, headers })

  const complete = (path: string, upload: string, parts: readonly number[]) =>
    ask('POST', path, {
      query: `uploadId=${upload}`,
      body: `<CompleteMultipartUpload>${parts
        .map(at => `<Part><PartNumber>${at}</PartNumber><ETag>"x"</ETag></Part>`)
        .join('')}</CompleteMultipartUpload>`,
    })

  const unwrapped = (length: number) => (path: string) =>
    ask('PUT', path, {
      body: Buffer.concat([
        Buffer.from(`${BODY.length.toString(16)}\r\n`),
        BODY,
        Buffer.from('\r\n0\r\n\r\n'),
      ]),
      payload: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      headers: {
        'x-amz-decoded-content-length': String(length),
        'content-encoding': 'aws-chunked',
      },
    })

  const md5Of = (bytes: Uint8Array): string => md5(bytes).digest('base64')
  const failures: readonly [
    what: string,
    code: string | undefined,
    fail: (path: string) => Promise<S3Told | undefined>,
  ][] = [
    ['a wrong MD5', 'BadDigest', path => put(path, { 'content-md5': md5Of(other) })],
    ['a wrong checksum', 'BadDigest', path => put(path, { 'x-amz-checksum-crc32': 'AAAAAA==' })],
    ['a wrong hash', 'XAmzContentSHA256Mismatch', path => put(path, {}, '0'.repeat(64))],
    ['a chunk with a wrong signature', 'SignatureDoesNotMatch', brokenChunk],
    ['a wrapped body that is shorter than it says', 'IncompleteBody', unwrapped(BODY.length + 1)],
    ['a wrapped body that is longer than it says', 'IncompleteBody', unwrapped(BODY.length - 1)],
    ['a body that stops half-way', undefined, path => goesAway(path)],
    ['a condition that does not hold', 'NoSuchKey', path => put(path, { 'if-match': '"x"' })],
    ['a bucket that there is not', 'NoSuchBucket', () => put('/nowhere/k', {})],
    ['a key that is too long', 'KeyTooLongError', path => put(path + 'k'.repeat(1_025), {})],
    [
      'a part with a wrong MD5',
      'BadDigest',
      inUpload((path, upload) => part(path, upload, { 'content-md5': md5Of(other) })),
    ],
    [
      'a part that stops half-way',
      undefined,
      inUpload((path, upload) => goesAway(path, `partNumber=1&uploadId=${upload}`)),
    ],
    ['a part of no upload', 'NoSuchUpload', path => part(path, '0'.repeat(32))],
    [
      'an upload of parts that are not there',
      'InvalidPart',
      inUpload((path, upload) => complete(path, upload, [1])),
    ],
    [
      'an upload in a wrong order',
      'InvalidPartOrder',
      inUpload((path, upload) => complete(path, upload, [2, 1])),
    ],
    [
      'an upload of too many parts',
      'InvalidPart',
      inUpload((path, upload) =>
        complete(
          path,
          upload,
          Array.from({ length: 10_001 }, (_, at) => at + 1),
        ),
      ),
    ],
    [
      'a body that nobody may send',
      'SignatureDoesNotMatch',
      path =>
        town.scene.s3.as({ ...town.scene.key, secret: 'other' }).ask('PUT', path, { body: BODY }),
    ],
  ]
  for (const [what, code, fail] of failures)
    test(`nothing is left of ${what}`, async () => {
      const path = `/${await town.bucket()}/k`
      const before = await count()
      assert.equal((await fail(path))?.code, code)
      let after = before
      const isTidy = async (): Promise<boolean> => {
        after = await count()
        return JSON.stringify(after) === JSON.stringify(before)
      }
      await eventually(`${JSON.stringify(before)} again`, isTidy)
      assert.equal((await ask('GET', path)).code, 'NoSuchKey')
    })

  test('of two completions at once one object is left', async () => {
    const path = `/${await town.bucket()}/k`
    const before = await count()
    const upload = await begin(path)
    const { headers } = await part(path, upload)
    const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${headers['etag']}</ETag></Part></CompleteMultipartUpload>`
    const query = `uploadId=${upload}`
    const told = await Promise.all([1, 2].map(() => ask('POST', path, { query, body })))
    assert.deepEqual(
      told.map(({ xml }) => xml('ETag')),
      Array.from({ length: 2 }, () => told[0]?.xml('ETag')),
    )
    assert.equal((await count()).begun, before.begun)
    assert.ok((await ask('GET', path)).bytes.equals(BODY))
  })
})
