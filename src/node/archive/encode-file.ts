import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rmdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

import type { Disk, DiskFile } from '../../base/environment.ts'
import { type Failure, HoldfastError } from '../../base/errors.ts'
import { formatFragmentId } from '../../erasure/fragment-id.ts'
import { DIGEST_BYTES, type HashAlgorithm } from '../../erasure/hash.ts'
import { checkScheme, type Scheme } from '../../erasure/scheme.ts'
import { openDisk } from '../../storage/disk.ts'
import { CoderPool } from '../coder/coder-pool.ts'
import type { CodecName } from '../coder/coder-tools.ts'
import { createUnitKey, wrapKey } from '../coder/data-key.ts'
import type { StoredSegment } from '../coder/decode-stream.ts'
import { type CellsEvent, encodeStream } from '../coder/encode-stream.ts'
import type { UnitKey } from '../coder/unit-cipher.ts'
import { associatedDataOf, encodeEnd, encodeHeader, encodeManifest } from './fragment-file.ts'
import { fragmentFileName, MANIFEST_BYTES_MAX, OBJECT_ID_BYTES } from './fragment-file.ts'
import { openSource } from './open-source.ts'
import { removeIfThere } from './remove-if-there.ts'
import { translateError } from './translate-error.ts'

export interface EncodeFileOptions {
  /** The bytes, in chunks of any size, or the path of a file that holds them. */
  readonly source: AsyncIterable<Uint8Array> | string
  /** What the files are called before `.0-of-6.hf`. */
  readonly name: string
  /** Created if it is not there; must be empty otherwise. */
  readonly directory: string
  readonly scheme: Scheme
  /** 32 bytes that decoding will need. Without it the data is stored as it is. */
  readonly key?: Uint8Array | undefined
  /** @default 'blake3' */
  readonly hash?: HashAlgorithm | undefined
  /** @default 'kernel' */
  readonly codec?: CodecName | undefined
  /** Write into a directory with other files, and over those of the same names. @default false */
  readonly force?: boolean | undefined
  /** Told how many bytes of the source are written, of how many if that is known. */
  readonly onProgress?: ((bytes: number, totalBytes?: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface EncodeReport extends Scheme {
  readonly sizeBytes: number
  readonly encrypted: boolean
  /** How BLAKE3 was computed: where there is no `native` code, slower. */
  readonly blake3: 'native' | 'portable'
  readonly files: readonly {
    readonly name: string
    readonly sizeBytes: number
    /** Names of the fragments in it, one for each segment. */
    readonly fragments: readonly string[]
  }[]
}

/**
 * Writes an object as k + m files, any k of which restore it. All of them appear at the end, whole
 * and durable; a failure or an abort leaves none behind.
 * @throws {HoldfastError} `INVALID_SCHEME`, `FILE_EXISTS`, `FILE_FORBIDDEN`, `DISK_FULL`,
 * `TOO_LARGE` and the like; the signal's reason; what `source` throws
 */
export async function encodeFile(options: EncodeFileOptions): Promise<EncodeReport> {
  checkScheme(options.scheme)
  const { chunks, totalBytes } = await openSource(options.source)
  const isNew = await prepareDirectory(options.directory, options.force ?? false)
  const writer = new FragmentWriter(options, totalBytes)
  const coder = await CoderPool.create({ codec: options.codec ?? 'kernel' })
  try {
    await writer.open()
    const { scheme, hash, signal } = options
    const { key } = writer
    const stream = encodeStream(chunks, { coder, scheme, hash: hash ?? 'blake3', key, signal })
    for await (const event of stream) {
      if (event.type === 'cells') await writer.writeCells(event)
      else if (event.type === 'segment') await writer.writeLeaves(event)
      else await writer.finish(signal)
    }
    return { ...writer.report, blake3: coder.blake3 }
  } catch (error) {
    await writer.discard()
    if (isNew) await rmdir(options.directory).catch(() => {})
    throw error
  } finally {
    await coder.close()
  }
}

/** One of the files being written. */
interface OpenFile {
  readonly name: string
  readonly file: DiskFile
  readonly header: Uint8Array
  readonly fragments: string[]
  sizeBytes: number
  isOpen: boolean
}

/** The files of one object on their way into a directory, under other names until they are whole. */
class FragmentWriter {
  readonly key: UnitKey | undefined
  readonly #options: EncodeFileOptions
  readonly #disk: Disk
  readonly #objectId = randomBytes(OBJECT_ID_BYTES)
  readonly #files: OpenFile[] = []
  readonly #segments: StoredSegment[] = []
  #rootBytes = 0
  #plainBytes = 0

  readonly #totalBytes: number | undefined

  constructor(options: EncodeFileOptions, totalBytes: number | undefined) {
    this.#options = options
    this.#totalBytes = totalBytes
    this.#disk = openDisk(options.directory)
    this.key = options.key && createUnitKey(associatedDataOf(this.#objectId))
  }

  get report(): Omit<EncodeReport, 'blake3'> {
    const { scheme, key } = this.#options
    const files = this.#files.map(({ name, sizeBytes, fragments }) => ({
      name,
      sizeBytes,
      fragments,
    }))
    return { ...scheme, sizeBytes: this.#plainBytes, encrypted: key !== undefined, files }
  }

  async open(): Promise<void> {
    const { name, scheme } = this.#options
    const count = scheme.k + scheme.m
    for (let index = 0; index < count; index++) {
      const fileName = fragmentFileName(name, index, count)
      await removeIfThere(this.#disk, temporary(fileName))
      const file = await this.#disk.open(temporary(fileName), 'create')
      const header = encodeHeader({ objectId: this.#objectId, index, ...scheme })
      this.#files.push({ name: fileName, file, header, fragments: [], sizeBytes: 0, isOpen: true })
    }
    await Promise.all(this.#files.map(file => append(file, file.header.slice())))
  }

  async writeCells(event: CellsEvent): Promise<void> {
    // A disk takes over what it writes; one copy side by side also makes one write of many.
    const columns = event.columns.map(cells => joined(cells))
    event.release()
    await Promise.all(columns.map((bytes, column) => append(this.#file(column), bytes)))
    this.#plainBytes += event.plainBytes
    this.#options.onProgress?.(this.#plainBytes, this.#totalBytes)
  }

  async writeLeaves(event: {
    readonly scheme: Scheme
    readonly fragments: readonly { id: StoredSegment['fragments'][number]; leaves: Uint8Array }[]
  }): Promise<void> {
    const { scheme, fragments } = event
    this.#segments.push({ k: scheme.k, fragments: fragments.map(({ id }) => id) })
    this.#rootBytes += fragments.length * DIGEST_BYTES
    if (this.#rootBytes > MANIFEST_BYTES_MAX) throw tooLarge(this.#rootBytes)
    await Promise.all(
      fragments.map(({ id, leaves }, column) => {
        this.#file(column).fragments.push(formatFragmentId(id))
        return append(this.#file(column), leaves.slice())
      }),
    )
  }

  /** Makes everything durable, and only then gives the files their names. */
  async finish(signal: AbortSignal | undefined): Promise<void> {
    const manifest = this.#encodeManifest()
    await Promise.all(
      this.#files.map(async it => {
        await append(it, encodeEnd(it.header, manifest))
        await it.file.datasync()
      }),
    )
    signal?.throwIfAborted()
    for (const it of this.#files) {
      it.isOpen = false
      await it.file.close()
      await this.#disk.rename(temporary(it.name), it.name)
    }
    await this.#disk.syncDirectory('.')
    await openDisk(dirname(resolve(this.#options.directory))).syncDirectory('.')
  }

  /** Removes what was written. Never fails: there is an error to report already. */
  async discard(): Promise<void> {
    // A disk that has failed answers nothing more, so another one cleans up.
    const disk = openDisk(this.#options.directory)
    for (const { name, file, isOpen } of this.#files) {
      if (isOpen) await file.close().catch(() => {})
      await disk.remove(temporary(name)).catch(() => {})
    }
  }

  #encodeManifest(): Uint8Array {
    const { scheme, key } = this.#options
    const unitKey = this.key
    const encryption =
      key === undefined || unitKey === undefined
        ? undefined
        : {
            noncePrefix: unitKey.noncePrefix,
            wrappedKey: wrapKey(key, unitKey.key, unitKey.associatedData),
          }
    const [plainBytes, objectId, segments] = [this.#plainBytes, this.#objectId, this.#segments]
    return encodeManifest({ ...scheme, plainBytes, objectId, encryption, segments })
  }

  #file(column: number): OpenFile {
    return this.#files[column] as OpenFile
  }
}

/** True if the directory was created. */
async function prepareDirectory(directory: string, force: boolean): Promise<boolean> {
  try {
    await mkdir(directory)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw translateError(error, 'create', directory)
  }
  let names: string[]
  try {
    names = await readdir(directory)
  } catch (error) {
    throw translateError(error, 'list', directory)
  }
  if (names.length === 0 || force) return false
  const details: Failure = { code: 'FILE_EXISTS', path: directory }
  throw new HoldfastError(`Cannot write to ${directory}: it is not empty`, details)
}

async function append(target: OpenFile, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const position = target.sizeBytes
  target.sizeBytes += bytes.length
  await target.file.write(position, bytes)
}

const temporary = (name: string): string => `${name}.tmp`

/** A copy that shares its buffer with nothing. */
const joined = (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let end = 0
  for (const part of parts) {
    bytes.set(part, end)
    end += part.length
  }
  return bytes
}

const tooLarge = (size: number): HoldfastError =>
  new HoldfastError(`Cannot encode: ${size} bytes of manifest, limit ${MANIFEST_BYTES_MAX}`, {
    code: 'TOO_LARGE',
    what: 'manifest',
    size,
    limit: MANIFEST_BYTES_MAX,
  })
