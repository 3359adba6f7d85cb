import type { Disk } from '../base/environment.ts'

interface Syncing {
  readonly running: Promise<void>
  /** Shared by all who came while `running` ran, for that one may have missed them. */
  next: Promise<void> | undefined
}

/** Syncs of directories, shared by all who wait for the same one: as many as fit into two. */
export class SharedSync {
  readonly #disk: Disk
  readonly #syncs = new Map<string, Syncing>()

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** Resolves when a sync that began after this call has ended. */
  sync(directory: string): Promise<void> {
    const syncing = this.#syncs.get(directory)
    if (syncing === undefined) return this.#begin(directory)
    syncing.next ??= syncing.running.then(
      () => this.#begin(directory),
      () => this.#begin(directory),
    )
    return syncing.next
  }

  #begin(directory: string): Promise<void> {
    const syncing: Syncing = { running: this.#disk.syncDirectory(directory), next: undefined }
    this.#syncs.set(directory, syncing)
    const end = (): void => {
      if (syncing.next === undefined) this.#syncs.delete(directory)
    }
    syncing.running.then(end, end)
    return syncing.running
  }
}
