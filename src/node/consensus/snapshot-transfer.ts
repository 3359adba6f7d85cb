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
import type { Disk, DiskFile, Network, PeerId } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import type { LogMark, ReplicaId } from '../../consensus/entry.ts'
import type { SnapshotMark } from '../../consensus/raft-event.ts'
import { SNAPSHOT_PIECE_BYTES_MAX } from '../../consensus/state-machine.ts'
import type { SnapshotWish } from './raft-group.ts'
import { peerOf } from './replica-name.ts'
import {
  putInPlace,
  readSnapshot,
  removeIfThere,
  snapshotPath,
  SNAPSHOTS,
} from './snapshot-file.ts'
import type { SnapshotStore } from './snapshot-store.ts'

export const SNAPSHOT_PROTOCOL = 'raft/snapshot/1'
const REQUEST_BYTES = SNAPSHOT_PIECE_BYTES_MAX + 2_048
const REPLICA_ID_BYTES_MAX = 256
const DEADLINE_MS = 5_000
/** Requests that may bring the transfer no further before it is given up. */
const ATTEMPTS_MAX = 4
const ENDING_BYTES = 8

interface Piece {
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

export interface SendingOptions {
  readonly network: Network
  readonly snapshots: SnapshotStore
  readonly signal: AbortSignal
}

/**
 * Sends the newest snapshot of a group; resolves when the other side has it.
 * @throws {HoldfastError} if it is not new enough, cannot be read, or does not get through.
 */
export async function sendSnapshot(
  { network, snapshots, signal }: SendingOptions,
  group: number,
  { from, to, index, term }: SnapshotWish,
): Promise<void> {
  const newest = snapshots.newestPath(group)
  if (newest === undefined || newest.mark.index < index) throw tooOld(group, index)
  const file = await snapshots.disk.open(newest.path, 'read')
  try {
    const sizeBytes = await file.sizeBytes()
    const ending = await file.read(sizeBytes - ENDING_BYTES, ENDING_BYTES)
    const checksum = new BinaryReader(ending.subarray(4)).u32()
    const named = { group, from, to, term, snapshot: newest.mark, sizeBytes, checksum }
    const send = async (offset: number, bytes: Uint8Array): Promise<number> => {
      const body = encodePiece({ ...named, offset, bytes })
      const options = { body, deadlineMs: DEADLINE_MS, signal }
      const answer = await network.request(peerOf(to), SNAPSHOT_PROTOCOL, options)
      return new BinaryReader(answer).varint()
    }
    await sendAll(file, sizeBytes, send)
  } finally {
    await file.close()
  }
}

/** An empty first piece asks where to begin. */
async function sendAll(
  file: DiskFile,
  sizeBytes: number,
  send: (offset: number, bytes: Uint8Array) => Promise<number>,
): Promise<void> {
  let offset = 0
  let bytes = new Uint8Array(0)
  for (let idle = 0; idle < ATTEMPTS_MAX; idle++) {
    try {
      const next = await send(offset, bytes)
      if (next >= sizeBytes) return
      if (next > offset) idle = 0
      offset = next
      bytes = await file.read(offset, SNAPSHOT_PIECE_BYTES_MAX)
    } catch (error) {
      const code = codeOf(error)
      const isLost = code === 'TIMEOUT' || code === 'PEER_UNREACHABLE'
      if (!isLost || idle === ATTEMPTS_MAX - 1) throw error
    }
  }
  throw new HoldfastError('Cannot send a snapshot: the other side takes nothing', {
    code: 'TIMEOUT',
    what: 'snapshot',
    afterMs: ATTEMPTS_MAX * DEADLINE_MS,
  })
}

interface Session {
  readonly name: string
  readonly path: string
  readonly file: DiskFile
  offset: number
}

/** What a group on this peer has to say about a snapshot that is offered. */
export interface SnapshotTaker {
  readonly replica: ReplicaId
  readonly commit: number
  received(snapshot: SnapshotMark, from: ReplicaId, term: number): void
}

/** Takes snapshots for the groups on this peer: one at a time for each. */
export class SnapshotIntake {
  readonly #disk: Disk
  readonly #snapshots: SnapshotStore
  readonly #takerOf: (group: number) => SnapshotTaker | undefined
  readonly #sessions = new Map<number, Session>()
  readonly #busy = new Set<number>()

  constructor(snapshots: SnapshotStore, takerOf: (group: number) => SnapshotTaker | undefined) {
    this.#disk = snapshots.disk
    this.#snapshots = snapshots
    this.#takerOf = takerOf
  }

  /** @throws {HoldfastError} `MALFORMED`, `GROUP_UNKNOWN`, `BUSY`, `CORRUPT`, `DISK_*` */
  async take(peer: PeerId, body: Uint8Array): Promise<Uint8Array> {
    const piece = decodePiece(body)
    const taker = this.#takerOf(piece.group)
    if (taker?.replica !== piece.to || peerOf(piece.from) !== peer) throw groupUnknown(piece.group)
    if (this.#busy.has(piece.group)) throw busy()
    this.#busy.add(piece.group)
    try {
      return answerOf(await this.#store(piece, taker))
    } finally {
      this.#busy.delete(piece.group)
    }
  }

  async #store(piece: Piece, taker: SnapshotTaker): Promise<number> {
    const { snapshot, sizeBytes, offset, bytes } = piece
    if (snapshot.index <= taker.commit) {
      // All of it is here already, so only the acknowledgement was missing.
      taker.received({ ...snapshot, configuration: noConfiguration }, piece.from, piece.term)
      return sizeBytes
    }
    const session = await this.#sessionFor(piece)
    if (offset !== session.offset || bytes.length === 0) return session.offset
    try {
      await session.file.write(offset, bytes.slice())
    } catch (error) {
      await this.#end(piece.group, session)
      throw error
    }
    session.offset += bytes.length
    if (session.offset >= sizeBytes) await this.#finish(piece, session, taker)
    return session.offset
  }

  async #sessionFor({ group, snapshot, sizeBytes, checksum }: Piece): Promise<Session> {
    const name = `${snapshot.index} ${snapshot.term} ${sizeBytes} ${checksum}`
    const before = this.#sessions.get(group)
    if (before?.name === name) return before
    if (before !== undefined) await this.#end(group, before)
    const path = `${SNAPSHOTS}/${group}.incoming`
    await removeIfThere(this.#disk, path)
    const session = { name, path, file: await this.#disk.open(path, 'create'), offset: 0 }
    this.#sessions.set(group, session)
    return session
  }

  async #finish(piece: Piece, session: Session, taker: SnapshotTaker): Promise<void> {
    this.#sessions.delete(piece.group)
    try {
      await session.file.datasync()
    } finally {
      await session.file.close()
    }
    const { mark } = await readSnapshot(this.#disk, session.path)
    if (mark.index !== piece.snapshot.index || mark.term !== piece.snapshot.term)
      throw mislabelled()
    await putInPlace(this.#disk, session.path, snapshotPath(piece.group, mark))
    this.#snapshots.received(piece.group, mark)
    taker.received(mark, piece.from, piece.term)
  }

  async #end(group: number, { file }: Session): Promise<void> {
    this.#sessions.delete(group)
    await file.close()
  }
}

const noConfiguration = { voters: [], outgoing: [], learners: [] }

function encodePiece(piece: Piece): Uint8Array {
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

function decodePiece(body: Uint8Array): Piece {
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

function answerOf(offset: number): Uint8Array {
  const writer = new BinaryWriter(16)
  writer.varint(offset)
  return writer.finish()
}

export function groupUnknown(group: number): HoldfastError {
  const details = { code: 'GROUP_UNKNOWN', group } as const
  return new HoldfastError(`Cannot find group ${group}: this peer has no such replica`, details)
}

function tooOld(group: number, index: number): HoldfastError {
  const what = `snapshot of group ${group} at ${index}`
  return new HoldfastError(`Cannot find ${what}`, { code: 'CORRUPT', what })
}

function mislabelled(): HoldfastError {
  return new HoldfastError('Cannot take a snapshot: it is not what its name says', {
    code: 'CORRUPT',
    what: 'snapshot',
  })
}

function busy(): HoldfastError {
  return new HoldfastError('Cannot take a piece: another one is being written', {
    code: 'BUSY',
    what: 'snapshot',
  })
}
