import { expiryOf } from '../../node/store/expiry.ts'
import type { ObjectInfo } from '../../node/store/store.ts'
import { toWire } from '../object-headers.ts'
import { type CustomerKey, encryptionHeaders, KEY_MD5_HEADER } from './encryption.ts'
import { lockHeaders } from './lock-headers.ts'
import { headerOf, type S3Call } from './s3-call.ts'
import { S3Error } from './s3-error.ts'

/** Kept with an object, but not told as it stands there. */
export const CHECKSUM_TYPE_HEADER = 'x-amz-checksum-type'
export const CHECKSUM_ALGORITHM_HEADER = 'x-amz-checksum-algorithm'
const inner = [KEY_MD5_HEADER, CHECKSUM_TYPE_HEADER, CHECKSUM_ALGORITHM_HEADER]

const overridden = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
]

/** What is told of an object with its bytes, or instead of them. */
export function objectHeaders(
  call: S3Call,
  info: ObjectInfo,
  key: CustomerKey | undefined,
): Record<string, string> {
  const stored = Object.entries(info.headers).filter(([name]) => !inner.includes(name))
  const tags = Object.keys(info.tags).length
  return {
    'content-type': 'binary/octet-stream',
    ...Object.fromEntries(stored.map(([name, value]) => [name, toWire(value)])),
    ...overrides(call),
    ...validators(info),
    'accept-ranges': 'bytes',
    ...versionHeader(call, info.version),
    ...encryptionHeaders(key),
    ...lockHeaders(info),
    ...(tags > 0 && { 'x-amz-tagging-count': String(tags) }),
    ...expirationHeader(call, info),
    ...checksumHeaders(call, info),
    ...safety(call),
  }
}

export const validators = ({
  etag,
  modified,
}: Pick<ObjectInfo, 'etag' | 'modified'>): Record<string, string> => ({
  etag: `"${etag}"`,
  'last-modified': modified.toUTCString(),
})

/** In a bucket that has never kept versions there is no name to speak of. */
export const versionHeader = (
  { knowsVersions }: Pick<S3Call, 'knowsVersions'>,
  version: string | undefined,
): Record<string, string> =>
  version === undefined || (version === 'null' && !knowsVersions)
    ? {}
    : { 'x-amz-version-id': version }

/** When a bucket's rules end the current version of an object. */
export function expirationHeader(
  { lifecycle, target }: S3Call,
  info: Parameters<typeof expiryOf>[1],
): Record<string, string> {
  const expiry = target.query.has('versionId') ? undefined : expiryOf(lifecycle, info)
  if (expiry === undefined) return {}
  const rule = encodeURIComponent(expiry.rule)
  return { 'x-amz-expiration': `expiry-date="${expiry.at.toUTCString()}", rule-id="${rule}"` }
}

/** Told to those who ask for it, of the whole object. */
function checksumHeaders(call: S3Call, info: ObjectInfo): Record<string, string> {
  const isWanted = headerOf(call, 'x-amz-checksum-mode')?.toUpperCase() === 'ENABLED'
  if (!isWanted || call.request.headers.range !== undefined) return {}
  return checksumsTold(info.checksums, info.headers[CHECKSUM_TYPE_HEADER])
}

export function checksumsTold(
  checksums: Readonly<Record<string, string>>,
  type: string | undefined,
): Record<string, string> {
  const told = Object.entries(checksums).map(([name, digest]) => [`x-amz-checksum-${name}`, digest])
  if (told.length === 0) return {}
  return { ...Object.fromEntries(told), [CHECKSUM_TYPE_HEADER]: type ?? 'FULL_OBJECT' }
}

/** `response-content-type=…`: only for those who sign it. */
function overrides({ target: { query }, key }: S3Call): Record<string, string> {
  const wanted = overridden.flatMap(name => {
    const value = query.get(`response-${name}`)
    return value === undefined ? [] : [[name, toWire(value)] as const]
  })
  if (wanted.length > 0 && key === undefined)
    throw new S3Error(
      'InvalidRequest',
      'Request specific response headers cannot be used for anonymous GET requests.',
    )
  return Object.fromEntries(wanted)
}

/**
 * Whoever wrote it may have meant harm. Where the console has the same origin a browser shows it, but
 * runs nothing of it as ours.
 */
const safety = ({ target, request }: S3Call): Record<string, string> =>
  isHosted(request.headers.host, target.bucket)
    ? {}
    : { 'x-content-type-options': 'nosniff', 'content-security-policy': 'sandbox' }

const isHosted = (host: string | undefined, bucket: string | undefined): boolean =>
  bucket !== undefined && host?.startsWith(`${bucket}.`) === true
