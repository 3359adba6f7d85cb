/** POST ?delete: up to a thousand objects in one request, each with an answer of its own. */
import type { ObjectPlace } from '../../node/store/store.ts'
import { unquote } from '../conditions.ts'
import { bypassesGovernance } from './lock-headers.ts'
import { readDocument } from './read-document.ts'
import { bucketOf, ok, type S3Answer, type S3Call } from './s3-call.ts'
import { notImplemented, S3Error } from './s3-error.ts'
import { checkKey } from './target.ts'
import { translateFailure } from './translate-failure.ts'
import { childrenOf, demandRoot, optionalFlag, optionalText, textOf, wrong } from './xml-fields.ts'
import { readXml, type XmlElement } from './xml-reader.ts'
import { element, type Markup, optionalElement, rootElement } from './xml-writer.ts'

const OBJECTS_MAX = 1000
/** Deleted at once: as many commands of a log share one write. */
const AT_ONCE = 16

interface Doomed extends ObjectPlace {
  readonly version: string | undefined
  readonly ifMatch: string | undefined
}

export async function deleteObjects(call: S3Call): Promise<S3Answer> {
  const bucket = bucketOf(call)
  const root = demandRoot(readXml(await readDocument(call)), 'Delete')
  const isQuiet = optionalFlag(root, 'Quiet') === true
  const objects = childrenOf(root, 'Object')
  if (objects.length === 0 || objects.length > OBJECTS_MAX)
    throw wrong(`it names from 1 to ${OBJECTS_MAX} objects`)
  const doomed = objects.map(each => doomedIn(each, bucket))
  await call.store.bucket(bucket, { signal: call.signal })
  const results: Markup[] = []
  for (let at = 0; at < doomed.length; at += AT_ONCE) {
    const batch = doomed.slice(at, at + AT_ONCE).map(each => resultOf(call, each, isQuiet))
    for (const result of await Promise.all(batch)) if (result !== undefined) results.push(result)
  }
  return ok(rootElement('DeleteResult', results))
}

function doomedIn(object: XmlElement, bucket: string): Doomed {
  const etag = optionalText(object, 'ETag')
  for (const name of ['LastModifiedTime', 'Size'])
    if (optionalText(object, name) !== undefined) throw notImplemented(`${name} of a deletion`)
  const version = optionalText(object, 'VersionId')
  return {
    bucket,
    key: textOf(object, 'Key'),
    version: version === '' ? undefined : version,
    ifMatch: etag === undefined || etag === '' ? undefined : unquote(etag),
  }
}

/** What became of one; undefined for a success nobody wants to hear of. */
async function resultOf(
  call: S3Call,
  doomed: Doomed,
  isQuiet: boolean,
): Promise<Markup | undefined> {
  const { key, version } = doomed
  try {
    const { version: gone, isMarker } = await remove(call, doomed)
    if (isQuiet) return undefined
    return element(
      'Deleted',
      element('Key', key),
      optionalElement('VersionId', version),
      isMarker ? element('DeleteMarker', true) : undefined,
      isMarker ? optionalElement('DeleteMarkerVersionId', gone) : undefined,
    )
  } catch (error) {
    if (call.signal.aborted) throw error
    const { code, message } = translateFailure(error)
    return element(
      'Error',
      element('Key', key),
      optionalElement('VersionId', version),
      element('Code', code),
      element('Message', message),
    )
  }
}

async function remove(call: S3Call, { bucket, key, version, ifMatch }: Doomed) {
  if (key === '') throw new S3Error('InvalidArgument', 'A key cannot be empty')
  checkKey(key)
  const action = version === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion'
  await call.demand(action, bucket, key)
  const options = {
    version,
    ifMatch,
    bypassesGovernance: await bypassesGovernance(call, bucket, key),
    signal: call.signal,
  }
  return call.store.delete({ bucket, key }, options)
}
