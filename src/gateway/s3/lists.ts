/** Lists of a bucket: objects, in both versions of the call, and versions. */
import { Buffer } from 'node:buffer'

import type { ListedVersion, ListPage } from '../../node/store/store.ts'
import { ownerElement } from './acl.ts'
import { bucketOf, ok, type S3Answer, type S3Call } from './s3-call.ts'
import { invalidArgument } from './s3-error.ts'
import { encodeUri } from './target.ts'
import { type Content, element, type Markup, optionalElement, rootElement } from './xml-writer.ts'

const KEYS_MAX = 1000

/** What all lists are asked by, and how they spell their keys. */
interface Asked {
  readonly prefix: string
  readonly delimiter: string | undefined
  readonly limit: number
  readonly encoding: string | undefined
  readonly spell: (text: string) => string
}

export async function listObjects(call: S3Call): Promise<S3Answer> {
  const asked = askedOf(call)
  const { query } = call.target
  const marker = query.get('marker') ?? ''
  const page = await pageOf(call, asked, marker === '' ? undefined : marker)
  // Without a delimiter clients go on behind the last key they were told, if they were told one.
  const last = lastOf(page)
  const hasMarker = page.next !== undefined && (asked.delimiter !== undefined || last === '')
  return ok(
    rootElement(
      'ListBucketResult',
      headOf(call, asked),
      element('Marker', asked.spell(marker)),
      hasMarker
        ? element('NextMarker', asked.spell(last === '' ? (page.next ?? '') : last))
        : undefined,
      element('IsTruncated', page.next !== undefined),
      objectElements(page, asked, true),
    ),
  )
}

export async function listObjectsV2(call: S3Call): Promise<S3Answer> {
  const asked = askedOf(call)
  const { query } = call.target
  const token = query.get('continuation-token')
  const startAfter = query.get('start-after')
  if (token === '')
    throw invalidArgument('continuation-token', '', 'The continuation token provided is incorrect')
  const after = token === undefined ? startAfter : tokenText(token)
  const page = await pageOf(call, asked, after === '' ? undefined : after)
  return ok(
    rootElement(
      'ListBucketResult',
      headOf(call, asked),
      element('KeyCount', page.objects.length + page.prefixes.length),
      optionalElement('ContinuationToken', token),
      optionalElement(
        'NextContinuationToken',
        page.next && Buffer.from(page.next).toString('base64'),
      ),
      optionalElement('StartAfter', startAfter && asked.spell(startAfter)),
      element('IsTruncated', page.next !== undefined),
      objectElements(page, asked, query.get('fetch-owner') === 'true'),
    ),
  )
}

export async function listObjectVersions(call: S3Call): Promise<S3Answer> {
  const asked = askedOf(call)
  const { query } = call.target
  const keyMarker = query.get('key-marker') ?? ''
  const versionMarker = query.get('version-id-marker') ?? ''
  if (keyMarker === '' && versionMarker !== '')
    throw invalidArgument(
      'version-id-marker',
      versionMarker,
      'A version-id marker cannot be specified without a key marker.',
    )
  const { versions, prefixes, next } = await call.store.listVersions(bucketOf(call), {
    prefix: asked.prefix,
    delimiter: asked.delimiter,
    limit: asked.limit,
    after: keyMarker === '' ? undefined : keyMarker,
    afterVersion: versionMarker === '' ? undefined : versionMarker,
    signal: call.signal,
  })
  const isMore = next !== undefined && asked.limit > 0
  return ok(
    rootElement(
      'ListVersionsResult',
      headOf(call, asked),
      element('KeyMarker', asked.spell(keyMarker)),
      element('VersionIdMarker', versionMarker),
      isMore ? element('NextKeyMarker', asked.spell(next.after)) : undefined,
      isMore ? optionalElement('NextVersionIdMarker', next.version) : undefined,
      element('IsTruncated', isMore),
      versions.map(version => versionElement(version, asked)),
      prefixElements(prefixes, asked),
    ),
  )
}

function askedOf({ target: { query } }: S3Call): Asked {
  const encoding = query.get('encoding-type')
  if (encoding !== undefined && encoding !== 'url')
    throw invalidArgument('encoding-type', encoding, 'Invalid Encoding Method specified in Request')
  const delimiter = query.get('delimiter')
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: delimiter === '' ? undefined : delimiter,
    limit: limitIn(query.get('max-keys'), 'max-keys'),
    encoding,
    spell: encoding === 'url' ? spellUrl : text => text,
  }
}

/** @throws {S3Error} `InvalidArgument` */
export function limitIn(text: string | undefined, name: string): number {
  if (text === undefined || text === '') return KEYS_MAX
  if (/^\d{1,10}$/.test(text)) return Math.min(Number(text), KEYS_MAX)
  throw invalidArgument(name, text, `Provided ${name} not an integer or within integer range`)
}

/** As S3 does it: slashes stay. */
export const spellUrl = (text: string): string => encodeUri(text).replaceAll('%2F', '/')

async function pageOf(call: S3Call, asked: Asked, after: string | undefined): Promise<ListPage> {
  const { prefix, delimiter, limit } = asked
  const bucket = bucketOf(call)
  if (limit > 0)
    return call.store.listPage(bucket, { prefix, delimiter, limit, after, signal: call.signal })
  // Nothing is wanted but to know that the bucket is there.
  await call.store.bucket(bucket, { signal: call.signal })
  return { objects: [], prefixes: [], next: undefined }
}

/** The last of a page in its order: a key, or a common prefix. */
function lastOf({ objects, prefixes }: ListPage): string {
  const [key = '', prefix = ''] = [objects.at(-1)?.key, prefixes.at(-1)]
  return Buffer.compare(Buffer.from(key), Buffer.from(prefix)) > 0 ? key : prefix
}

const tokenText = (token: string): string => Buffer.from(token, 'base64').toString('utf8')

const headOf = (call: S3Call, { prefix, delimiter, limit, encoding, spell }: Asked): Content => [
  element('Name', bucketOf(call)),
  element('Prefix', spell(prefix)),
  optionalElement('Delimiter', delimiter && spell(delimiter)),
  element('MaxKeys', limit),
  optionalElement('EncodingType', encoding),
]

const objectElements = (
  { objects, prefixes }: ListPage,
  asked: Asked,
  hasOwner: boolean,
): Content => [
  objects.map(({ key, modified, etag, sizeBytes }) =>
    element(
      'Contents',
      element('Key', asked.spell(key)),
      element('LastModified', modified.toISOString()),
      element('ETag', `"${etag}"`),
      element('Size', sizeBytes),
      hasOwner ? ownerElement() : undefined,
      element('StorageClass', 'STANDARD'),
    ),
  ),
  prefixElements(prefixes, asked),
]

const prefixElements = (prefixes: readonly string[], { spell }: Asked): readonly Markup[] =>
  prefixes.map(prefix => element('CommonPrefixes', element('Prefix', spell(prefix))))

const versionElement = (version: ListedVersion, { spell }: Asked): Markup => {
  const head = [
    element('Key', spell(version.key)),
    element('VersionId', version.version),
    element('IsLatest', version.isLatest),
    element('LastModified', version.modified.toISOString()),
  ]
  if (version.isMarker) return element('DeleteMarker', head, ownerElement())
  return element(
    'Version',
    head,
    element('ETag', `"${version.etag}"`),
    element('Size', version.sizeBytes),
    ownerElement(),
    element('StorageClass', 'STANDARD'),
  )
}
