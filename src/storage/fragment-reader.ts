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

const NOTHING: OwnBytes = new Uint8Array(0)
/** For the first cell of a run, one at a time: nobody waits while it is used. */
let scratch: OwnBytes = new Uint8Array(0)

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

  /** The cells `from` … `to` - 1, one after another in an array of their own, each verified. */
  async read(from: number, to: number): Promise<OwnBytes> {
    if (this.#file === undefined) return from < to ? (this.#cell as OwnBytes).slice() : NOTHING
    const { cellBytes } = this.#file.head
    const run = await this.#file.read(from, to)
    for (let cell = from; cell < to; cell++) {
      const at = (cell - from) * cellBytes
      if (!this.#isCell(cell, run, at, Math.min(at + cellBytes, run.length))) {
        throw corrupt(this.#names.encode(this.#id), `cell ${cell} is another`)
      }
    }
    return run
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

  /**
   * Hashes a cell where it lies: the header of its leaf stands in the end of the cell before, which
   * is put back. Only the first of a run has to be copied for that.
   */
  #isCell(index: number, run: OwnBytes, from: number, to: number): boolean {
    if (to <= from) return false
    const start = from - LEAF_ROOM_BYTES
    const framed = start < 0 ? framedCopy(run.subarray(from, to)) : run.subarray(start, to)
    const before = framed.slice(0, LEAF_ROOM_BYTES)
    const leaf = this.#names.leaf(this.#id, index, framed)
    framed.set(before)
    const at = index * DIGEST_BYTES
    return equals(leaf, this.leaves.subarray(at, at + DIGEST_BYTES))
  }

  async close(): Promise<void> {
    await this.#file?.close()
  }
}

function framedCopy(cell: Uint8Array): OwnBytes {
  const size = LEAF_ROOM_BYTES + cell.length
  if (scratch.length < size) scratch = new Uint8Array(size)
  const framed = scratch.subarray(0, size)
  framed.set(cell, LEAF_ROOM_BYTES)
  return framed
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
  const leaves = names.leaf(id, 0, framedCopy(cell))
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
