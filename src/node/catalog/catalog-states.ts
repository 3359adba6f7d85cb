/**
 * The states of all groups of the catalog on this peer, in one key-value store: which there are, in
 * which space each has its rows (row-space.ts), and what is left behind by those that are gone.
 */
import { assert } from '../../base/assert.ts'
import { codeOf } from '../../base/errors.ts'
import { genesis } from '../../catalog/apply-ranges.ts'
import { eraseRows } from '../../catalog/snapshot.ts'
import type { SnapshotMark } from '../../consensus/raft-event.ts'
import type { SessionLimits } from '../../consensus/sessions.ts'
import type {
  KeyChange,
  KeyRange,
  KeyValue,
  KeyValueEntry,
  KeyValueReader,
  KeyValueView,
} from '../../storage/key-value.ts'
import { NOTHING, type ReplicaState, type ReplicaStates } from '../consensus/replica-state.ts'
import { snapshotPath, streamSnapshot } from '../consensus/snapshot-file.ts'
import type { SnapshotStore } from '../consensus/snapshot-store.ts'
import { BatchWriter } from './batch-writer.ts'
import { CatalogState } from './catalog-state.ts'
import { CatalogStore } from './catalog-store.ts'
import {
  type Child,
  decodeStanding,
  encodeStanding,
  erasureIn,
  erasureKey,
  erasureKeys,
  groupOfStanding,
  SPACE_COUNT_KEY,
  spacePrefix,
  type Standing,
  standingKey,
  standingKeys,
} from './group-row.ts'
import { RowSpace } from './row-space.ts'
import { sessionId, sessionRowsOf } from './session-rows.ts'
import { StateIntake } from './state-file.ts'

export interface CatalogStatesOptions {
  /** Stays the caller's. */
  readonly keyValue: KeyValue
  readonly snapshots: SnapshotStore
  /** The time that a leader gives to commands, milliseconds since 1970. */
  readonly stampMs: () => number
  /** A range was split off here, durably: its group is to be run. */
  readonly born: (child: number) => void
  /** Whether a group that was split off has agreed on something since, or is not run here. */
  readonly isEstablished: (child: Child) => boolean
  readonly failed: (error: unknown) => void
  readonly limits?: Partial<SessionLimits> | undefined
}

const EVERYTHING = { lo: new Uint8Array(0), hi: new Uint8Array(0) }
const FIRST_STAMP = { ms: 0, count: 0 }
const PAGE_ROWS = 256
const SYSTEM_GROUP = 0
const ERASED_ROWS_MAX = 1_000
const SPACE_NUMBER_BYTES = 4

/** The states of all groups: the system group's are not of the catalog. */
export function groupStates(system: ReplicaStates, catalog: ReplicaStates): ReplicaStates {
  const of = (group: number): ReplicaStates => (group === SYSTEM_GROUP ? system : catalog)
  return {
    mark: group => of(group).mark(group),
    open: group => of(group).open(group),
    erase: group => of(group).erase(group),
  }
}

interface Leftover {
  readonly space: number
  readonly group: number
}

export class CatalogStates implements ReplicaStates {
  readonly snapshots: SnapshotStore
  readonly limits: Partial<SessionLimits>
  readonly stampMs: () => number
  readonly born: (child: number) => void
  readonly isEstablished: (child: Child) => boolean
  readonly sessionId: (group: number, index: number) => number = sessionId
  readonly #keyValue: KeyValue
  readonly #writer: BatchWriter
  readonly #failed: (error: unknown) => void
  readonly #standings: Map<number, Standing>
  readonly #open = new Map<number, CatalogState>()
  #lastSpace: number
  #isClosed = false
  #erasing: Promise<void> = Promise.resolve()

  /** Looks what there is, and removes what nobody has any more. @throws {HoldfastError} `DISK_*` */
  static async open(options: CatalogStatesOptions): Promise<CatalogStates> {
    const { keyValue } = options
    const rows = await everyRow(keyValue, standingKeys(PAGE_ROWS))
    const standings = new Map(
      rows.map(({ key, value }) => [groupOfStanding(key), decodeStanding(value)]),
    )
    const count = await keyValue.get(SPACE_COUNT_KEY)
    const lastSpace = count === undefined ? 0 : numberIn(count)
    const states = new CatalogStates(options, standings, lastSpace)
    await states.#eraseLeftovers()
    return states
  }

  private constructor(
    options: CatalogStatesOptions,
    standings: Map<number, Standing>,
    lastSpace: number,
  ) {
    const { keyValue, snapshots, stampMs, born, isEstablished, limits = {} } = options
    this.#keyValue = keyValue
    this.#writer = new BatchWriter(keyValue)
    this.#failed = options.failed
    this.#standings = standings
    this.#lastSpace = lastSpace
    this.snapshots = snapshots
    this.stampMs = stampMs
    this.born = born
    this.isEstablished = isEstablished
    this.limits = limits
  }

  /** Groups that were split off and have no log of their own yet, with their parents. */
  get unborn(): readonly { readonly group: number; readonly parent: number }[] {
    return [...this.#standings].flatMap(([group, { parent }]) =>
      parent === undefined ? [] : [{ group, parent }],
    )
  }

  /** Every group that has a state here. */
  get groups(): readonly number[] {
    return [...this.#standings.keys()]
  }

  standing(group: number): Standing | undefined {
    return this.#standings.get(group)
  }

  /** The state of a group that is open. */
  state(group: number): CatalogState | undefined {
    return this.#open.get(group)
  }

  async mark(group: number): Promise<SnapshotMark> {
    const mark = this.#standings.get(group)?.mark ?? NOTHING
    const newest = this.snapshots.newestPath(group)
    if (newest === undefined || newest.mark.index <= mark.index) return mark
    try {
      return await streamSnapshot(this.snapshots.disk, newest.path, async () => undefined)
    } catch (error) {
      if (!isBroken(error)) throw error
      return mark
    }
  }

  async open(group: number): Promise<ReplicaState> {
    await this.#installNewer(group)
    const standing = this.#standings.get(group) ?? (await this.#begin(group))
    const state = await CatalogState.open(this, group, standing)
    this.#open.set(group, state)
    return state
  }

  async erase(group: number): Promise<void> {
    this.#open.delete(group)
    const standing = this.#standings.get(group)
    this.#standings.delete(group)
    await this.snapshots.removeAll(group)
    if (standing === undefined) return
    const { space } = standing
    await this.#writer.write([
      { key: standingKey(group), value: undefined },
      leftoverRow(space, group),
    ])
    await this.#eraseSoon({ space, group })
  }

  /** Ends what is under way; the store can be closed then. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#erasing
  }

  spaceAt(space: number): RowSpace {
    return new RowSpace(this.#keyValue, this.#writer, spacePrefix(space))
  }

  view(): KeyValueView {
    return this.#keyValue.view()
  }

  /**
   * Writes what a group is made of now, with whatever made it so and the groups that are split off by
   * it, in one batch. If that fails, all is as it was.
   */
  async write(
    group: number,
    standing: Standing,
    { changes = [], born = [] }: StandingChanges,
  ): Promise<void> {
    // A group that was erased meanwhile must not come back.
    if (!this.#standings.has(group)) return
    // Those that are here already came by themselves; what the split made is of no use.
    const useless = born.filter(each => this.#standings.has(each.group))
    const claimed = born.filter(each => !useless.includes(each))
    for (const each of claimed) this.#standings.set(each.group, each.standing)
    try {
      await this.#writer.write([
        ...changes,
        rowOf(group, standing),
        ...claimed.map(each => rowOf(each.group, each.standing)),
        ...useless.map(each => leftoverRow(each.standing.space, each.group)),
      ])
    } catch (error) {
      for (const each of claimed) this.#standings.delete(each.group)
      throw error
    }
    if (this.#standings.has(group)) this.#standings.set(group, standing)
    for (const each of useless) {
      void this.#eraseSoon({ space: each.standing.space, group: each.group })
    }
  }

  /** Puts a file in the place of a group's state, durably, and returns what that is now. */
  async restore(group: number, mark: SnapshotMark): Promise<Standing> {
    const space = await this.#beginSpace()
    const intake = new StateIntake(group, this.spaceAt(space))
    const path = snapshotPath(group, mark)
    await streamSnapshot(this.snapshots.disk, path, piece => intake.take(piece))
    const theirs = await intake.end()
    const standing = { ...theirs, space, mark, parent: undefined, children: [] }
    const before = this.#standings.get(group)
    await this.#writer.write([
      rowOf(group, standing),
      ...(before === undefined ? [] : [leftoverRow(before.space, group)]),
    ])
    this.#standings.set(group, standing)
    await this.snapshots.remove(group, mark)
    if (before !== undefined) void this.#eraseSoon({ space: before.space, group })
    return standing
  }

  /** A file that came just before a crash. */
  async #installNewer(group: number): Promise<void> {
    const newest = this.snapshots.newestPath(group)
    if (newest === undefined) return
    const mark = await this.mark(group)
    const isNewer = mark.index > (this.#standings.get(group)?.mark.index ?? 0)
    if (isNewer && mark.index === newest.mark.index) await this.restore(group, mark)
    else await this.snapshots.remove(group, newest.mark)
  }

  /** A state that nothing was applied to: of a log that begins with its first entry. */
  async #begin(group: number): Promise<Standing> {
    const space = await this.#beginSpace()
    const standing = {
      space,
      mark: NOTHING,
      stamp: FIRST_STAMP,
      sessionsMs: 0,
      parent: undefined,
      children: [],
    }
    const rows = this.spaceAt(space).placed(genesis(group, EVERYTHING))
    await this.#writer.write([...rows, rowOf(group, standing)])
    this.#standings.set(group, standing)
    return standing
  }

  async #beginSpace(): Promise<number> {
    const space = ++this.#lastSpace
    const value = spacePrefix(space).slice(1)
    await this.#writer.write([{ key: SPACE_COUNT_KEY, value }])
    return space
  }

  async #eraseLeftovers(): Promise<void> {
    const rows = await everyRow(this.#keyValue, erasureKeys(PAGE_ROWS))
    for (const { key } of rows) await this.#erase(erasureIn(key))
    const used = new Set([...this.#standings.values()].map(({ space }) => space))
    for (let space = 1; space <= this.#lastSpace; space++) {
      if (!used.has(space)) await this.#empty(this.spaceAt(space))
    }
  }

  /** In the background, one after the other; a failure ends the peer. */
  #eraseSoon(leftover: Leftover): Promise<void> {
    const before = this.#erasing
    this.#erasing = before.then(async () => {
      try {
        await this.#erase(leftover)
      } catch (error) {
        // What is left is found at the next start.
        if (codeOf(error) === undefined) this.#failed(error)
      }
    })
    return this.#erasing
  }

  /** What a group has left in a space; all of the space if nobody else has it. */
  async #erase({ space, group }: Leftover): Promise<void> {
    const isShared = [...this.#standings.values()].some(standing => standing.space === space)
    const rows = this.spaceAt(space)
    if (isShared) await this.#eraseGroup(rows, group)
    else await this.#empty(rows)
    if (!this.#isClosed) {
      await this.#writer.write([{ key: erasureKey(space, group), value: undefined }])
    }
  }

  async #eraseGroup(rows: RowSpace, group: number): Promise<void> {
    const store = new CatalogStore(rows)
    while (!this.#isClosed) {
      const changes = await store.ask(eraseRows(group, ERASED_ROWS_MAX))
      if (changes.length === 0) break
      await rows.batch(changes)
    }
    for await (const { key } of sessionRowsOf(rows, group)) {
      if (!this.#isClosed) await rows.batch([{ key, value: undefined }])
    }
  }

  async #empty(rows: RowSpace): Promise<void> {
    const range = { after: new Uint8Array(0), before: Uint8Array.of(0xff), limit: ERASED_ROWS_MAX }
    while (!this.#isClosed) {
      const page = await rows.page(range)
      if (page.length === 0) return
      await rows.batch(page.map(({ key }) => ({ key, value: undefined })))
    }
  }
}

/** What goes into one batch with a standing. */
interface StandingChanges {
  readonly changes?: readonly KeyChange[]
  readonly born?: readonly { readonly group: number; readonly standing: Standing }[]
}

const rowOf = (group: number, standing: Standing): KeyChange => ({
  key: standingKey(group),
  value: encodeStanding(standing),
})

const leftoverRow = (space: number, group: number): KeyChange => ({
  key: erasureKey(space, group),
  value: new Uint8Array(0),
})

/** All of a range: a page may be short although there is more. */
async function everyRow(reader: KeyValueReader, range: KeyRange): Promise<KeyValueEntry[]> {
  const rows: KeyValueEntry[] = []
  for (let { after } = range; ;) {
    const page = await reader.page({ ...range, after })
    const last = page.at(-1)
    if (last === undefined) return rows
    rows.push(...page)
    after = last.key
  }
}

const isBroken = (error: unknown): boolean =>
  codeOf(error) === 'CORRUPT' || codeOf(error) === 'MALFORMED'

function numberIn(bytes: Uint8Array): number {
  assert(bytes.length === SPACE_NUMBER_BYTES, 'a space has a number of four bytes')
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
}
