/**
 * An ordered map of bytes on a disk: what the fragment store keeps its records in. Keys compare byte
 * by byte, a prefix first. LevelDB in a real peer (`level-key-value.ts`), a map with the same
 * failures in the simulated world; both pass one acceptance suite.
 *
 * What is durable when: a batch with `sync`, once it has returned; other batches whenever the system
 * likes. One without `sync` may be lost although a later one is not. Batches are atomic and are
 * written one at a time: whoever writes waits for the one before. Failures are `HoldfastError`s:
 *
 * - `DISK_FULL`: the batch did not happen. What is there can be read; a later batch may succeed.
 * - `DISK_FAILED`: whether the batch happened is unknown, and nothing is answered any more until the
 *   store is opened anew.
 * - `DISK_IO`, `CORRUPT` of a read: what was asked for cannot be read, now or ever.
 * - `BUSY` of a read: the process has no handle left for it.
 */
export interface KeyValue extends KeyValueReader {
  /** The same as `get`, never on this thread: for values of up to 64 KiB. */
  getLarge(key: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined>
  batch(changes: readonly KeyChange[], options: { readonly sync: boolean }): Promise<void>
  /**
   * What is there now, whatever is written later. To be closed: until then nothing of it is given
   * back to the disk. Answers `CLOSED` once the store itself was closed, or had to be opened anew.
   */
  view(): KeyValueView
  /** Ends what is under way. Makes nothing durable. */
  close(): Promise<void>
}

export interface KeyValueView extends KeyValueReader {
  close(): Promise<void>
}

export interface KeyValueReader {
  /**
   * The value, as a new array; undefined if there is none. May hold the thread up for one short
   * read, since handing it over costs more than most of them: for small values.
   */
  get(key: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined>
  /**
   * The first entries of a range in ascending order, at most `limit` of them. May be fewer although
   * there are more, so as to hold little; none only if there is none.
   */
  page(range: KeyRange): Promise<KeyValueEntry[]>
}

/** Keys above `after` and below `before`. */
export interface KeyRange {
  readonly after: Uint8Array
  readonly before: Uint8Array
  readonly limit: number
}

export interface KeyValueEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** Sets a key, or removes it where the value is undefined. */
export interface KeyChange {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}
