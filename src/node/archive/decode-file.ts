import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'

import type { DiskFile } from '../../base/environment.ts'
import { type Failure, HoldfastError } from '../../base/errors.ts'
import { openDisk } from '../../storage/disk.ts'
import { CoderPool } from '../coder/coder-pool.ts'
import type { CodecName } from '../coder/coder-tools.ts'
import { unwrapKey } from '../coder/data-key.ts'
import { decodeStream } from '../coder/decode-stream.ts'
import type {
  CellRange,
  FragmentFault,
  FragmentPlace,
  FragmentSource,
} from '../coder/fragment-source.ts'
import type { UnitKey } from '../coder/unit-cipher.ts'
import { associatedDataOf, type Manifest, segmentPlace } from './fragment-file.ts'
import { removeIfThere } from './remove-if-there.ts'
import { type FileProblem, type FragmentFile, type Survey, surveyDirectory } from './survey.ts'
import { translateError } from './translate-error.ts'

export interface DecodeFileOptions {
  /** Holds the `*.hf` files. */
  readonly directory: string
  /** A file to be created, or whatever takes the bytes in order. */
  readonly output: string | ((bytes: Uint8Array) => Promise<void>)
  /** 32 bytes; needed if the object is encrypted. */
  readonly key?: Uint8Array | undefined
  /** @default 'kernel' */
  readonly codec?: CodecName | undefined
  /** Replace `output` if it exists. @default false */
  readonly force?: boolean | undefined
  /** Told how many bytes of how many are restored. */
  readonly onProgress?: ((bytes: number, totalBytes: number) => void) | undefined
  /** Told of each file that is wrong, once, as soon as it is found out. */
  readonly onProblem?: ((problem: FileProblem) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface DecodeReport {
  readonly k: number
  readonly m: number
  readonly sizeBytes: number
  readonly encrypted: boolean
  readonly blake3: 'native' | 'portable'
  /** Indices of which there is no usable file. */
  readonly missing: readonly number[]
  readonly problems: readonly FileProblem[]
}

/**
 * Restores an object from any k of its files. Every byte is verified before it is written; a file
 * of which a part is wrong is used where it is right. The output appears at the end, whole and
 * durable; a failure or an abort leaves none.
 * @throws {HoldfastError} `TOO_FEW_FRAGMENTS`, `KEY_NEEDED`, `KEY_WRONG`, `AMBIGUOUS`, `CORRUPT`,
 * `FILE_EXISTS`, `FILE_NOT_FOUND`, `DISK_FULL` and the like; the signal's reason
 */
export async function decodeFile(options: DecodeFileOptions): Promise<DecodeReport> {
  const { directory, output, force = false } = options
  if (typeof output === 'string' && !force) await refuseExisting(output)
  const survey = await openSurvey(directory)
  const coder = await CoderPool.create({ codec: options.codec ?? 'kernel' })
  const reading = new Reading(survey, options)
  try {
    if (typeof output === 'string') await writeWhole(output, reading.bytes(coder))
    else for await (const bytes of reading.bytes(coder)) await output(bytes)
    return { ...reading.report, blake3: coder.blake3 }
  } finally {
    await coder.close()
    await Promise.all([...survey.files.values()].map(({ file }) => file.close()))
  }
}

/** One object being restored. */
class Reading {
  readonly #survey: Survey
  readonly #options: DecodeFileOptions
  readonly #problems: FileProblem[] = []

  constructor(survey: Survey, options: DecodeFileOptions) {
    this.#survey = survey
    this.#options = options
    for (const problem of survey.problems) this.#note(problem)
  }

  get report(): Omit<DecodeReport, 'blake3'> {
    const { manifest } = this.#survey
    const { k, m, plainBytes } = manifest
    const encrypted = manifest.encryption !== undefined
    const [missing, problems] = [this.#missing, this.#problems]
    return { k, m, sizeBytes: plainBytes, encrypted, missing, problems }
  }

  get #missing(): number[] {
    const { manifest, files } = this.#survey
    const indices = Array.from({ length: manifest.k + manifest.m }, (_, index) => index)
    return indices.filter(index => !files.has(index))
  }

  async *bytes(coder: CoderPool): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const { manifest, files } = this.#survey
    const { plainBytes, segments } = manifest
    const { onProgress, signal } = this.#options
    const key = unlock(manifest, this.#options.key)
    const source = new FileSource(manifest, files)
    const onFault = (fault: FragmentFault): void => this.#noteFault(fault)
    let done = 0
    try {
      for await (const bytes of decodeStream(
        { plainBytes, key, segments },
        { coder, source, onFault, signal },
      )) {
        yield bytes
        done += bytes.length
        onProgress?.(done, plainBytes)
      }
    } catch (error) {
      throw this.#explain(error)
    }
  }

  #noteFault({ segment, column, error }: FragmentFault): void {
    const name = this.#survey.files.get(column)?.name ?? `fragment ${column}`
    const { details } = error as HoldfastError
    const what = details?.code === 'CORRUPT' ? details.what : (error as Error).message
    this.#note({ name, index: column, reason: `damaged: ${what} of segment ${segment} is wrong` })
  }

  /** One problem for each file is enough. */
  #note(problem: FileProblem): void {
    if (this.#problems.some(({ name }) => name === problem.name)) return
    this.#problems.push(problem)
    this.#options.onProblem?.(problem)
  }

  /** Too few fragments: says which, since only that helps. */
  #explain(error: unknown): unknown {
    const { code, message } = error as HoldfastError
    if (code !== 'TOO_FEW_FRAGMENTS') return error
    const absent = this.#missing.filter(index => this.#problems.every(it => it.index !== index))
    const lists = [
      absent.length > 0 ? `missing: ${absent.join(', ')}` : '',
      ...this.#problems.map(({ name, reason }) => `${name}: ${reason}`),
    ]
    const text = [message, ...lists.filter(Boolean)].join('; ')
    return new HoldfastError(text, (error as HoldfastError).details, { cause: error })
  }
}

/** Reads fragments out of their files. */
class FileSource implements FragmentSource {
  readonly #manifest: Manifest
  readonly #files: ReadonlyMap<number, FragmentFile>

  constructor(manifest: Manifest, files: ReadonlyMap<number, FragmentFile>) {
    this.#manifest = manifest
    this.#files = files
  }

  columnsOf(): number[] {
    return [...this.#files.keys()].toSorted((a, b) => a - b)
  }

  async leaves({ segment, column }: FragmentPlace): Promise<Uint8Array> {
    const { leavesAt, leavesBytes } = segmentPlace(this.#manifest, segment)
    return this.#read(column, leavesAt, leavesBytes)
  }

  async cells(
    { segment, column }: FragmentPlace,
    { offsetBytes, sizeBytes }: CellRange,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { cellsAt } = segmentPlace(this.#manifest, segment)
    return this.#read(column, cellsAt + offsetBytes, sizeBytes)
  }

  async #read(column: number, at: number, sizeBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    return (this.#files.get(column) as FragmentFile).file.read(at, sizeBytes)
  }
}

function unlock(
  { objectId, encryption }: Manifest,
  key: Uint8Array | undefined,
): UnitKey | undefined {
  if (encryption === undefined) return undefined
  if (key === undefined)
    throw new HoldfastError('Cannot decode: the object is encrypted, and no key was given', {
      code: 'KEY_NEEDED',
    })
  const associatedData = associatedDataOf(objectId)
  const { noncePrefix, wrappedKey } = encryption
  return { key: unwrapKey(key, wrappedKey, associatedData), noncePrefix, associatedData }
}

/** Writes under another name, and gives the file its own once it is whole and durable. */
async function writeWhole(
  path: string,
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
): Promise<void> {
  const disk = openDisk(dirname(path))
  const name = basename(path)
  const temporary = `${name}.tmp`
  await removeIfThere(disk, temporary)
  try {
    await writeDurably(await disk.open(temporary, 'create'), chunks)
    await disk.rename(temporary, name)
  } catch (error) {
    // A disk that has failed answers nothing more, so another one cleans up.
    await removeIfThere(openDisk(dirname(path)), temporary)
    throw error
  }
  await disk.syncDirectory('.')
}

async function writeDurably(
  file: DiskFile,
  chunks: AsyncIterable<Uint8Array<ArrayBuffer>>,
): Promise<void> {
  try {
    let at = 0
    for await (const bytes of chunks) {
      const { length } = bytes
      await file.write(at, bytes)
      at += length
    }
    await file.datasync()
  } catch (error) {
    await file.close().catch(() => {})
    throw error
  }
  await file.close()
}

async function openSurvey(directory: string): Promise<Survey> {
  try {
    await stat(directory)
  } catch (error) {
    throw translateError(error, 'decode', directory)
  }
  return surveyDirectory(openDisk(directory), directory)
}

async function refuseExisting(path: string): Promise<void> {
  try {
    await stat(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw translateError(error, 'write', path)
  }
  const details: Failure = { code: 'FILE_EXISTS', path }
  throw new HoldfastError(`Cannot write ${path}: it exists`, details)
}
