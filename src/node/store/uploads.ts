/**
 * Multipart uploads: a content that is open until its parts are put together. An upload's name is the
 * content's; its parts are blobs, or runs of bytes of what is there already.
 */
import { createHash } from 'node:crypto'

import { fromHex, toHex } from '../../base/bytes.ts'
import type { Environment } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { NO_CONDITIONS } from '../../catalog/commands.ts'
import { watchRow } from '../../catalog/contents.ts'
import { positionOf } from '../../catalog/position.ts'
import type { NumberedPart, WatchedContent } from '../../catalog/query-upkeep.ts'
import type { ContentName } from '../../catalog/records.ts'
import { CONTENT_ID_BYTES, justBefore } from '../../catalog/tables.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { placeOf } from '../catalog/places.ts'
import { conditionsOf, descriptionOf, pairsOf, recordOf, settingsOf } from './descriptions.ts'
import type { ObjectReads } from './object-reads.ts'
import type { ObjectWrites } from './object-writes.ts'
import type {
  CallOptions,
  ObjectPlace,
  ObjectSettings,
  PutOptions,
  ReadOptions,
  UploadDetails,
  UploadedPart,
  UploadInfo,
  UploadName,
  WriteConditions,
  Written,
} from './store.ts'

/** An upload that nobody completes ends after 30 days. */
const UPLOAD_MS = 2_592_000_000
const PARTS_PAGE = 1_000
const UPLOADS_PAGE = 1_000

export interface UploadsDrivers {
  readonly environment: Pick<Environment, 'clock'>
  readonly catalog: Catalog
  readonly reads: ObjectReads
  readonly writes: ObjectWrites
  readonly secrets: (size: number) => Uint8Array
}

type PartSource = ObjectPlace & { readonly version?: string | undefined }
type Range = CallOptions & { readonly from?: number; readonly to?: number }

export class Uploads {
  readonly #drivers: UploadsDrivers

  constructor(drivers: UploadsDrivers) {
    this.#drivers = drivers
  }

  async create(
    { bucket, key }: ObjectPlace,
    { signal, ...settings }: ObjectSettings & CallOptions,
  ): Promise<UploadName> {
    const { catalog, secrets, environment } = this.#drivers
    const content = secrets(CONTENT_ID_BYTES)
    const upload = descriptionOf(settings, { sizeBytes: 0, etag: '' })
    const untilMs = Math.floor(environment.clock.wallMs()) + UPLOAD_MS
    const command = { type: 'openContent', bucket, key, content, untilMs, upload } as const
    await catalog.propose(command, { signal })
    return { bucket, key, upload: toHex(content) }
  }

  async putPart(
    upload: UploadName,
    part: number,
    source: Uint8Array | AsyncIterable<Uint8Array>,
    options: Omit<PutOptions, 'ifMatch' | 'ifNoneMatch'>,
  ): Promise<UploadedPart> {
    checkPart(part)
    return this.#drivers.writes.putPart(contentOf(upload), part, source, options)
  }

  /** By reference; what lies inside the log, or belongs to another group, is read and put. */
  async copyPart(
    upload: UploadName,
    part: number,
    from: PartSource,
    range: Range,
  ): Promise<UploadedPart> {
    checkPart(part)
    const { catalog, reads, environment } = this.#drivers
    const { signal } = range
    const found = await reads.find(from, { version: from.version, signal })
    const { from: fromBytes = 0, to = found.version.sizeBytes } = range
    const lengthBytes = to - fromBytes
    const isWhole = fromBytes === 0 && to === found.version.sizeBytes
    const etag = isWhole
      ? md5Of(found.version.etag)
      : md5Of(`${found.version.etag} ${fromBytes}-${to}`)
    const command = {
      type: 'copyPart',
      ...contentOf(upload),
      part,
      etag,
      checksums: [],
      source: { bucket: from.bucket, key: from.key, version: found.id },
      sourceConditions: { ...NO_CONDITIONS, ifMatch: [found.version.etag] },
      fromBytes,
      lengthBytes,
    } as const
    try {
      await catalog.propose(command, { signal })
    } catch (error) {
      const isElsewhere = codeOf(error) === 'OUT_OF_RANGE'
      if (!isElsewhere && found.version.body.type === 'content') throw error
      return this.#copyBytes(upload, part, from, { from: fromBytes, to, signal })
    }
    const modified = new Date(Math.floor(environment.clock.wallMs()))
    return { part, etag, sizeBytes: lengthBytes, modified, checksums: {} }
  }

  async parts(
    upload: UploadName,
    { after = 0, limit = PARTS_PAGE, ...options }: PartsOptions,
  ): Promise<readonly UploadedPart[]> {
    const name = contentOf(upload)
    const content = await this.#drivers.catalog.ask('content', name, options)
    if (content?.state !== 'open') throw noSuchUpload(upload)
    const parts = await this.#drivers.catalog.ask('parts', { ...name, after, limit }, options)
    return parts.map(partOf)
  }

  /** Those of a whole object. */
  async partsOf(
    place: ObjectPlace,
    {
      version,
      after = 0,
      limit = PARTS_PAGE,
      ...options
    }: PartsOptions & { version?: string | undefined },
  ): Promise<readonly UploadedPart[]> {
    const { reads, catalog } = this.#drivers
    const found = await reads.find(place, { version, ...options })
    const name = reads.contentOf(place, found)
    if (name === undefined || found.version.parts === 0) return []
    const parts = await catalog.ask('parts', { ...name, after, limit }, options)
    return parts.filter(({ part }) => part > 0).map(partOf)
  }

  async complete(
    upload: UploadName,
    parts: readonly { readonly part: number; readonly etag: string }[],
    { signal, partBytesMin = 0, checksums = {}, ...conditions }: CompleteOptions,
  ): Promise<Written> {
    const { catalog } = this.#drivers
    const etag = `${md5OfParts(parts)}-${parts.length}`
    const command = {
      type: 'completeUpload',
      ...contentOf(upload),
      conditions: conditionsOf(conditions),
      parts,
      partBytesMin,
      etag,
      checksums: pairsOf(checksums),
    } as const
    const applied = await catalog.propose(command, { signal })
    if (applied.type !== 'version') throw new TypeError(`a version, not ${applied.type}`)
    const { bucket, key } = upload
    const { version = 'null', ms } = applied
    const written = await catalog.ask('object', { bucket, key, version }, { signal })
    return {
      version,
      etag: applied.etag,
      sizeBytes: written.version.sizeBytes,
      modified: new Date(ms),
    }
  }

  async abort(upload: UploadName, { signal }: CallOptions): Promise<void> {
    const name = contentOf(upload)
    const { catalog } = this.#drivers
    const content = await catalog.ask('content', name, { signal })
    if (content?.state !== 'open') throw noSuchUpload(upload)
    await catalog.propose({ type: 'releaseContent', ...name }, { signal })
  }

  async find(upload: UploadName, options: ReadOptions): Promise<UploadDetails> {
    const { content, bucket, key } = contentOf(upload)
    const after = justBefore(watchRow(positionOf({ bucket, key }), content))
    const page = await this.#drivers.catalog.listUploads(bucket, { after, limit: 1 }, options)
    const [found] = page.items
    if (found === undefined || nameOf(found).upload !== upload.upload) throw noSuchUpload(upload)
    const { watch } = found
    const settings = watch.upload === undefined ? {} : settingsOf(watch.upload)
    return { ...nameOf(found), begun: new Date(watch.sinceMs), settings }
  }

  async list(
    bucket: string,
    {
      after,
      limit = UPLOADS_PAGE,
      ...options
    }: ReadOptions & { after?: Uint8Array; limit?: number },
  ): Promise<{ uploads: readonly UploadInfo[]; next: Uint8Array | undefined }> {
    placeOf({ bucket })
    const page = await this.#drivers.catalog.listUploads(bucket, { after, limit }, options)
    const uploads = page.items.map(item => ({
      ...nameOf(item),
      begun: new Date(item.watch.sinceMs),
    }))
    return { uploads, next: page.next }
  }

  async #copyBytes(
    upload: UploadName,
    part: number,
    from: PartSource,
    range: Range,
  ): Promise<UploadedPart> {
    const { reads, writes } = this.#drivers
    const { version } = from
    const reading = await reads.get(from, { ...range, version })
    const { signal } = range
    const sizeBytes = reading.to - reading.from
    return writes.putPart(contentOf(upload), part, reading.body, { sizeBytes, signal })
  }
}

type PartsOptions = ReadOptions & {
  readonly after?: number | undefined
  readonly limit?: number | undefined
}
type CompleteOptions = CallOptions &
  WriteConditions & {
    readonly partBytesMin?: number
    readonly checksums?: Readonly<Record<string, string>>
  }

/** @throws {HoldfastError} `NO_SUCH_UPLOAD`, `INVALID_COMMAND` */
function contentOf(upload: UploadName): ContentName {
  const { bucket, key } = upload
  placeOf({ bucket, key })
  if (!/^[0-9a-f]{32}$/.test(upload.upload)) throw noSuchUpload(upload)
  return { bucket, key, content: fromHex(upload.upload) }
}

const nameOf = ({ bucket, key, content }: WatchedContent): UploadName => ({
  bucket,
  key,
  upload: toHex(content),
})

const partOf = ({ part, etag, sizeBytes, createdMs, checksums }: NumberedPart): UploadedPart => ({
  part,
  etag,
  sizeBytes,
  modified: new Date(createdMs),
  checksums: recordOf(checksums),
})

function checkPart(part: number): void {
  if (Number.isInteger(part) && part >= 1 && part <= 10_000) return
  const details = { code: 'INVALID_PART', part, reason: 'parts count from 1 to 10,000' } as const
  throw new HoldfastError(`Cannot put part ${part}: parts count from 1 to 10,000`, details)
}

const md5Of = (text: string): string => createHash('md5').update(text).digest('hex')

/** As S3 has it: the hash of the hashes of the parts. */
function md5OfParts(parts: readonly { readonly etag: string }[]): string {
  const hash = createHash('md5')
  for (const { etag } of parts) hash.update(etag, /^[0-9a-f]{32}$/.test(etag) ? 'hex' : 'utf8')
  return hash.digest('hex')
}

const noSuchUpload = ({ upload }: UploadName): HoldfastError =>
  new HoldfastError(`There is no upload ${upload}`, { code: 'NO_SUCH_UPLOAD', upload })
