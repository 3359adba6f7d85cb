import { concat } from '../../base/bytes.ts'
import type {
  KeyChange,
  KeyRange,
  KeyValue,
  KeyValueEntry,
  KeyValueReader,
  KeyValueView,
} from '../../storage/key-value.ts'
import type { BatchWriter } from './batch-writer.ts'

/**
 * Part of a key-value store, as a store of its own: every key has a prefix.
 *
 * Rows are named after places, not after groups, and two replicas on one peer may believe to own the
 * same place: one of them has not heard yet that its range was split. So each state that came to this
 * peer has a space of its own; only ranges that a split made here share one.
 */
export class RowSpace implements KeyValue {
  readonly #keyValue: KeyValue
  readonly #writer: BatchWriter
  readonly #prefix: Uint8Array

  constructor(keyValue: KeyValue, writer: BatchWriter, prefix: Uint8Array) {
    this.#keyValue = keyValue
    this.#writer = writer
    this.#prefix = prefix
  }

  /** Changes of this space as changes of the whole store. */
  placed(changes: readonly KeyChange[]): KeyChange[] {
    return changes.map(({ key, value }) => ({ key: this.#whole(key), value }))
  }

  get(key: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#keyValue.get(this.#whole(key))
  }

  getLarge(key: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#keyValue.getLarge(this.#whole(key))
  }

  page(range: KeyRange): Promise<KeyValueEntry[]> {
    return this.#page(this.#keyValue, range)
  }

  /** Durable, asked for or not. */
  batch(changes: readonly KeyChange[]): Promise<void> {
    return this.#writer.write(this.placed(changes))
  }

  view(): KeyValueView {
    const view = this.#keyValue.view()
    return { ...this.within(view), close: () => view.close() }
  }

  /** What another reader of the whole store sees of this space. */
  within(reader: KeyValueReader): KeyValueReader {
    return {
      get: key => reader.get(this.#whole(key)),
      page: range => this.#page(reader, range),
    }
  }

  /** The store itself stays open. */
  async close(): Promise<void> {}

  async #page(
    reader: KeyValueReader,
    { after, before, limit }: KeyRange,
  ): Promise<KeyValueEntry[]> {
    const range = { after: this.#whole(after), before: this.#whole(before), limit }
    const rows = await reader.page(range)
    const skipped = this.#prefix.length
    return rows.map(({ key, value }) => ({ key: key.subarray(skipped), value }))
  }

  #whole(key: Uint8Array): Uint8Array {
    return concat([this.#prefix, key])
  }
}
