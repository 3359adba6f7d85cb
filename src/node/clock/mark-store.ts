import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { fromUtf8 } from '../../base/bytes.ts'
import type { Disk } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'

/**
 * The limit of timestamps ever given out, on disk. The file is 24 bytes, replaced as a whole:
 *
 *     "HFCLOCK1" | u64 mark | u64 2^53 - 1 - mark
 */
export class MarkStore {
  readonly #disk: Disk

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** The mark; undefined before the first. @throws {HoldfastError} `CORRUPT` */
  async read(): Promise<number | undefined> {
    try {
      return decode(await this.#contents())
    } catch (error) {
      if (codeOf(error) === 'FILE_NOT_FOUND') return undefined
      throw error
    }
  }

  /** Returns when the mark is durable. */
  async write(markMs: number): Promise<void> {
    const writer = new BinaryWriter(FILE_BYTES)
    writer.fixed(MAGIC)
    writer.u64(markMs)
    writer.u64(Number.MAX_SAFE_INTEGER - markMs)
    await this.#disk.replace(MARK_FILE, writer.finish())
  }

  async #contents(): Promise<Uint8Array> {
    const file = await this.#disk.open(MARK_FILE, 'read')
    try {
      return await file.read(0, FILE_BYTES)
    } finally {
      await file.close()
    }
  }
}

export const MARK_FILE = 'clock-mark'
const FILE_BYTES = 24
const MAGIC = fromUtf8('HFCLOCK1')

function decode(bytes: Uint8Array): number {
  try {
    const reader = new BinaryReader(bytes)
    const isOurs = reader.fixed(MAGIC.length).every((byte, at) => byte === MAGIC[at])
    const markMs = reader.u64()
    if (isOurs && markMs + reader.u64() === Number.MAX_SAFE_INTEGER) return markMs
    throw corrupt()
  } catch (error) {
    if (codeOf(error) !== 'MALFORMED') throw error
    throw corrupt()
  }
}

const corrupt = (): HoldfastError =>
  new HoldfastError(`Cannot read ${MARK_FILE}: it is not as it was written`, {
    code: 'CORRUPT',
    what: MARK_FILE,
  })
