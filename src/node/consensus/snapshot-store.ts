import type { Disk } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import type { LogMark } from '../../consensus/entry.ts'
import type { SnapshotMark } from '../../consensus/raft-event.ts'
import {
  parseSnapshotName,
  readSnapshot,
  removeIfThere,
  type Snapshot,
  snapshotPath,
  SNAPSHOTS,
  writeSnapshot,
} from './snapshot-file.ts'

/** The snapshots of all groups on this peer; of each group the newest counts. */
export class SnapshotStore {
  readonly disk: Disk
  /** Newest last. */
  readonly #found = new Map<number, { index: number; term: number }[]>()

  private constructor(disk: Disk) {
    this.disk = disk
  }

  /** Looks for snapshots and removes what is unfinished. */
  static async open(disk: Disk): Promise<SnapshotStore> {
    const store = new SnapshotStore(disk)
    const isThere = (await disk.list('.')).some(({ name }) => name === SNAPSHOTS)
    if (!isThere) await disk.makeDirectory(SNAPSHOTS)
    // It may have been made just before a crash.
    await disk.syncDirectory('.')
    for (const { name } of await disk.list(SNAPSHOTS)) {
      const parsed = parseSnapshotName(name)
      if (parsed === undefined) await disk.remove(`${SNAPSHOTS}/${name}`)
      else store.#add(parsed.group, parsed)
    }
    return store
  }

  /** The newest snapshot of a group that can be read; undefined if there is none. */
  async newest(group: number): Promise<Snapshot | undefined> {
    for (const { index, term } of (this.#found.get(group) ?? []).toReversed()) {
      try {
        return await readSnapshot(this.disk, snapshotPath(group, { index, term }))
      } catch (error) {
        if (codeOf(error) !== 'CORRUPT' && codeOf(error) !== 'MALFORMED') throw error
      }
    }
    return undefined
  }

  /** @throws {HoldfastError} `CORRUPT`, `FILE_NOT_FOUND`, `DISK_*` */
  read(group: number, mark: LogMark): Promise<Snapshot> {
    return readSnapshot(this.disk, snapshotPath(group, mark))
  }

  /** Where the newest snapshot of a group lies. */
  newestPath(group: number): { path: string; mark: LogMark } | undefined {
    const mark = this.#found.get(group)?.at(-1)
    return mark === undefined ? undefined : { path: snapshotPath(group, mark), mark }
  }

  /** Writes a snapshot, durably. */
  async write(
    group: number,
    mark: SnapshotMark,
    pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  ): Promise<void> {
    await writeSnapshot(this.disk, group, mark, pieces)
    this.#add(group, mark)
  }

  /** A snapshot was put in its place by somebody else. */
  received(group: number, mark: SnapshotMark): void {
    this.#add(group, mark)
  }

  /**
   * Removes all but the newest, once that is what the log builds on. What the disk does not let go
   * of now is tried again with the next one.
   */
  async removeOlder(group: number): Promise<void> {
    const older = (this.#found.get(group) ?? []).slice(0, -1)
    for (const mark of older) {
      try {
        await removeIfThere(this.disk, snapshotPath(group, mark))
        this.#forget(group, mark)
      } catch (error) {
        if (codeOf(error) !== 'BUSY' && codeOf(error) !== 'DISK_IO') throw error
      }
    }
  }

  /** Removes one snapshot. */
  async remove(group: number, mark: LogMark): Promise<void> {
    await removeIfThere(this.disk, snapshotPath(group, mark))
    this.#forget(group, mark)
  }

  /** Removes all of a group. */
  async removeAll(group: number): Promise<void> {
    for (const { index, term } of this.#found.get(group) ?? []) {
      await removeIfThere(this.disk, snapshotPath(group, { index, term }))
    }
    this.#found.delete(group)
  }

  #forget(group: number, mark: LogMark): void {
    const found = this.#found.get(group) ?? []
    this.#found.set(
      group,
      found.filter(({ index, term }) => index !== mark.index || term !== mark.term),
    )
  }

  #add(group: number, { index, term }: { index: number; term: number }): void {
    const found = (this.#found.get(group) ?? []).filter(
      other => other.index !== index || other.term !== term,
    )
    this.#found.set(
      group,
      [...found, { index, term }].toSorted((a, b) => a.index - b.index),
    )
  }
}
