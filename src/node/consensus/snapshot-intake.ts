import type { Disk, DiskFile, PeerId } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import type { ReplicaId } from '../../consensus/entry.ts'
import type { SnapshotMark } from '../../consensus/raft-event.ts'
import { groupUnknown } from './group-unknown.ts'
import { peerOf } from './replica-name.ts'
import {
  putInPlace,
  removeIfThere,
  snapshotPath,
  SNAPSHOTS,
  streamSnapshot,
} from './snapshot-file.ts'
import { answerOf, decodePiece, type Piece } from './snapshot-piece.ts'
import type { SnapshotStore } from './snapshot-store.ts'

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

  /** Lets go of what was being written; what there is of it is removed at the next start. */
  async close(): Promise<void> {
    for (const [group, session] of this.#sessions) await this.#end(group, session)
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
    const mark = await streamSnapshot(this.#disk, session.path, async () => undefined)
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
