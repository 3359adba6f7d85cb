/** The end of a multipart upload: its parts become an object, all at once or not at all. */
import { codeOf } from '../../base/errors.ts'
import type { ObjectPlace, UploadedPart, UploadName, Written } from '../../node/store/store.ts'
import { unquote } from '../conditions.ts'
import { algorithmNamed, checksumAlgorithms } from './checksum.ts'
import { checksumElements } from './copy-object.ts'
import { encryptionHeaders } from './encryption.ts'
import { versionHeader } from './object-answer.ts'
import { writeConditions } from './object-settings.ts'
import { readDocument } from './read-document.ts'
import { headerOf, ok, type S3Answer, type S3Call } from './s3-call.ts'
import { S3Error } from './s3-error.ts'
import { encodeUri } from './target.ts'
import { keptChecksums, multipartEtag, wholeChecksum } from './upload-checksums.ts'
import { PARTS_MAX, uploadOf } from './upload-parts.ts'
import { childrenOf, demandRoot, naturalOf, textOf, wrong } from './xml-fields.ts'
import { readXml, type XmlElement } from './xml-reader.ts'
import { element, rootElement } from './xml-writer.ts'

/** Of every part but the last. */
const PART_BYTES_MIN = 5_242_880
const PAGE = 1000

interface NamedPart {
  readonly part: number
  readonly etag: string
  readonly checksums: Readonly<Record<string, string>>
}

export async function completeMultipartUpload(call: S3Call): Promise<S3Answer> {
  const name = uploadOf(call)
  const conditions = writeConditions(call)
  const named = partsIn(await readDocument(call))
  try {
    const { settings } = await call.store.upload(name, { signal: call.signal })
    const parts = await chosenParts(call, name, named)
    checkSize(call, parts)
    const kept = keptChecksums(settings.headers)
    const checksums = await wholeChecksum(kept, parts)
    checkWhole(call, checksums)
    const written = await call.store.completeUpload(name, named, {
      ...conditions,
      partBytesMin: PART_BYTES_MIN,
      checksums,
      signal: call.signal,
    })
    return answerOf(call, name, { ...written, checksums, type: kept.type })
  } catch (error) {
    const before =
      codeOf(error) === 'NO_SUCH_UPLOAD' ? await completedBefore(call, name, named) : undefined
    if (before !== undefined) return before
    throw error
  }
}

/** @throws {S3Error} `MalformedXML`, `InvalidPartOrder`, `InvalidPart` */
function partsIn(text: string): readonly NamedPart[] {
  const root = demandRoot(readXml(text), 'CompleteMultipartUpload')
  const parts = childrenOf(root, 'Part').map(partIn)
  if (parts.length === 0) throw wrong('there are no parts')
  if (parts.length > PARTS_MAX)
    throw new S3Error(
      'InvalidRequest',
      `Part number must be an integer between 1 and ${PARTS_MAX}, inclusive`,
    )
  const isSorted = parts.every(
    ({ part }, index) => index === 0 || (parts[index - 1]?.part ?? 0) < part,
  )
  if (isSorted) return parts
  throw new S3Error(
    'InvalidPartOrder',
    'The list of parts was not in ascending order. Parts must be ordered by part number.',
  )
}

function partIn(element_: XmlElement): NamedPart {
  const part = naturalOf(element_, 'PartNumber')
  if (part < 1 || part > PARTS_MAX) throw noSuchPart(part)
  const checksums = element_.children.flatMap(child => {
    const algorithm = child.name.startsWith('Checksum')
      ? algorithmNamed(child.name.slice(8))
      : undefined
    return algorithm === undefined ? [] : [[algorithm, child.text.trim()] as const]
  })
  return {
    part,
    etag: unquote(textOf(element_, 'ETag')),
    checksums: Object.fromEntries(checksums),
  }
}

/** What was uploaded, of the parts that are named. */
async function chosenParts(
  { store, signal }: S3Call,
  name: UploadName,
  named: readonly NamedPart[],
): Promise<readonly UploadedPart[]> {
  const uploaded = new Map<number, UploadedPart>()
  for (let after = 0; ;) {
    const page = await store.parts(name, { after, limit: PAGE, signal })
    for (const part of page) uploaded.set(part.part, part)
    const last = page.at(-1)
    if (last === undefined) break
    after = last.part
  }
  return named.map(({ part, etag, checksums }) => {
    const found = uploaded.get(part)
    const isSame =
      found?.etag === etag &&
      Object.entries(checksums).every(
        ([algorithm, digest]) => (found.checksums[algorithm] ?? digest) === digest,
      )
    if (isSame) return found
    throw noSuchPart(part)
  })
}

function checkSize(call: S3Call, parts: readonly UploadedPart[]): void {
  const wanted = headerOf(call, 'x-amz-mp-object-size')
  const size = parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  if (wanted !== undefined && Number(wanted) !== size)
    throw new S3Error(
      'InvalidRequest',
      `The provided 'x-amz-mp-object-size' header value ${wanted} does not match what was computed: ${size}`,
    )
}

/** What the client says of the whole, if it does. */
function checkWhole(call: S3Call, checksums: Readonly<Record<string, string>>): void {
  for (const algorithm of checksumAlgorithms) {
    const said = headerOf(call, `x-amz-checksum-${algorithm}`)
    const digest = checksums[algorithm]
    if (said === undefined || digest === undefined || said === digest) continue
    if (said === digest.replace(/-\d+$/, '')) continue
    throw new S3Error(
      'BadDigest',
      `The ${algorithm} you specified did not match the calculated checksum.`,
    )
  }
}

/** The same answer again, for a client that did not hear the first. */
async function completedBefore(
  call: S3Call,
  { bucket, key }: ObjectPlace,
  named: readonly NamedPart[],
): Promise<S3Answer | undefined> {
  try {
    const info = await call.store.head({ bucket, key }, { signal: call.signal })
    if (info.etag !== multipartEtag(named.map(({ etag }) => etag))) return undefined
    return answerOf(call, { bucket, key }, { ...info, type: keptChecksums(info.headers).type })
  } catch (error) {
    if (codeOf(error) === 'NO_SUCH_KEY' || codeOf(error) === 'KEY_NEEDED') return undefined
    throw error
  }
}

function answerOf(
  call: S3Call,
  { bucket, key }: ObjectPlace,
  {
    etag,
    version,
    checksums,
    type,
  }: Pick<Written, 'etag' | 'version'> & {
    readonly checksums: Readonly<Record<string, string>>
    readonly type: string
  },
): S3Answer {
  const path = encodeUri(key).replaceAll('%2F', '/')
  const isHosted = call.target.canonicalPath === `/${path}`
  const told = checksumElements(checksums)
  const xml = rootElement(
    'CompleteMultipartUploadResult',
    element(
      'Location',
      `http://${call.request.headers.host ?? ''}/${isHosted ? '' : `${bucket}/`}${path}`,
    ),
    element('Bucket', bucket),
    element('Key', key),
    element('ETag', `"${etag}"`),
    told,
    told.length > 0 ? element('ChecksumType', type) : undefined,
  )
  return {
    ...ok(xml),
    headers: { ...versionHeader(call, version), ...encryptionHeaders(undefined) },
  }
}

const noSuchPart = (part: number): S3Error =>
  new S3Error(
    'InvalidPart',
    "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
    { fields: { PartNumber: String(part) } },
  )
