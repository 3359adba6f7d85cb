/**
 * Brings a snapshot from the leader's disk to a replica's, piece by piece, each a request:
 *
 *     group | from | to | term | index | its term | size | checksum u32 | offset | bytes
 *     answer: where to go on
 *
 * Size and checksum name the file, so whoever has part of it already says so and is sent the rest: a
 * lost connection costs one piece, not the transfer. A file is checked as a whole, made durable and
 * given its name before the core hears of it.
 */
import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import type { LogMark, ReplicaId } from '../../consensus/entry.ts'
import { SNAPSHOT_PIECE_BYTES_MAX } from '../../consensus/state-machine.ts'

export const SNAPSHOT_PROTOCOL = 'raft/snapshot/1'
const REQUEST_BYTES = SNAPSHOT_PIECE_BYTES_MAX + 2_048
const REPLICA_ID_BYTES_MAX = 256

export interface Piece {
  readonly group: number
  readonly from: ReplicaId
  readonly to: ReplicaId
  readonly term: number
  readonly snapshot: LogMark
  readonly sizeBytes: number
  readonly checksum: number
  readonly offset: number
  readonly bytes: Uint8Array
}

export function encodePiece(piece: Piece): Uint8Array {
  const writer = new BinaryWriter(REQUEST_BYTES, piece.bytes.length + 512)
  writer.varint(piece.group)
  writer.string(piece.from)
  writer.string(piece.to)
  writer.varint(piece.term)
  writer.varint(piece.snapshot.index)
  writer.varint(piece.snapshot.term)
  writer.varint(piece.sizeBytes)
  writer.u32(piece.checksum)
  writer.varint(piece.offset)
  writer.bytes(piece.bytes)
  return writer.finish()
}

/** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE` */
export function decodePiece(body: Uint8Array): Piece {
  const reader = new BinaryReader(body)
  const piece = {
    group: reader.varint(),
    from: reader.string(REPLICA_ID_BYTES_MAX),
    to: reader.string(REPLICA_ID_BYTES_MAX),
    term: reader.varint(),
    snapshot: { index: reader.varint(), term: reader.varint() },
    sizeBytes: reader.varint(),
    checksum: reader.u32(),
    offset: reader.varint(),
    bytes: reader.bytes(SNAPSHOT_PIECE_BYTES_MAX),
  }
  reader.end()
  return piece
}

/** Where to go on. */
export function answerOf(offset: number): Uint8Array {
  const writer = new BinaryWriter(16)
  writer.varint(offset)
  return writer.finish()
}
