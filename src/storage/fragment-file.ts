import { crc32 } from 'node:zlib'

import { BinaryWriter } from '../base/binary-writer.ts'
import { equals } from '../base/bytes.ts'
import type { Disk, DiskFile } from '../base/environment.ts'
import { codeOf } from '../base/errors.ts'
import { DIGEST_BYTES, ID_BYTES } from './fragment-names.ts'
import { SEALED_BYTES_MAX } from './fragment-record.ts'

/**
 * The file of a fragment:
 *
 *     | magic u32 | version u32 | id, 36 bytes | cell size u32 | size u32 |
 *     | sealed size u16 | sealed | leaves, 32 bytes each | 0 … | crc u32 |     whole pages of 4 KiB
 *     | cell 0 | cell 1 | … |                                                  `size` bytes
 *
 * Leaves and cells share a file, so that one sync makes both durable. The head is written last, when
 * all leaves are known; it has a checksum, the leaves have their root, the cells have their leaves,
 * and behind them the file must end: no bit can flip without notice. The id makes a file that lies
 * under another's name known. The sealed part is that of the reference the fragment was first put
 * with; those of others are in the record (`fragment-record.ts`).
 *
 * Numbers are little-endian.
 */
export interface FragmentHead {
  readonly id: Uint8Array
  readonly cellBytes: number
  readonly sizeBytes: number
  readonly sealed: Uint8Array
  /** One after another. */
  readonly leaves: Uint8Array
}

/** How many cells one call reads or writes: a call costs as much as two cells take to copy. */
export const RUN_CELLS = 4

const MAGIC = 0x52464648
const VERSION = 1
const FIXED_BYTES = 4 + 4 + ID_BYTES + 4 + 4 + 2
const CHECK_BYTES = 4
const PAGE_BYTES = 4_096
/** A segment of 16 MiB with k = 1. */
export const FRAGMENT_BYTES_MAX = 16_777_216
export const LEAVES_MAX = 256
const HEAD_BYTES_MAX = wholePages(
  FIXED_BYTES + SEALED_BYTES_MAX + LEAVES_MAX * DIGEST_BYTES + CHECK_BYTES,
)

export const cellCount = (sizeBytes: number, cellBytes: number): number =>
  Math.ceil(sizeBytes / cellBytes)

/** Where the first cell starts. */
export const headBytes = (sealedBytes: number, cells: number): number =>
  wholePages(FIXED_BYTES + sealedBytes + cells * DIGEST_BYTES + CHECK_BYTES)

export function encodeHead(head: FragmentHead): Uint8Array<ArrayBuffer> {
  const size = headBytes(head.sealed.length, head.leaves.length / DIGEST_BYTES)
  const writer = new BinaryWriter(size, size)
  writer.u32(MAGIC)
  writer.u32(VERSION)
  writer.fixed(head.id)
  writer.u32(head.cellBytes)
  writer.u32(head.sizeBytes)
  writer.u8(head.sealed.length & 0xff)
  writer.u8(head.sealed.length >> 8)
  writer.fixed(head.sealed)
  writer.fixed(head.leaves)
  writer.reserve(size - writer.size)
  const bytes = writer.finish()
  const check = crc32(bytes.subarray(0, size - CHECK_BYTES))
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(size - CHECK_BYTES, check, true)
  return bytes
}

/** The head at the start of these bytes; undefined if it is not there as it was written. */
function decodeHead(bytes: Uint8Array): FragmentHead | undefined {
  if (bytes.length < PAGE_BYTES) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (view.getUint32(0, true) !== MAGIC || view.getUint32(4, true) !== VERSION) return undefined
  const cellBytes = view.getUint32(8 + ID_BYTES, true)
  const sizeBytes = view.getUint32(12 + ID_BYTES, true)
  const sealedBytes = view.getUint16(16 + ID_BYTES, true)
  const cells = cellCount(sizeBytes, cellBytes)
  if (!(cells <= LEAVES_MAX && sealedBytes <= SEALED_BYTES_MAX)) return undefined
  const size = headBytes(sealedBytes, cells)
  if (size > bytes.length) return undefined
  const check = view.getUint32(size - CHECK_BYTES, true)
  if (crc32(bytes.subarray(0, size - CHECK_BYTES)) !== check) return undefined
  const leavesAt = FIXED_BYTES + sealedBytes
  return {
    id: bytes.slice(8, 8 + ID_BYTES),
    cellBytes,
    sizeBytes,
    sealed: bytes.slice(FIXED_BYTES, leavesAt),
    leaves: bytes.slice(leavesAt, leavesAt + cells * DIGEST_BYTES),
  }
}

/** A fragment's file, open for reading; its head has been checked, its leaves and cells have not. */
export class FragmentFile {
  readonly head: FragmentHead
  readonly #file: DiskFile
  readonly #cellsAt: number

  /**
   * Undefined if this is not the whole file of that fragment.
   * @throws {HoldfastError} `DISK_IO`, `FILE_NOT_FOUND`
   */
  static async open(disk: Disk, path: string, id: Uint8Array): Promise<FragmentFile | undefined> {
    const file = await disk.open(path, 'read')
    try {
      const head = decodeHead(await file.read(0, HEAD_BYTES_MAX))
      if (head !== undefined && equals(head.id, id)) {
        const opened = new FragmentFile(file, head)
        if ((await file.sizeBytes()) === opened.#cellsAt + head.sizeBytes) return opened
      }
    } catch (error) {
      await file.close()
      throw error
    }
    await file.close()
    return undefined
  }

  private constructor(file: DiskFile, head: FragmentHead) {
    this.#file = file
    this.head = head
    this.#cellsAt = headBytes(head.sealed.length, head.leaves.length / DIGEST_BYTES)
  }

  get cells(): number {
    return this.head.leaves.length / DIGEST_BYTES
  }

  /** The cells `from` … `to` - 1, one after another, unverified. */
  read(from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
    const { cellBytes, sizeBytes } = this.head
    const end = Math.min(to * cellBytes, sizeBytes)
    return this.#file.read(this.#cellsAt + from * cellBytes, end - from * cellBytes)
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

/** Removes a file; that it is not there is fine. */
export async function removeIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path)
  } catch (error) {
    if (codeOf(error) !== 'FILE_NOT_FOUND') throw error
  }
}

function wholePages(sizeBytes: number): number {
  return Math.ceil(sizeBytes / PAGE_BYTES) * PAGE_BYTES
}
