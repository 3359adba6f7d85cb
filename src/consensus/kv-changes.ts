import type { KvChange } from './kv-question.ts'

/**
 * The latest changes of the map, for those who watch it. Part of the replicated state, so that a
 * watcher may go on at any replica: what is forgotten depends on the changes alone.
 *
 * Invariant: revisions rise, and all above `oldest` are here.
 */
export class KvChanges {
  #changes: KvChange[] = []
  /** How many at the front are forgotten already; they are cut off now and then. */
  #first = 0
  #bytes = 0
  #oldest = 0

  /** Changes up to this index may be unknown. */
  get oldest(): number {
    return this.#oldest
  }

  get size(): number {
    return this.#changes.length - this.#first
  }

  push(change: KvChange): void {
    this.#changes.push(change)
    this.#bytes += bytesOf(change)
    while (this.size > KV_CHANGES_MAX || this.#bytes > CHANGES_BYTES_MAX) this.#forget()
    if (this.#first > KV_CHANGES_MAX) {
      this.#changes = this.all()
      this.#first = 0
    }
  }

  /** From the first above `after`, at most `limit` of those that begin with `prefix`. */
  *above(after: number): Generator<KvChange> {
    for (let at = this.#position(after); at < this.#changes.length; at++) {
      yield this.#changes[at] as KvChange
    }
  }

  /** A copy. */
  all(): KvChange[] {
    return this.#changes.slice(this.#first)
  }

  /** Takes over what a snapshot kept. */
  static restored(changes: readonly KvChange[], oldest: number): KvChanges {
    const restored = new KvChanges()
    restored.#oldest = oldest
    for (const change of changes) restored.push(change)
    return restored
  }

  #forget(): void {
    const forgotten = this.#changes[this.#first++] as KvChange
    this.#bytes -= bytesOf(forgotten)
    this.#oldest = forgotten.revision
  }

  #position(after: number): number {
    let low = this.#first
    let high = this.#changes.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#changes[middle] as KvChange).revision <= after) low = middle + 1
      else high = middle
    }
    return low
  }
}

export const KV_CHANGES_MAX = 1_024
const CHANGES_BYTES_MAX = 1_048_576

/** In UTF-16 units and bytes: near enough, and the same everywhere. */
const bytesOf = ({ key, value }: KvChange): number => key.length + (value?.length ?? 0)
