/**
 * The state of a group of the catalog in a snapshot file, as frames (state-frames.ts): the standing,
 * the sessions, the rows in chunks. All of it is read from one view.
 */
import { BinaryReader } from '../../base/binary-reader.ts'
import { BinaryWriter } from '../../base/binary-writer.ts'
import { HoldfastError } from '../../base/errors.ts'
import type { LogMark } from '../../consensus/entry.ts'
import type { KeyChange } from '../../storage/key-value.ts'
import { tooOld } from '../consensus/memory-state.ts'
import type { HeldSnapshot } from '../consensus/replica-state.ts'
import { snapshotPath } from '../consensus/snapshot-file.ts'
import type { CatalogStates } from './catalog-states.ts'
import { chunksIn, CatalogStore } from './catalog-store.ts'
import { decodeStanding, encodeStanding, type Standing, standingKey } from './group-row.ts'
import type { RowSpace } from './row-space.ts'
import { sessionRowsOf } from './session-rows.ts'
import { type Frame, FrameReader, piecesOfFrames } from './state-frames.ts'

const STANDING = 0
const SESSION = 1
const CHUNK = 2
const KEY_BYTES_MAX = 64
const SESSIONS_PER_BATCH = 64

/** A file of a group's state, made when somebody needs it and removed when nobody does any more. */
export class HeldFile {
  readonly #states: CatalogStates
  readonly #group: number
  readonly #writing: Promise<LogMark>
  #mark: LogMark | undefined
  #holders = 0

  constructor(states: CatalogStates, group: number, space: RowSpace) {
    this.#states = states
    this.#group = group
    this.#writing = this.#write(space)
    this.#writing.catch(() => undefined)
  }

  get isOpen(): boolean {
    return this.#holders > 0
  }

  /** Whether it is there, or being made, and new enough as far as that is known. */
  isUsable(index: number): boolean {
    return this.isOpen && (this.#mark === undefined || this.#mark.index >= index)
  }

  async hold(index: number): Promise<HeldSnapshot> {
    this.#holders++
    try {
      const mark = await this.#writing
      if (mark.index < index) throw tooOld(this.#group, index)
      return { path: snapshotPath(this.#group, mark), mark, release: () => this.#release(mark) }
    } catch (error) {
      this.#holders--
      throw error
    }
  }

  async #release(mark: LogMark): Promise<void> {
    this.#holders--
    if (this.#holders === 0) await this.#states.snapshots.remove(this.#group, mark)
  }

  async #write(space: RowSpace): Promise<LogMark> {
    const { snapshots } = this.#states
    const view = this.#states.view()
    try {
      const row = await view.get(standingKey(this.#group))
      if (row === undefined) throw tooOld(this.#group, 0)
      const standing = decodeStanding(row)
      const frames = framesOf(standing, space.within(view), this.#group)
      await snapshots.write(this.#group, standing.mark, piecesOfFrames(frames))
      this.#mark = standing.mark
      return standing.mark
    } finally {
      await view.close()
    }
  }
}

async function* framesOf(
  standing: Standing,
  reader: ReturnType<RowSpace['within']>,
  group: number,
): AsyncGenerator<Frame> {
  yield { kind: STANDING, bytes: encodeStanding(standing) }
  for await (const { key, value } of sessionRowsOf(reader, group)) {
    const writer = new BinaryWriter(KEY_BYTES_MAX + 16 + value.length)
    writer.bytes(key)
    writer.bytes(value)
    yield { kind: SESSION, bytes: writer.finish() }
  }
  for await (const { bytes } of chunksIn(reader, group)) yield { kind: CHUNK, bytes }
}

/** Puts the frames of a file into an empty space, in their order. */
export class StateIntake {
  readonly #group: number
  readonly #space: RowSpace
  readonly #store: CatalogStore
  readonly #frames = new FrameReader()
  #standing: Standing | undefined
  #sessions: KeyChange[] = []
  #after: Uint8Array | undefined
  #isWhole = false

  constructor(group: number, space: RowSpace) {
    this.#group = group
    this.#space = space
    this.#store = new CatalogStore(space)
  }

  /** @throws {HoldfastError} `MALFORMED`, `TOO_LARGE`, `DISK_*` */
  async take(piece: Uint8Array): Promise<void> {
    for (const frame of this.#frames.take(piece)) await this.#put(frame)
  }

  /** What the sender's state was, once everything is here. @throws {HoldfastError} `MALFORMED` */
  async end(): Promise<Standing> {
    this.#frames.end()
    await this.#putSessions()
    if (this.#standing === undefined || !this.#isWhole) throw cutShort()
    return this.#standing
  }

  async #put({ kind, bytes }: Frame): Promise<void> {
    if (kind === STANDING) this.#standing = decodeStanding(bytes)
    else if (kind === SESSION) await this.#takeSession(bytes)
    else {
      await this.#putSessions()
      this.#after = await this.#store.restore(this.#group, bytes, this.#after)
      this.#isWhole = this.#after === undefined
    }
  }

  async #takeSession(bytes: Uint8Array): Promise<void> {
    const reader = new BinaryReader(bytes)
    const key = reader.bytes(KEY_BYTES_MAX).slice()
    this.#sessions.push({ key, value: reader.bytes(bytes.length).slice() })
    if (this.#sessions.length >= SESSIONS_PER_BATCH) await this.#putSessions()
  }

  async #putSessions(): Promise<void> {
    if (this.#sessions.length > 0) await this.#space.batch(this.#sessions)
    this.#sessions = []
  }
}

function cutShort(): HoldfastError {
  const details = { code: 'MALFORMED', what: 'state', offset: 0 } as const
  return new HoldfastError('Cannot restore a state: it is not whole', details)
}
