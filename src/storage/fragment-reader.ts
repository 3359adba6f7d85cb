import { equals } from '../base/bytes.ts'
import { codeOf } from '../base/errors.ts'
import { corrupt } from './fragment-errors.ts'
import { type FragmentFile, RUN_CELLS } from './fragment-file.ts'
import type { FragmentFiles } from './fragment-files.ts'
import type { FragmentIndex } from './fragment-index.ts'
import { DIGEST_BYTES, digestIn, type FragmentNames, LEAF_ROOM_BYTES } from './fragment-names.ts'
import type { FragmentRecord } from './fragment-record.ts'

export interface FragmentReaderOptions {
  readonly index: FragmentIndex
  readonly files: FragmentFiles
  readonly names: FragmentNames
  readonly cellBytes: number
}

type OwnBytes = Uint8Array<ArrayBuffer>

/**
 * A stored fragment, open for reading. Every cell is verified before it is returned, and the leaves
 * were when it was opened; what is not as it was written is `FRAGMENT_CORRUPT`. Cells of a fragment
 * that has rotted elsewhere are returned: they may be the last good ones.
 */
export class FragmentReader {
  readonly #id: Uint8Array
  readonly #names: FragmentNames
  /** The leaves, known to be those of the id. */
  readonly leaves: Uint8Array
  /** One of the two. */
  readonly #file: FragmentFile | undefined
  readonly #cell: OwnBytes | undefined

  /** @throws {HoldfastError} `FRAGMENT_CORRUPT`, `DISK_*` */
  static async open(
    id: Uint8Array,
    record: FragmentRecord,
    options: FragmentReaderOptions,
  ): Promise<FragmentReader> {
    const { names, cellBytes } = options
    if (record.sizeBytes <= cellBytes) return openCell(id, record, options)
    const file = await openFile(id, options)
    const isWhole = file.head.sizeBytes === record.sizeBytes && file.head.cellBytes === cellBytes
    if (isWhole && isRootOf(names, id, file.head.leaves)) {
      return new FragmentReader(id, names, { file, leaves: file.head.leaves })
    }
    await file.close()
    throw corrupt(names.encode(id), 'its leaves have another root')
  }

  constructor(
    id: Uint8Array,
    names: FragmentNames,
    found: { file?: FragmentFile; cell?: OwnBytes; leaves: Uint8Array },
  ) {
    this.#id = id
    this.#names = names
    this.leaves = found.leaves
    this.#file = found.file
    this.#cell = found.cell
  }

  get cells(): number {
    return this.leaves.length / DIGEST_BYTES
  }

  /** The cells `from` … `to` - 1, each verified, and a new array. */
  async read(from: number, to: number): Promise<OwnBytes[]> {
    if (this.#file === undefined) return from < to ? [(this.#cell as OwnBytes).slice()] : []
    const { cellBytes } = this.#file.head
    const run = await this.#file.read(from, to)
    return Array.from({ length: to - from }, (_, at) => {
      const cell = run.subarray(at * cellBytes, (at + 1) * cellBytes)
      return this.#verified(from + at, cell)
    })
  }

  /**
   * Reads all cells.
   * @throws {HoldfastError} `FRAGMENT_CORRUPT`, `DISK_*`; the signal's reason
   */
  async verify(signal?: AbortSignal): Promise<void> {
    for (let cell = 0; cell < this.cells; cell += RUN_CELLS) {
      signal?.throwIfAborted()
      await this.read(cell, Math.min(cell + RUN_CELLS, this.cells))
    }
  }

  /** A copy of the cell, if it is the one. */
  #verified(index: number, cell: Uint8Array): OwnBytes {
    const framed = new Uint8Array(LEAF_ROOM_BYTES + cell.length)
    framed.set(cell, LEAF_ROOM_BYTES)
    const at = index * DIGEST_BYTES
    const wanted = this.leaves.subarray(at, at + DIGEST_BYTES)
    const isGood = cell.length > 0 && equals(this.#names.leaf(this.#id, index, framed), wanted)
    if (!isGood) throw corrupt(this.#names.encode(this.#id), `cell ${index} is another`)
    return framed.subarray(LEAF_ROOM_BYTES)
  }

  async close(): Promise<void> {
    await this.#file?.close()
  }
}

async function openCell(
  id: Uint8Array,
  record: FragmentRecord,
  { index, names }: FragmentReaderOptions,
): Promise<FragmentReader> {
  const cell = await index.cell(id)
  if (cell === undefined) throw corrupt(names.encode(id), 'its cell is gone')
  if (cell.length !== record.sizeBytes || cell.length === 0) {
    throw corrupt(names.encode(id), `it has ${cell.length} of ${record.sizeBytes} bytes`)
  }
  const framed = new Uint8Array(LEAF_ROOM_BYTES + cell.length)
  framed.set(cell, LEAF_ROOM_BYTES)
  const leaves = names.leaf(id, 0, framed)
  if (!isRootOf(names, id, leaves)) throw corrupt(names.encode(id), 'its cell is another')
  return new FragmentReader(id, names, { cell, leaves })
}

async function openFile(
  id: Uint8Array,
  { files, names }: FragmentReaderOptions,
): Promise<FragmentFile> {
  let file: FragmentFile | undefined
  try {
    file = await files.open(id)
  } catch (cause) {
    if (codeOf(cause) !== 'FILE_NOT_FOUND') throw cause
    throw corrupt(names.encode(id), 'its file is gone', { cause })
  }
  if (file === undefined) throw corrupt(names.encode(id), 'its file is not as it was written')
  return file
}

/**
 * Whether a file is that of the fragment, to the last byte.
 * @throws {HoldfastError} `DISK_*`
 */
export async function isSoundFile(
  id: Uint8Array,
  file: FragmentFile,
  names: FragmentNames,
): Promise<boolean> {
  const { leaves } = file.head
  try {
    await new FragmentReader(id, names, { file, leaves }).verify()
    return isRootOf(names, id, leaves)
  } catch (error) {
    if (codeOf(error) !== 'FRAGMENT_CORRUPT') throw error
    return false
  }
}

const isRootOf = (names: FragmentNames, id: Uint8Array, leaves: Uint8Array): boolean =>
  equals(names.root(id, leaves), digestIn(id))
