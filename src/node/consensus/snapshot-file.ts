/**
 * A snapshot of a group as a file, `snapshots/<group>-<index>-<term>`:
 *
 *     magic u32 | version u8 | group | index | term | configuration      one piece, like the others
 *     piece: size u32 | crc32 of the bytes u32 | bytes
 *     end:   0 u32 | crc32 of all the pieces' checksums u32
 *
 * The file is complete and durable before it has this name, so one that ends early or does not fit
 * its checksums has rotted, and is not used.
 */
import { crc32 } from 'node:zlib'

import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import type { Disk, DiskFile } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { readConfiguration, writeConfiguration } from '../../consensus/configuration.ts'
import type { LogMark } from '../../consensus/entry.ts'
import type { SnapshotMark } from '../../consensus/raft-event.ts'
import { SNAPSHOT_PIECE_BYTES_MAX } from '../../consensus/state-machine.ts'

export const SNAPSHOTS = 'snapshots'
const MAGIC = 0x4e53_4648
const VERSION = 1
const HEAD_BYTES_MAX = 65_536
const PIECE_HEADER_BYTES = 8

/** A snapshot and the state that it holds. */
export interface Snapshot {
  readonly mark: SnapshotMark
  readonly pieces: readonly Uint8Array[]
}

export const snapshotPath = (group: number, { index, term }: LogMark): string =>
  `${SNAPSHOTS}/${group}-${index}-${term}`

/** Group, index and term from a file's name; undefined for other files. */
export function parseSnapshotName(
  name: string,
): { group: number; index: number; term: number } | undefined {
  const [, group, index, term] = /^(\d+)-(\d+)-(\d+)$/.exec(name) ?? []
  if (group === undefined) return undefined
  return { group: Number(group), index: Number(index), term: Number(term) }
}

/** Writes a snapshot in place, durably, and returns its size. */
export async function writeSnapshot(
  disk: Disk,
  group: number,
  mark: SnapshotMark,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<number> {
  const path = snapshotPath(group, mark)
  const unfinished = `${path}.new`
  await removeIfThere(disk, unfinished)
  const file = await disk.open(unfinished, 'create')
  let sizeBytes = 0
  try {
    let total = 0
    for await (const piece of withHead(group, mark, pieces)) {
      const framed = frame(piece)
      total = crc32(framed.subarray(4, PIECE_HEADER_BYTES), total)
      const framedBytes = framed.length
      await file.write(sizeBytes, framed)
      sizeBytes += framedBytes
    }
    await file.write(sizeBytes, ending(total))
    sizeBytes += PIECE_HEADER_BYTES
    await file.datasync()
  } finally {
    await file.close()
  }
  await putInPlace(disk, unfinished, path)
  return sizeBytes
}

/** Gives a durable file its name. */
export async function putInPlace(disk: Disk, from: string, to: string): Promise<void> {
  await disk.rename(from, to)
  await disk.syncDirectory(SNAPSHOTS)
}

/** @throws {HoldfastError} `CORRUPT` if it is not what was written; `DISK_*` */
export async function readSnapshot(disk: Disk, path: string): Promise<Snapshot> {
  const pieces: Uint8Array[] = []
  const mark = await streamSnapshot(disk, path, async piece => void pieces.push(piece))
  return { mark, pieces }
}

/**
 * Reads a snapshot piece by piece, each when the one before was taken. Whether it is whole shows only
 * at its end.
 * @throws {HoldfastError} `CORRUPT` if it is not what was written; `DISK_*`; and what `take` throws
 */
export async function streamSnapshot(
  disk: Disk,
  path: string,
  take: (piece: Uint8Array) => Promise<void>,
): Promise<SnapshotMark> {
  const file = await disk.open(path, 'read')
  try {
    let mark: SnapshotMark | undefined
    for await (const piece of piecesIn(file, path)) {
      if (mark === undefined) mark = decodeHead(piece, path)
      else await take(piece)
    }
    if (mark === undefined) throw corrupt(path)
    return mark
  } finally {
    await file.close()
  }
}

async function* piecesIn(file: DiskFile, path: string): AsyncGenerator<Uint8Array> {
  let total = 0
  for (let position = 0; ;) {
    const header = await file.read(position, PIECE_HEADER_BYTES)
    if (header.length < PIECE_HEADER_BYTES) throw corrupt(path)
    const reader = new BinaryReader(header)
    const sizeBytes = reader.u32()
    const checksum = reader.u32()
    if (sizeBytes === 0) {
      if (checksum !== total) throw corrupt(path)
      return
    }
    if (sizeBytes > SNAPSHOT_PIECE_BYTES_MAX) throw corrupt(path)
    const piece = await file.read(position + PIECE_HEADER_BYTES, sizeBytes)
    if (piece.length < sizeBytes || crc32(piece) !== checksum) throw corrupt(path)
    total = crc32(header.subarray(4), total)
    yield piece
    position += PIECE_HEADER_BYTES + sizeBytes
  }
}

async function* withHead(
  group: number,
  mark: SnapshotMark,
  pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const writer = new BinaryWriter(HEAD_BYTES_MAX)
  writer.u32(MAGIC)
  writer.u8(VERSION)
  writer.varint(group)
  writer.varint(mark.index)
  writer.varint(mark.term)
  writeConfiguration(writer, mark.configuration)
  yield writer.finish()
  for await (const piece of pieces) {
    if (piece.length === 0 || piece.length > SNAPSHOT_PIECE_BYTES_MAX) {
      throw new RangeError(`a piece of a snapshot has 1 to ${SNAPSHOT_PIECE_BYTES_MAX} bytes`)
    }
    yield piece
  }
}

function decodeHead(head: Uint8Array, path: string): SnapshotMark {
  const reader = new BinaryReader(head)
  if (reader.u32() !== MAGIC || reader.u8() !== VERSION) throw corrupt(path)
  reader.varint()
  const index = reader.varint()
  const term = reader.varint()
  const configuration = readConfiguration(reader)
  reader.end()
  return { index, term, configuration }
}

function frame(piece: Uint8Array): Uint8Array {
  const writer = new BinaryWriter(
    PIECE_HEADER_BYTES + piece.length,
    PIECE_HEADER_BYTES + piece.length,
  )
  writer.u32(piece.length)
  writer.u32(crc32(piece))
  writer.fixed(piece)
  return writer.finish()
}

function ending(total: number): Uint8Array {
  const writer = new BinaryWriter(PIECE_HEADER_BYTES, PIECE_HEADER_BYTES)
  writer.u32(0)
  writer.u32(total)
  return writer.finish()
}

export async function removeIfThere(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path)
  } catch (error) {
    if (codeOf(error) !== 'FILE_NOT_FOUND') throw error
  }
}

function corrupt(path: string): HoldfastError {
  return new HoldfastError(`Cannot read snapshot ${path}: it is not as it was written`, {
    code: 'CORRUPT',
    what: path,
  })
}
