/** Multipart uploads: begun, filled part by part, listed, given up. See also `complete-upload.ts`. */
import type { UploadDetails, UploadName } from '../../node/store/store.ts'
import { parseRange } from '../byte-range.ts'
import { ownerElement } from './acl.ts'
import { checksumElements, copyResult, sourceVersion } from './copy-object.ts'
import { copySource } from './copy-source.ts'
import { customerKey, demandKey, encryptionHeaders, keyHeaders } from './encryption.ts'
import { limitIn, spellUrl } from './lists.ts'
import { CHECKSUM_TYPE_HEADER } from './object-answer.ts'
import { checkWrite, settingsIn } from './object-settings.ts'
import { openBody } from './request-body.ts'
import { headerOf, NO_CONTENT, ok, placeOf, type S3Answer, type S3Call } from './s3-call.ts'
import { invalidArgument, S3Error } from './s3-error.ts'
import { checksumSettings, chosenChecksums, keptChecksums } from './upload-checksums.ts'
import { element, optionalElement, rootElement } from './xml-writer.ts'

export const PARTS_MAX = 10_000

export async function createMultipartUpload(call: S3Call): Promise<S3Answer> {
  const { bucket, key } = placeOf(call)
  const customer = customerKey(call)
  const checksums = chosenChecksums(
    headerOf(call, 'x-amz-checksum-algorithm'),
    headerOf(call, CHECKSUM_TYPE_HEADER),
  )
  const settings = settingsIn(call)
  const headers = { ...settings.headers, ...keyHeaders(customer), ...checksumSettings(checksums) }
  const options = { ...settings, headers, signal: call.signal }
  const { upload } = await call.store.createUpload({ bucket, key }, options)
  const xml = rootElement(
    'InitiateMultipartUploadResult',
    element('Bucket', bucket),
    element('Key', key),
    element('UploadId', upload),
  )
  return {
    ...ok(xml),
    headers: {
      ...encryptionHeaders(customer),
      ...(checksums.isChosen && {
        'x-amz-checksum-algorithm': checksums.algorithm.toUpperCase(),
        [CHECKSUM_TYPE_HEADER]: checksums.type,
      }),
    },
  }
}

export async function uploadPart(call: S3Call): Promise<S3Answer> {
  const name = uploadOf(call)
  const part = partIn(call)
  const key = customerKey(call)
  checkWrite(call)
  const { settings } = await call.store.upload(name, { signal: call.signal })
  demandKey(settings, key)
  const wanted = keptChecksums(settings.headers)
  const body = await openBody(call, wanted.algorithm)
  let checksums: Readonly<Record<string, string>> = {}
  const { etag } = await call.store.putPart(name, part, body.source, {
    sizeBytes: body.sizeBytes,
    encryptionKey: key?.key,
    settle({ md5 }) {
      checksums = body.conclude(md5)
      if (wanted.isChosen && checksums[wanted.algorithm] === undefined)
        throw new S3Error(
          'InvalidRequest',
          `Checksum Type mismatch occurred, expected checksum Type: ${wanted.algorithm}, actual checksum Type: ${Object.keys(checksums).join(', ')}`,
        )
      return { checksums }
    },
    signal: call.signal,
  })
  return {
    status: 200,
    headers: { etag: `"${etag}"`, ...encryptionHeaders(key), ...checksumsOfPart(checksums) },
  }
}

const checksumsOfPart = (checksums: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(checksums).map(([name, digest]) => [`x-amz-checksum-${name}`, digest]),
  )

export async function uploadPartCopy(call: S3Call): Promise<S3Answer> {
  const name = uploadOf(call)
  const part = partIn(call)
  const { settings } = await call.store.upload(name, { signal: call.signal })
  demandKey(settings, customerKey(call))
  const { place, info } = await copySource(call)
  const span = spanIn(headerOf(call, 'x-amz-copy-source-range'), info.sizeBytes)
  const copied = await call.store.copyPart(
    name,
    part,
    { ...place, version: info.version },
    { ...span, signal: call.signal },
  )
  return { ...ok(copyResult('CopyPartResult', copied)), headers: await sourceVersion(call, info) }
}

/** The bytes of the source that are wanted. Nothing else of the syntax of ranges is allowed here. */
function spanIn(header: string | undefined, sizeBytes: number): { from?: number; to?: number } {
  if (header === undefined) return {}
  const range = parseRange(header)
  if (range?.type !== 'from' || range.to === undefined)
    throw invalidArgument(
      'x-amz-copy-source-range',
      header,
      'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy',
    )
  if (range.to > sizeBytes)
    throw invalidArgument(
      'x-amz-copy-source-range',
      header,
      `Range specified is not valid for source object of size: ${sizeBytes}`,
    )
  return { from: range.from, to: range.to }
}

export async function abortMultipartUpload(call: S3Call): Promise<S3Answer> {
  await call.store.abortUpload(uploadOf(call), { signal: call.signal })
  return NO_CONTENT
}

export async function listParts(call: S3Call): Promise<S3Answer> {
  const name = uploadOf(call)
  const { query } = call.target
  const after = markerIn(query.get('part-number-marker'))
  const limit = limitIn(query.get('max-parts'), 'max-parts')
  const { settings } = await call.store.upload(name, { signal: call.signal })
  const found = await call.store.parts(name, { after, limit: limit + 1, signal: call.signal })
  const parts = found.slice(0, limit)
  const isMore = found.length > limit
  return ok(
    rootElement(
      'ListPartsResult',
      element('Bucket', name.bucket),
      element('Key', query.get('encoding-type') === 'url' ? spellUrl(name.key) : name.key),
      element('UploadId', name.upload),
      ownerElement('Initiator'),
      ownerElement(),
      element('StorageClass', 'STANDARD'),
      element('PartNumberMarker', after),
      optionalElement('NextPartNumberMarker', isMore ? parts.at(-1)?.part : undefined),
      element('MaxParts', limit),
      element('IsTruncated', isMore),
      checksumNames(settings),
      parts.map(({ part, modified, etag, sizeBytes, checksums }) =>
        element(
          'Part',
          element('PartNumber', part),
          element('LastModified', modified.toISOString()),
          element('ETag', `"${etag}"`),
          element('Size', sizeBytes),
          checksumElements(checksums),
        ),
      ),
    ),
  )
}

function markerIn(text = '0'): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= PARTS_MAX) return Number(text)
  throw invalidArgument(
    'part-number-marker',
    text,
    'Provided part-number-marker not an integer or within integer range',
  )
}

function checksumNames(settings: UploadDetails['settings']) {
  const { algorithm, type, isChosen } = keptChecksums(settings.headers)
  if (!isChosen) return undefined
  return [element('ChecksumAlgorithm', algorithm.toUpperCase()), element('ChecksumType', type)]
}

/** The upload that a request names. */
export function uploadOf(call: S3Call): UploadName {
  const upload = call.target.query.get('uploadId') ?? ''
  if (upload !== '') return { ...placeOf(call), upload }
  throw invalidArgument('uploadId', upload, 'This operation does not accept an empty uploadId')
}

function partIn({ target: { query } }: S3Call): number {
  const text = query.get('partNumber') ?? ''
  const part = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (part >= 1 && part <= PARTS_MAX) return part
  throw invalidArgument(
    'partNumber',
    text,
    `Part number must be an integer between 1 and ${PARTS_MAX}, inclusive`,
  )
}
