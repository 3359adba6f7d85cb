import assert from 'node:assert/strict'
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'

import {
  type _Object,
  ChecksumAlgorithm,
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  paginateListObjectsV2,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'

/** What a program that uses the JavaScript SDK does to a bucket in its ordinary way. */
export interface SdkPlay {
  readonly endpoint: string
  readonly key: { readonly id: string; readonly secret: string }
  readonly bucket: string
  /** A file with many bytes. */
  readonly large: string
  /** A bucket with many objects, and how many. */
  readonly many: { readonly bucket: string; readonly count: number }
}

const PART_BYTES = 8 << 20
const odd = 'a/é+ &.txt'

export async function playSdk(play: SdkPlay): Promise<void> {
  const { endpoint, key, bucket: Bucket } = play
  const s3 = new S3Client({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: key.id, secretAccessKey: key.secret },
    forcePathStyle: true,
  })
  try {
    await s3.send(new CreateBucketCommand({ Bucket }))
    await smallObjects(s3, Bucket)
    await everyChecksum(s3, Bucket)
    await largeObjects(s3, Bucket, play.large)
    await lists(s3, play.many)
    await conditions(s3, Bucket)
    await presigned(s3, Bucket)
    await versions(s3, Bucket)
    await s3.send(new DeleteBucketCommand({ Bucket }))
  } finally {
    s3.destroy()
  }
}

async function smallObjects(s3: S3Client, Bucket: string): Promise<void> {
  const place = { Bucket, Key: odd }
  const Metadata = { a: 'b' }
  await s3.send(new PutObjectCommand({ ...place, Body: 'hello', Metadata }))
  const got = await s3.send(new GetObjectCommand(place))
  assert.equal(await got.Body?.transformToString(), 'hello')
  assert.deepEqual(got.Metadata, Metadata)
  const range = await s3.send(new GetObjectCommand({ ...place, Range: 'bytes=-2' }))
  assert.equal(await range.Body?.transformToString(), 'lo')
  await s3.send(
    new CopyObjectCommand({
      Bucket,
      Key: 'copy',
      CopySource: `${Bucket}/${encodeURIComponent(odd)}`,
    }),
  )
  assert.equal((await s3.send(new HeadObjectCommand({ Bucket, Key: 'copy' }))).ContentLength, 5)
}

async function everyChecksum(s3: S3Client, Bucket: string): Promise<void> {
  for (const algorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const) {
    const place = { Bucket, Key: `checksum/${algorithm}` }
    const put = new PutObjectCommand({
      ...place,
      Body: Buffer.alloc(70_000, 1),
      ChecksumAlgorithm: ChecksumAlgorithm[algorithm],
    })
    const written = await s3.send(put)
    const got = await s3.send(new GetObjectCommand({ ...place, ChecksumMode: 'ENABLED' }))
    assert.equal((await got.Body?.transformToByteArray())?.length, 70_000)
    assert.ok(got[`Checksum${algorithm}`], algorithm)
    assert.equal(got[`Checksum${algorithm}`], written[`Checksum${algorithm}`])
  }
}

/** In one request as a stream of known length, and in parts. */
async function largeObjects(s3: S3Client, Bucket: string, large: string): Promise<void> {
  const { size } = await stat(large)
  const whole = { Bucket, Key: 'whole' }
  await s3.send(
    new PutObjectCommand({ ...whole, Body: createReadStream(large), ContentLength: size }),
  )
  const parts = { Bucket, Key: 'parts' }
  const Body = createReadStream(large)
  await new Upload({ client: s3, params: { ...parts, Body }, partSize: PART_BYTES }).done()
  const wanted = Math.ceil(size / PART_BYTES)
  const { ETag } = await s3.send(new HeadObjectCommand(parts))
  assert.match(ETag ?? '', new RegExp(`-${wanted}"$`))
  for (const place of [whole, parts]) {
    const { Body: body } = await s3.send(new GetObjectCommand(place))
    await isFile(body as Readable, large)
  }
}

async function isFile(body: Readable, path: string): Promise<void> {
  const file = await open(path)
  try {
    let at = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      const wanted = Buffer.alloc(chunk.length)
      await file.read(wanted, 0, wanted.length, at)
      assert.ok(wanted.equals(chunk), `other bytes behind ${at}`)
      at += chunk.length
    }
    assert.equal(at, (await file.stat()).size)
  } finally {
    await file.close()
  }
}

async function lists(s3: S3Client, { bucket, count }: SdkPlay['many']): Promise<void> {
  const found: _Object[] = []
  for await (const page of paginateListObjectsV2({ client: s3 }, { Bucket: bucket }))
    found.push(...(page.Contents ?? []))
  assert.equal(found.length, count)
}

async function conditions(s3: S3Client, Bucket: string): Promise<void> {
  const put = new PutObjectCommand({ Bucket, Key: odd, Body: 'other', IfNoneMatch: '*' })
  await assert.rejects(s3.send(put), { name: 'PreconditionFailed' })
  const get = new GetObjectCommand({ Bucket, Key: 'nothing' })
  await assert.rejects(s3.send(get), { name: 'NoSuchKey' })
}

interface Presigns {
  presign(request: object, options: { expiresIn: number }): Promise<Presigned>
}
interface Presigned {
  readonly path: string
  readonly query: Readonly<Record<string, string>>
}

/** With the signer that the client signs with itself. */
async function presigned(s3: S3Client, Bucket: string): Promise<void> {
  const signer = (await s3.config.signer()) as unknown as Presigns
  const { hostname, port, protocol } = (await s3.config.endpoint?.()) ?? assert.fail()
  const link = async (method: string): Promise<string> => {
    const payload = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }
    const headers = { host: `${hostname}:${port}`, ...payload }
    const path = `/${Bucket}/presigned`
    const request = { method, protocol, hostname, port, path, headers, query: {} }
    const { query } = await signer.presign(request, { expiresIn: 60 })
    return `${protocol}//${hostname}:${port}${path}?${String(new URLSearchParams(query))}`
  }
  const put = await fetch(await link('PUT'), { method: 'PUT', body: 'by anybody' })
  assert.equal(put.status, 200, await put.text())
  assert.equal(await (await fetch(await link('GET'))).text(), 'by anybody')
  assert.equal((await fetch(await link('GET'), { method: 'PUT', body: '' })).status, 403)
}

async function versions(s3: S3Client, Bucket: string): Promise<void> {
  const VersioningConfiguration = { Status: 'Enabled' } as const
  await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }))
  const place = { Bucket, Key: 'v' }
  const { VersionId } = await s3.send(new PutObjectCommand({ ...place, Body: '1' }))
  await s3.send(new PutObjectCommand({ ...place, Body: '2' }))
  await s3.send(new DeleteObjectCommand(place))
  const first = await s3.send(new GetObjectCommand({ ...place, VersionId }))
  assert.equal(await first.Body?.transformToString(), '1')
  const page = await s3.send(new ListObjectVersionsCommand({ Bucket }))
  const found = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]
  const Objects = found.map(each => ({ Key: each.Key, VersionId: each.VersionId }))
  const told = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }))
  assert.equal(told.Errors, undefined)
}
