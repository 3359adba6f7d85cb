import { HoldfastError } from '../../base/errors.ts'
import type { SnapshotMark } from '../../consensus/raft-event.ts'
import type { StateMachine } from '../../consensus/state-machine.ts'
import {
  type HeldSnapshot,
  NOTHING,
  type ReplicaState,
  type ReplicaStates,
  type Results,
  type Run,
} from './replica-state.ts'
import type { SnapshotStore } from './snapshot-store.ts'

/**
 * State machines in memory. The newest snapshot file of a group is what is left of it after a crash,
 * and what a replica gets that lags too far.
 */
export const inMemory =
  (
    machine: (group: number) => StateMachine,
    prepare: (command: Uint8Array) => Uint8Array = command => command,
  ) =>
  (snapshots: SnapshotStore): ReplicaStates => ({
    mark: async group => (await snapshots.newest(group))?.mark ?? NOTHING,
    open: async group => {
      const newest = await snapshots.newest(group)
      const made = machine(group)
      made.restore(newest?.pieces ?? [])
      return new MemoryState(made, { group, snapshots, prepare, start: newest?.mark ?? NOTHING })
    },
    erase: group => snapshots.removeAll(group),
  })

interface MemoryStateOptions {
  readonly group: number
  readonly snapshots: SnapshotStore
  readonly prepare: (command: Uint8Array) => Uint8Array
  readonly start: SnapshotMark
}

class MemoryState implements ReplicaState {
  readonly start: SnapshotMark
  readonly #machine: StateMachine
  readonly #group: number
  readonly #snapshots: SnapshotStore
  readonly prepare: (command: Uint8Array) => Uint8Array

  constructor(machine: StateMachine, { group, snapshots, prepare, start }: MemoryStateOptions) {
    this.#machine = machine
    this.#group = group
    this.#snapshots = snapshots
    this.prepare = prepare
    this.start = start
  }

  apply({ commands }: Run): Results {
    return this.#machine.apply(commands)
  }

  query(question: Uint8Array): Uint8Array {
    return this.#machine.query(question)
  }

  async secure(mark: SnapshotMark): Promise<number> {
    await this.#snapshots.write(this.#group, mark, this.#machine.snapshot())
    await this.#snapshots.removeOlder(this.#group)
    return mark.index
  }

  async snapshot(index: number): Promise<HeldSnapshot> {
    const newest = this.#snapshots.newestPath(this.#group)
    if (newest === undefined || newest.mark.index < index) throw tooOld(this.#group, index)
    return { ...newest, release: async () => undefined }
  }

  async install(mark: SnapshotMark): Promise<void> {
    const { pieces } = await this.#snapshots.read(this.#group, mark)
    this.#machine.restore(pieces)
  }

  async close(): Promise<void> {}
}

export function tooOld(group: number, index: number): HoldfastError {
  const what = `snapshot of group ${group} at ${index}`
  return new HoldfastError(`Cannot find ${what}`, { code: 'CORRUPT', what })
}
