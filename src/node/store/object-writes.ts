/**
 * Objects and parts on their way in. A small one rides in the command that lists it; any other is
 * written as a blob first (`blob-writer.ts`), and listed by one command at its end: that is when it
 * exists. What fails before that leaves nothing behind; of what nobody knows whether it was applied
 * nothing is touched, for the leases of its fragments know.
 */
import { codeOf } from '../../base/errors.ts'
import type { BlobInit, NewBody } from '../../catalog/commands.ts'
import { type ContentName, INLINE_BYTES_MAX } from '../../catalog/records.ts'
import { BLOB_ID_BYTES, CONTENT_ID_BYTES } from '../../catalog/tables.ts'
import type { PlacedCommand } from '../catalog/catalog.ts'
import { placeOf } from '../catalog/places.ts'
import { BlobWriter, type BlobWriterDrivers } from './blob-writer.ts'
import { type BodySource, MeteredBody } from './body-source.ts'
import type { ContentKeys } from './content-keys.ts'
import { conditionsOf, descriptionOf } from './descriptions.ts'
import type {
  ObjectPlace,
  ObjectSettings,
  Progress,
  PutOptions,
  UploadedPart,
  WrittenFacts,
  Written,
} from './store.ts'

export interface ObjectWritesDrivers extends BlobWriterDrivers {
  readonly keys: ContentKeys
  /** Bytes nobody can guess. */
  readonly secrets: (size: number) => Uint8Array
}

type PartOptions = Omit<PutOptions, 'ifMatch' | 'ifNoneMatch'>

interface Settled extends WrittenFacts {
  readonly etag: string
  readonly settings: ObjectSettings
}

/** What a blob is written for, and how it is listed. */
interface Purpose {
  readonly name: ContentName
  readonly part: number
  readonly isUpload: boolean
  readonly command: (
    listed: { readonly blob: BlobInit; readonly untilMs: number },
    settled: Settled,
  ) => PlacedCommand
}

type Applied = Awaited<ReturnType<BlobWriterDrivers['catalog']['propose']>>

export class ObjectWrites {
  readonly #drivers: ObjectWritesDrivers

  constructor(drivers: ObjectWritesDrivers) {
    this.#drivers = drivers
  }

  async put(place: ObjectPlace, source: BodySource, options: PutOptions): Promise<Written> {
    placeOf(place)
    checkKey(options.encryptionKey)
    const body = new MeteredBody(source, meteringOf(source, options))
    try {
      await body.peek(options.signal)
      const { sizeBytes, applied, etag } = fitsInline(body, options)
        ? await this.#putInline(place, body, options)
        : await this.#putBlob(place, body, options)
      if (applied.type !== 'version') throw new TypeError(`a version, not ${applied.type}`)
      const { version = 'null', ms } = applied
      return { version, etag, sizeBytes, modified: new Date(ms) }
    } finally {
      body.cancel()
    }
  }

  async putPart(
    name: ContentName,
    part: number,
    source: BodySource,
    options: PartOptions,
  ): Promise<UploadedPart> {
    checkKey(options.encryptionKey)
    const body = new MeteredBody(source, meteringOf(source, options))
    try {
      await body.peek(options.signal)
      const written = await this.#writeBlob(body, options, {
        name,
        part,
        isUpload: true,
        command: ({ blob, untilMs }, { etag, settings }) => {
          const { checksums } = descriptionOf(settings, { sizeBytes: 0, etag })
          return { type: 'putPart', ...name, part, etag, checksums, blob, untilMs }
        },
      })
      const { sizeBytes, etag, settings } = written
      const modified = new Date(Math.floor(this.#drivers.clock.wallMs()))
      return { part, etag, sizeBytes, modified, checksums: settings.checksums ?? {} }
    } finally {
      body.cancel()
    }
  }

  async #putInline(
    place: ObjectPlace,
    body: MeteredBody,
    options: PutOptions,
  ): Promise<Settled & { readonly applied: Applied }> {
    const bytes = await body.whole()
    const settled = await settle(body, options)
    const { signal } = options
    signal?.throwIfAborted()
    const command = putCommand(place, { type: 'inline', bytes }, { settled, options })
    return { ...settled, applied: await this.#drivers.catalog.propose(command, { signal }) }
  }

  #putBlob(
    place: ObjectPlace,
    body: MeteredBody,
    options: PutOptions,
  ): Promise<Settled & { readonly applied: Applied }> {
    const { bucket, key } = place
    const content = this.#drivers.secrets(CONTENT_ID_BYTES)
    return this.#writeBlob(body, options, {
      name: { bucket, key, content },
      part: 1,
      isUpload: false,
      command: (listed, settled) =>
        putCommand(place, { type: 'blob', content, ...listed }, { settled, options }),
    })
  }

  async #writeBlob(
    body: MeteredBody,
    options: PartOptions,
    { name, part, isUpload, command }: Purpose,
  ): Promise<Settled & { readonly applied: Applied }> {
    const { keys, catalog } = this.#drivers
    const blob = this.#blobOf(part)
    const { key, envelope } = keys.create({ content: name.content, blob }, options.encryptionKey)
    const { signal = new AbortController().signal } = options
    const writer = new BlobWriter({
      drivers: this.#drivers,
      name,
      blob,
      key,
      envelope,
      sizeBytes: body.knownBytes,
      isUpload,
      signal,
    })
    let isProposed = false
    try {
      this.#lookForBucket(name.bucket, writer)
      await writer.write(body.chunks())
      const settled = await settle(body, options)
      writer.signal.throwIfAborted()
      const listed = { blob: writer.blobInit(), untilMs: writer.untilMs() }
      isProposed = true
      const applied = await catalog.propose(command(listed, settled), { signal: writer.signal })
      await writer.committed()
      return { ...settled, applied }
    } catch (error) {
      if (isProposed && isUnknown(error)) await writer.leave(error as Error)
      else await writer.discard(error as Error)
      throw error
    }
  }

  /** A body must not be sent for nothing: while it is on its way its bucket is looked for. */
  #lookForBucket(bucket: string, writer: BlobWriter): void {
    const { catalog } = this.#drivers
    const { signal } = writer
    const asked = catalog.ask('bucket', { bucket }, { consistency: 'stale', signal })
    asked
      .catch(() => catalog.ask('bucket', { bucket }, { signal }))
      .catch((error: unknown) => {
        if (codeOf(error) === 'NO_SUCH_BUCKET') writer.fail(error)
      })
  }

  /** Begins with the part it is for, as the catalog wants it. */
  #blobOf(part: number): Uint8Array {
    const blob = new Uint8Array(BLOB_ID_BYTES)
    blob.set(this.#drivers.secrets(BLOB_ID_BYTES))
    blob.set([part >>> 8, part & 0xff])
    return blob
  }
}

const meteringOf = (
  source: BodySource,
  { sizeBytes, onProgress }: PartOptions,
): { sizeBytes: number | undefined; onProgress: ((progress: Progress) => void) | undefined } => ({
  sizeBytes: sizeBytes ?? (source instanceof Uint8Array ? source.length : undefined),
  onProgress,
})

/** Under a caller's key nothing rides in the log, where every voter can read it. */
function fitsInline(body: MeteredBody, { encryptionKey }: PutOptions): boolean {
  const { knownBytes } = body
  if (knownBytes === 0) return true
  return encryptionKey === undefined && knownBytes !== undefined && knownBytes <= INLINE_BYTES_MAX
}

async function settle(body: MeteredBody, options: PartOptions): Promise<Settled> {
  const facts = body.facts()
  const late = await options.settle?.(facts)
  return { ...facts, etag: options.etag ?? facts.md5, settings: { ...options, ...late } }
}

function putCommand(
  { bucket, key }: ObjectPlace,
  body: NewBody,
  { settled, options }: { readonly settled: Settled; readonly options: PutOptions },
): PlacedCommand {
  const { settings, sizeBytes, etag } = settled
  const needsKey = options.encryptionKey !== undefined
  const description = descriptionOf(settings, { sizeBytes, etag, needsKey })
  const conditions = conditionsOf(options)
  return { type: 'putObject', bucket, key, conditions, description, body }
}

export function checkKey(key: Uint8Array | undefined): void {
  if (key === undefined || key.length === 32) return
  throw new RangeError(`An encryption key has 32 bytes, not ${key.length}`)
}

/** Everything that does not say that nothing was done. */
function isUnknown(error: unknown): boolean {
  const code = codeOf(error)
  return code === undefined || code === 'OUTCOME_UNKNOWN' || code === 'TIMEOUT' || code === 'CLOSED'
}
