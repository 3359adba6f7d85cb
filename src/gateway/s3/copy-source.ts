import type { ObjectInfo, ObjectPlace, WriteConditions } from '../../node/store/store.ts'
import { judgeRead } from '../conditions.ts'
import { type CustomerKey, demandKey, sourceKey } from './encryption.ts'
import { headerOf, type S3Call } from './s3-call.ts'
import { notImplemented, S3Error } from './s3-error.ts'
import { targetOf } from './target.ts'

const HEADER = 'x-amz-copy-source'

/** What is copied: looked at, allowed, and as the request demands it to be. */
export interface CopySource {
  readonly place: ObjectPlace
  readonly info: ObjectInfo
  readonly key: CustomerKey | undefined
  /** Holds as long as the source is the one that was looked at. */
  readonly conditions: WriteConditions
}

/** @throws {S3Error} `InvalidArgument`, `AccessDenied`, `PreconditionFailed`, … */
export async function copySource(call: S3Call): Promise<CopySource> {
  const { place, version } = named(headerOf(call, HEADER) ?? '')
  const action = version === undefined ? 's3:GetObject' : 's3:GetObjectVersion'
  await call.demand(action, place.bucket, place.key)
  const key = sourceKey(call)
  const options = { version, encryptionKey: key?.key, signal: call.signal }
  const info = await call.store.head(place, options)
  demandKey(info, key)
  if (key !== undefined) throw notImplemented('copying what is encrypted under a customer key')
  checkConditions(call, info)
  return { place, info, key, conditions: { ifMatch: info.etag } }
}

/** `bucket/key?versionId=…`, with or without a slash before, percent-encoded. */
function named(header: string): {
  readonly place: ObjectPlace
  readonly version: string | undefined
} {
  const [, path = '', version] = /^\/?(.*?)(?:\?versionId=([\w.-]*))?$/.exec(header) ?? []
  const { bucket, key } = targetOf(`/${path.replaceAll('?', '%3F')}`, '', [])
  if (bucket !== undefined && key !== undefined) return { place: { bucket, key }, version }
  throw new S3Error(
    'InvalidArgument',
    'Copy Source must mention the source bucket and key: sourcebucket/sourcekey',
  )
}

/** The `x-amz-copy-source-if-…` headers, which are those of a read. */
function checkConditions(call: S3Call, info: ObjectInfo): void {
  const of = (name: string): string | undefined => headerOf(call, `${HEADER}-${name}`)
  const headers = {
    'if-match': of('if-match'),
    'if-none-match': of('if-none-match'),
    'if-modified-since': of('if-modified-since'),
    'if-unmodified-since': of('if-unmodified-since'),
  }
  if (judgeRead(headers, info) !== 'go on')
    throw new S3Error(
      'PreconditionFailed',
      'At least one of the pre-conditions you specified did not hold',
    )
}
