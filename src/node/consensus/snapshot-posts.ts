import { AssertionError } from '../../base/assert.ts'
import { codeOf } from '../../base/errors.ts'
import { groupUnknown } from './group-unknown.ts'
import type { RaftGroup, SnapshotWish } from './raft-group.ts'
import { sendSnapshot, type SendingOptions } from './snapshot-sender.ts'

/** Snapshots on their way to others at once. */
const SENDING_MAX = 4

export interface SnapshotPostsOptions extends SendingOptions {
  readonly groupOf: (group: number) => RaftGroup | undefined
  readonly afterTurn: (work: () => void) => void
  /** The disk has failed, or a bug was met. */
  readonly failed: (error: unknown) => void
}

/**
 * Sends the snapshots that groups want sent, a few at a time: one that finds no room, or does not get
 * through, is said to have failed, and the group asks again in its own time.
 */
export class SnapshotPosts {
  readonly #options: SnapshotPostsOptions
  #sending = 0

  constructor(options: SnapshotPostsOptions) {
    this.#options = options
  }

  async send(group: number, wish: SnapshotWish): Promise<void> {
    const { afterTurn, failed } = this.#options
    if (this.#sending >= SENDING_MAX) {
      afterTurn(() => this.#ended(group, wish, false))
      return
    }
    this.#sending++
    try {
      await this.#sendHeld(group, wish)
      this.#ended(group, wish, true)
    } catch (error) {
      if (error instanceof AssertionError || codeOf(error) === 'DISK_FAILED') failed(error)
      this.#ended(group, wish, false)
    } finally {
      this.#sending--
    }
  }

  async #sendHeld(group: number, wish: SnapshotWish): Promise<void> {
    const replica = this.#options.groupOf(group)
    // Gone meanwhile; one that is opened again must not take this for sent.
    if (replica === undefined) throw groupUnknown(group)
    const held = await replica.snapshot(wish.index)
    try {
      await sendSnapshot(this.#options, held, { group, ...wish })
    } finally {
      await held.release()
    }
  }

  #ended(group: number, { to, index }: SnapshotWish, isDone: boolean): void {
    this.#options.groupOf(group)?.step({ type: 'snapshotSent', to, index, isDone })
  }
}
