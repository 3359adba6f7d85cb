import { Buffer } from 'node:buffer'
import type { IncomingHttpHeaders } from 'node:http'

import type { ObjectSettings, WriteConditions } from '../../node/store/store.ts'
import { unquote } from '../conditions.ts'
import { fromWire } from '../object-headers.ts'
import { checkEncryption } from './encryption.ts'
import { lockIn } from './lock-headers.ts'
import { storedEncoding } from './request-body.ts'
import { headerOf, type S3Call } from './s3-call.ts'
import { notImplemented, S3Error } from './s3-error.ts'
import { tagsInHeader } from './tags.ts'

const META = 'x-amz-meta-'
const META_BYTES_MAX = 2048
const contentHeaders = [
  'cache-control',
  'content-disposition',
  'content-language',
  'content-type',
  'expires',
  'x-amz-website-redirect-location',
]
/** Objects have one owner, who has them fully; these say no more than that. */
const ownerAcls = ['private', 'bucket-owner-full-control', 'bucket-owner-read']

/** What a write says of its object besides the bytes. @throws {S3Error} */
export function settingsIn(call: S3Call): ObjectSettings {
  checkWrite(call)
  return {
    headers: storedHeaders(call.request.headers),
    tags: tagsInHeader(headerOf(call, 'x-amz-tagging')),
    ...lockIn(call),
  }
}

/** Whatever is asked for and not to be had is refused, rather than left out. */
export function checkWrite(call: S3Call): void {
  checkAcl(call)
  checkEncryption(call)
  const storageClass = headerOf(call, 'x-amz-storage-class')
  if (storageClass !== undefined && storageClass !== 'STANDARD')
    throw new S3Error('InvalidStorageClass', 'The storage class you specified is not valid')
}

/** @throws {S3Error} `NotImplemented` for grants to others */
export function checkAcl(call: S3Call): void {
  const acl = headerOf(call, 'x-amz-acl')
  if (acl !== undefined && !ownerAcls.includes(acl)) throw notImplemented(`the ACL ${acl}`)
  const grant = Object.keys(call.request.headers).find(name => name.startsWith('x-amz-grant-'))
  if (grant !== undefined) throw notImplemented(grant)
}

/** Headers that are kept with an object and come back with it. */
function storedHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const encoding = storedEncoding(headers['content-encoding'])
  const content = contentHeaders.flatMap(name => {
    const value = headers[name]?.toString()
    return value === undefined || value === '' ? [] : [[name, fromWire(value)] as const]
  })
  return Object.fromEntries([
    ...content,
    ...(encoding === undefined ? [] : [['content-encoding', encoding] as const]),
    ...metadata(headers),
  ])
}

function metadata(headers: IncomingHttpHeaders): readonly (readonly [string, string])[] {
  const found = Object.entries(headers)
    .filter(([name]) => name.startsWith(META))
    .map(([name, value]) => [name, fromWire((value ?? '').toString())] as const)
  const size = found
    .map(([name, value]) => name.length - META.length + Buffer.byteLength(value))
    .reduce((sum, bytes) => sum + bytes, 0)
  if (size > META_BYTES_MAX)
    throw new S3Error(
      'MetadataTooLarge',
      'Your metadata headers exceed the maximum allowed metadata size',
      {
        fields: { Size: String(size), MaxSizeAllowed: String(META_BYTES_MAX) },
      },
    )
  return found
}

/** If-Match and If-None-Match of a write, as S3 has them: one ETag, or `*` for none at all. */
export function writeConditions(call: S3Call): WriteConditions {
  const [ifMatch, ifNoneMatch] = ['if-match', 'if-none-match'].map(name => headerOf(call, name))
  if (ifMatch !== undefined && ifNoneMatch !== undefined)
    throw notImplemented('If-Match and If-None-Match in one write')
  if (ifMatch?.includes(',') === true) throw notImplemented('If-Match with several ETags')
  if (ifNoneMatch !== undefined && ifNoneMatch.trim() !== '*')
    throw notImplemented('If-None-Match with anything but *')
  for (const name of [
    'if-modified-since',
    'if-unmodified-since',
    'x-amz-if-match-last-modified-time',
    'x-amz-if-match-size',
  ])
    if (headerOf(call, name) !== undefined) throw notImplemented(`${name} of a write`)
  return {
    ifMatch: ifMatch === undefined ? undefined : unquote(ifMatch),
    ifNoneMatch: ifNoneMatch?.trim(),
  }
}
