/** What can be said of an object that is there: tags, locks, attributes. */
import type { ObjectInfo } from '../../node/store/store.ts'
import { aclElement } from './acl.ts'
import { checksumElements } from './copy-object.ts'
import { customerKey, demandKey } from './encryption.ts'
import { bypassesGovernance, retentionOf } from './lock-headers.ts'
import { CHECKSUM_TYPE_HEADER, versionHeader } from './object-answer.ts'
import { readDocument } from './read-document.ts'
import { headerOf, ok, placeOf, type S3Answer, type S3Call } from './s3-call.ts'
import { invalidArgument, S3Error } from './s3-error.ts'
import { OBJECT_TAGS_MAX, taggingElement, tagsInXml } from './tags.ts'
import { versionIn } from './write-object.ts'
import { choiceOf, demandRoot, optionalText } from './xml-fields.ts'
import { readXml } from './xml-reader.ts'
import { element, optionalElement, rootElement } from './xml-writer.ts'

const PARTS_MAX = 1000

export async function getObjectTagging(call: S3Call): Promise<S3Answer> {
  const { tags, version } = await infoOf(call)
  return { ...ok(taggingElement(tags)), headers: versionHeader(call, version) }
}

export async function putObjectTagging(call: S3Call): Promise<S3Answer> {
  const tags = tagsInXml(await readDocument(call), OBJECT_TAGS_MAX)
  const options = { version: versionIn(call), signal: call.signal }
  const { version } = await call.store.setTags(placeOf(call), tags, options)
  return { status: 200, headers: versionHeader(call, version) }
}

export async function deleteObjectTagging(call: S3Call): Promise<S3Answer> {
  const options = { version: versionIn(call), signal: call.signal }
  const { version } = await call.store.setTags(placeOf(call), {}, options)
  return { status: 204, headers: versionHeader(call, version) }
}

export async function getObjectRetention(call: S3Call): Promise<S3Answer> {
  await demandLock(call)
  const { retention } = await infoOf(call)
  if (retention === undefined) throw noLock()
  return ok(
    rootElement(
      'Retention',
      element('Mode', retention.mode.toUpperCase()),
      element('RetainUntilDate', retention.until.toISOString()),
    ),
  )
}

export async function putObjectRetention(call: S3Call): Promise<S3Answer> {
  const place = placeOf(call)
  await demandLock(call)
  const root = demandRoot(readXml(await readDocument(call)), 'Retention')
  const mode = optionalText(root, 'Mode')
  const until = optionalText(root, 'RetainUntilDate')
  await call.store.setLock(
    place,
    { retention: mode === undefined ? 'none' : retentionOf(mode, until ?? '', call.nowMs) },
    {
      version: versionIn(call),
      bypassesGovernance: await bypassesGovernance(call, place.bucket, place.key),
      signal: call.signal,
    },
  )
  return { status: 200 }
}

export async function getObjectLegalHold(call: S3Call): Promise<S3Answer> {
  await demandLock(call)
  const { hasLegalHold } = await infoOf(call)
  return ok(rootElement('LegalHold', element('Status', hasLegalHold ? 'ON' : 'OFF')))
}

export async function putObjectLegalHold(call: S3Call): Promise<S3Answer> {
  await demandLock(call)
  const root = demandRoot(readXml(await readDocument(call)), 'LegalHold')
  const hasLegalHold = choiceOf(root, 'Status', ['ON', 'OFF']) === 'ON'
  const options = { version: versionIn(call), signal: call.signal }
  await call.store.setLock(placeOf(call), { hasLegalHold }, options)
  return { status: 200 }
}

async function demandLock({ store, target, signal }: S3Call): Promise<void> {
  const { hasLock } = await store.bucket(target.bucket ?? '', { signal })
  if (!hasLock) throw new S3Error('InvalidRequest', 'Bucket is missing Object Lock Configuration')
}

const noLock = (): S3Error =>
  new S3Error(
    'NoSuchObjectLockConfiguration',
    'The specified object does not have a ObjectLock configuration',
  )

const attributes = ['ETag', 'Checksum', 'ObjectParts', 'StorageClass', 'ObjectSize'] as const
type Attribute = (typeof attributes)[number]

export async function getObjectAttributes(call: S3Call): Promise<S3Answer> {
  const wanted = attributesIn(call)
  const info = await infoOf(call)
  const has = (name: Attribute): boolean => wanted.includes(name)
  const checksums = checksumElements(info.checksums)
  const type = info.headers[CHECKSUM_TYPE_HEADER] ?? 'FULL_OBJECT'
  const xml = rootElement(
    'GetObjectAttributesResponse',
    has('ETag') && info.etag !== '' ? element('ETag', info.etag) : undefined,
    has('Checksum') && checksums.length > 0
      ? element('Checksum', checksums, element('ChecksumType', type))
      : undefined,
    has('ObjectParts') && info.parts > 0 ? await partsElement(call, info) : undefined,
    has('StorageClass') ? element('StorageClass', 'STANDARD') : undefined,
    has('ObjectSize') ? element('ObjectSize', info.sizeBytes) : undefined,
  )
  const headers = {
    'last-modified': info.modified.toUTCString(),
    ...versionHeader(call, info.version),
  }
  return { ...ok(xml), headers }
}

function attributesIn(call: S3Call): readonly Attribute[] {
  const names = (headerOf(call, 'x-amz-object-attributes') ?? '')
    .split(',')
    .map(name => name.trim())
  return names.map(name => {
    const found = attributes.find(each => each === name)
    if (found !== undefined) return found
    throw invalidArgument('x-amz-object-attributes', name, 'Invalid attribute name specified.')
  })
}

async function partsElement(call: S3Call, info: ObjectInfo) {
  const after = numberIn(call, 'x-amz-part-number-marker', 0)
  const limit = Math.min(numberIn(call, 'x-amz-max-parts', PARTS_MAX), PARTS_MAX)
  const { version } = info
  const options = { version, after, limit: limit + 1, signal: call.signal }
  const found = await call.store.partsOf(info, options)
  const page = found.slice(0, limit)
  const isMore = found.length > limit
  return element(
    'ObjectParts',
    element('TotalPartsCount', info.parts),
    element('PartNumberMarker', after),
    optionalElement('NextPartNumberMarker', isMore ? page.at(-1)?.part : undefined),
    element('MaxParts', limit),
    element('IsTruncated', isMore),
    page.map(({ part, sizeBytes, checksums }) =>
      element(
        'Part',
        element('PartNumber', part),
        element('Size', sizeBytes),
        checksumElements(checksums),
      ),
    ),
  )
}

function numberIn(call: S3Call, name: string, otherwise: number): number {
  const text = headerOf(call, name)
  if (text === undefined) return otherwise
  if (/^\d{1,6}$/.test(text)) return Number(text)
  throw invalidArgument(name, text, 'It must be a number')
}

async function infoOf(call: S3Call): Promise<ObjectInfo> {
  const key = customerKey(call)
  const version = versionIn(call)
  const options = { version, encryptionKey: key?.key, signal: call.signal }
  const info = await call.store.head(placeOf(call), options)
  if (key !== undefined) demandKey(info, key)
  return info
}

/** Everything has one owner, who has it fully. */
export async function getObjectAcl(call: S3Call): Promise<S3Answer> {
  await infoOf(call)
  return ok(aclElement())
}
