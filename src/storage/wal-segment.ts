import { crc32 } from 'node:zlib'

import { BinaryReader } from '../base/binary-reader.ts'
import { BinaryWriter } from '../base/binary-writer.ts'
import { equals } from '../base/bytes.ts'
import type { Disk, DiskFile } from '../base/environment.ts'
import { codeOf, HoldfastError } from '../base/errors.ts'
import { SECTOR_BYTES } from './wal-frame.ts'

/**
 * A segment file:
 *
 *     sector 0, and again sector 1:
 *     | magic u32 | version u32 | number u64 | salt u32 | network id, 32 bytes | crc u32 |
 *     sector 2 …: frames, then what stood there before, up to the size the file was made with
 *
 * The header stands twice, since without the salt no frame can be verified. A segment that is not
 * needed any more becomes the next one under a new number and a new salt: writing over a file costs
 * half of writing a new one full of zeros first. Frames of its former life do not fit the new salt.
 */
export const SEGMENT_HEADER_BYTES: number = 2 * SECTOR_BYTES
export const NETWORK_ID_BYTES = 32

const MAGIC = 0x53574648
const VERSION = 1
const HEADER_SIZE = 4 + 4 + 8 + 4 + NETWORK_ID_BYTES

export interface SegmentHeader {
  readonly number: number
  readonly salt: number
  readonly networkId: Uint8Array
}

export const segmentName = (number: number): string => `${String(number).padStart(12, '0')}.wal`

/** The number in a segment's file name; undefined for other files. */
export function segmentNumber(name: string): number | undefined {
  const [, digits] = /^(\d{12})\.wal$/.exec(name) ?? []
  return digits === undefined ? undefined : Number(digits)
}

/** Both copies of the header. */
function encodeSegmentHeader({ number, salt, networkId }: SegmentHeader): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter(HEADER_SIZE)
  writer.u32(MAGIC)
  writer.u32(VERSION)
  writer.u64(number)
  writer.u32(salt)
  writer.fixed(networkId)
  const fields = writer.finish()
  const header = new Uint8Array(SEGMENT_HEADER_BYTES)
  for (const start of [0, SECTOR_BYTES]) {
    header.set(fields, start)
    new DataView(header.buffer).setUint32(start + HEADER_SIZE, crc32(fields), true)
  }
  return header
}

/**
 * The header of a segment file from either copy; undefined if both are unreadable.
 * @throws {HoldfastError} `FOREIGN_STORE` if it is readable but not ours.
 */
export function decodeSegmentHeader(
  bytes: Uint8Array,
  path: string,
  networkId: Uint8Array,
): SegmentHeader | undefined {
  for (const start of [0, SECTOR_BYTES]) {
    const header = decodeCopy(bytes.subarray(start, start + SECTOR_BYTES), path)
    if (header === undefined) continue
    if (!equals(header.networkId, networkId)) throw foreign(path, 'it belongs to another network')
    return header
  }
  return undefined
}

/** The network a segment belongs to, from either copy of its header; undefined if unreadable. */
export const networkIdIn = (bytes: Uint8Array, path: string): Uint8Array | undefined =>
  (
    decodeCopy(bytes.subarray(0, SECTOR_BYTES), path) ??
    decodeCopy(bytes.subarray(SECTOR_BYTES, SEGMENT_HEADER_BYTES), path)
  )?.networkId

function decodeCopy(sector: Uint8Array, path: string): SegmentHeader | undefined {
  if (sector.length < HEADER_SIZE + 4) return undefined
  const reader = new BinaryReader(sector)
  const magic = reader.u32()
  const version = reader.u32()
  const number = reader.u32() + reader.u32() * 2 ** 32
  const salt = reader.u32()
  const networkId = reader.fixed(NETWORK_ID_BYTES).slice()
  if (reader.u32() !== crc32(sector.subarray(0, HEADER_SIZE))) return undefined
  if (magic !== MAGIC) return undefined
  if (version !== VERSION) throw foreign(path, `its format is version ${version}`)
  return { number, salt, networkId }
}

/** Where a segment is made, or made over, before it gets its name; removed at the next start. */
const FRESH = 'fresh.wal.tmp'
const spareName = (number: number): string => `${number}.spare.wal.tmp`

/** Puts a new segment in place, durably: header, zeros, name. */
export async function createSegment(
  disk: Disk,
  header: SegmentHeader,
  sizeBytes: number,
): Promise<void> {
  await removeIfThere(disk, FRESH)
  await place(disk, FRESH, header, async file => {
    await file.write(0, encodeSegmentHeader(header))
    await file.preallocate(sizeBytes)
  })
}

/** Sets a segment that is not needed any more aside; durable with the directory's next sync. */
export const setAside = (disk: Disk, number: number): Promise<void> =>
  disk.rename(segmentName(number), spareName(number))

/** Makes a segment that was set aside the new one. Its old name must be gone durably. */
export const reuseSegment = (disk: Disk, spare: number, header: SegmentHeader): Promise<void> =>
  place(disk, spareName(spare), header, file => file.writeDurable(0, encodeSegmentHeader(header)))

/** Fills a file and gives it the name of its segment; if that fails nothing is left of it. */
async function place(
  disk: Disk,
  name: string,
  header: SegmentHeader,
  fill: (file: DiskFile) => Promise<void>,
): Promise<void> {
  const file = await disk.open(name, name === FRESH ? 'create' : 'write')
  try {
    try {
      await fill(file)
    } finally {
      await file.close()
    }
    await disk.rename(name, segmentName(header.number))
  } catch (error) {
    await removeIfThere(disk, name)
    throw error
  }
  await disk.syncDirectory('.')
}

async function removeIfThere(disk: Disk, name: string): Promise<void> {
  try {
    await disk.remove(name)
  } catch (error) {
    if (codeOf(error) !== 'FILE_NOT_FOUND') throw error
  }
}

function foreign(path: string, reason: string): HoldfastError {
  const details = { code: 'FOREIGN_STORE', path, reason } as const
  return new HoldfastError(`Cannot use ${path}: ${reason}`, details)
}
