/** Uploads that are open in a bucket. */
import { Buffer } from 'node:buffer'

import type { UploadInfo } from '../../node/store/store.ts'
import { ownerElement } from './acl.ts'
import { limitIn, spellUrl } from './lists.ts'
import { bucketOf, ok, type S3Answer, type S3Call } from './s3-call.ts'
import { element, optionalElement, rootElement } from './xml-writer.ts'

const PAGE = 1000

export async function listMultipartUploads(call: S3Call): Promise<S3Answer> {
  const { query } = call.target
  const prefix = query.get('prefix') ?? ''
  const delimiter = query.get('delimiter') ?? ''
  const limit = limitIn(query.get('max-uploads'), 'max-uploads')
  const [keyMarker, uploadMarker] = [
    query.get('key-marker') ?? '',
    query.get('upload-id-marker') ?? '',
  ]
  const spell = query.get('encoding-type') === 'url' ? spellUrl : (text: string): string => text
  const shown: UploadInfo[] = []
  const prefixes: string[] = []
  let isMore = false
  for await (const upload of uploadsOf(call)) {
    if (!upload.key.startsWith(prefix) || !isBehind(upload, keyMarker, uploadMarker)) continue
    const common = commonPrefix(upload.key, prefix, delimiter)
    if (common !== undefined && (common === prefixes.at(-1) || keyMarker.startsWith(common)))
      continue
    isMore = shown.length + prefixes.length >= limit
    if (isMore) break
    if (common === undefined) shown.push(upload)
    else prefixes.push(common)
  }
  const last = shown.at(-1)
  return ok(
    rootElement(
      'ListMultipartUploadsResult',
      element('Bucket', bucketOf(call)),
      element('KeyMarker', spell(keyMarker)),
      element('UploadIdMarker', uploadMarker),
      optionalElement(
        'NextKeyMarker',
        isMore ? spell(later(last?.key, prefixes.at(-1))) : undefined,
      ),
      optionalElement('NextUploadIdMarker', isMore ? last?.upload : undefined),
      element('Prefix', spell(prefix)),
      delimiter === '' ? undefined : element('Delimiter', spell(delimiter)),
      optionalElement('EncodingType', query.get('encoding-type')),
      element('MaxUploads', limit),
      element('IsTruncated', isMore),
      shown.map(({ key, upload, begun }) =>
        element(
          'Upload',
          element('Key', spell(key)),
          element('UploadId', upload),
          ownerElement('Initiator'),
          ownerElement(),
          element('StorageClass', 'STANDARD'),
          element('Initiated', begun.toISOString()),
        ),
      ),
      prefixes.map(each => element('CommonPrefixes', element('Prefix', spell(each)))),
    ),
  )
}

async function* uploadsOf(call: S3Call): AsyncGenerator<UploadInfo> {
  let after: Uint8Array | undefined
  do {
    const options = { limit: PAGE, signal: call.signal, ...(after && { after }) }
    const page = await call.store.uploads(bucketOf(call), options)
    yield* page.uploads
    after = page.next
  } while (after !== undefined)
}

/** By the order of keys; of one key, uploads behind the marked one, or none if none is marked. */
function isBehind({ key, upload }: UploadInfo, keyMarker: string, uploadMarker: string): boolean {
  if (keyMarker === '') return true
  const order = Buffer.compare(Buffer.from(key), Buffer.from(keyMarker))
  return order > 0 || (order === 0 && uploadMarker !== '' && upload > uploadMarker)
}

function commonPrefix(key: string, prefix: string, delimiter: string): string | undefined {
  const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
  return at < 0 ? undefined : key.slice(0, at + delimiter.length)
}

const later = (key = '', prefix = ''): string => (key > prefix ? key : prefix)
