import type { CopyOptions, ObjectInfo } from '../../node/store/store.ts'
import { type CopySource, copySource } from './copy-source.ts'
import { customerKey, encryptionHeaders } from './encryption.ts'
import { CHECKSUM_ALGORITHM_HEADER, CHECKSUM_TYPE_HEADER, versionHeader } from './object-answer.ts'
import { settingsIn, writeConditions } from './object-settings.ts'
import { headerOf, placeOf, type S3Answer, type S3Call } from './s3-call.ts'
import { invalidArgument, notImplemented, S3Error } from './s3-error.ts'
import { element, type Markup, optionalElement, rootElement } from './xml-writer.ts'

/** PUT with `x-amz-copy-source`: one more reference to the same bytes. */
export async function copyObject(call: S3Call): Promise<S3Answer> {
  const place = placeOf(call)
  if (customerKey(call) !== undefined) throw notImplemented('copying to a customer key')
  const conditions = writeConditions(call)
  const settings = settingsIn(call)
  const source = await copySource(call)
  const replaces = directive(call, 'x-amz-metadata-directive') === 'REPLACE'
  const retags = directive(call, 'x-amz-tagging-directive') === 'REPLACE'
  demandChange(call, source, replaces)
  const options: CopyOptions = {
    ...conditions,
    version: source.info.version,
    source: source.conditions,
    headers: replaces ? { ...kept(source.info), ...settings.headers } : undefined,
    tags: retags ? (settings.tags ?? {}) : undefined,
    retention: settings.retention,
    hasLegalHold: settings.hasLegalHold,
    signal: call.signal,
  }
  const written = await call.store.copy(source.place, place, options)
  return {
    status: 200,
    headers: {
      ...versionHeader(call, written.version),
      ...encryptionHeaders(undefined),
      ...(await sourceVersion(call, source.info)),
    },
    xml: copyResult('CopyObjectResult', { ...written, checksums: source.info.checksums }),
  }
}

export async function sourceVersion(
  { facts }: S3Call,
  { bucket, version }: ObjectInfo,
): Promise<Record<string, string>> {
  const isNamed = version !== 'null' || (await facts.knowsVersions(bucket))
  return isNamed ? { 'x-amz-copy-source-version-id': version } : {}
}

export const copyResult = (
  name: string,
  { etag, modified, checksums }: Pick<ObjectInfo, 'etag' | 'modified' | 'checksums'>,
): Markup =>
  rootElement(
    name,
    element('LastModified', modified.toISOString()),
    element('ETag', `"${etag}"`),
    checksumElements(checksums),
  )

/** As XML has them: `ChecksumCRC32`. */
export const checksumElements = (checksums: Readonly<Record<string, string>>): readonly Markup[] =>
  Object.entries(checksums).flatMap(
    ([name, digest]) => optionalElement(`Checksum${name.toUpperCase()}`, digest) ?? [],
  )

/** What belongs to the bytes, not to what is said of them. */
const kept = ({ headers }: ObjectInfo): Record<string, string> =>
  Object.fromEntries(
    [CHECKSUM_TYPE_HEADER, CHECKSUM_ALGORITHM_HEADER].flatMap(name => {
      const value = headers[name]
      return value === undefined ? [] : [[name, value] as const]
    }),
  )

function directive(call: S3Call, name: string): 'COPY' | 'REPLACE' {
  const value = headerOf(call, name) ?? 'COPY'
  if (value === 'COPY' || value === 'REPLACE') return value
  throw invalidArgument(name, value, `Unknown directive: ${name}`)
}

/** A copy of an object to itself must change something. */
function demandChange(call: S3Call, { place, info }: CopySource, replaces: boolean): void {
  const { bucket, key } = placeOf(call)
  const isSelf = place.bucket === bucket && place.key === key
  const hasVersion = headerOf(call, 'x-amz-copy-source')?.includes('?versionId=') === true
  if (!isSelf || replaces || (hasVersion && info.version !== 'null')) return
  throw new S3Error(
    'InvalidRequest',
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
  )
}
