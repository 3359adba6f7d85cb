import { compare, toHex } from '../../src/base/bytes.ts'
import { HoldfastError } from '../../src/base/errors.ts'
import type {
  KeyChange,
  KeyRange,
  KeyValue,
  KeyValueEntry,
  KeyValueView,
} from '../../src/storage/key-value.ts'

/** Keys in order, with their values; never changed once somebody may look at it. */
interface State {
  readonly entries: readonly KeyValueEntry[]
  readonly values: ReadonlyMap<string, Uint8Array>
}

/** A `KeyValue` in memory that never fails, for tests that are about something else. */
export class MemoryKeyValue implements KeyValue {
  #current: State = { entries: [], values: new Map() }
  #isClosed = false
  /** Pages are no longer than this, though more was asked for. */
  pageRowsMax: number = Infinity

  async get(key: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return find(this.#state, key)
  }

  getLarge(key: Uint8Array): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.get(key)
  }

  async page(range: KeyRange): Promise<KeyValueEntry[]> {
    return pageOf(this.#state, { ...range, limit: Math.min(range.limit, this.pageRowsMax) })
  }

  async batch(changes: readonly KeyChange[]): Promise<void> {
    const values = new Map(this.#state.values)
    const keys = new Map(this.#state.entries.map(({ key }) => [toHex(key), key]))
    for (const { key, value } of changes) {
      const name = toHex(key)
      values.delete(name)
      keys.delete(name)
      if (value === undefined) continue
      values.set(name, value.slice())
      keys.set(name, key.slice())
    }
    const entries = [...keys]
      .map(([name, key]) => ({ key, value: values.get(name) as Uint8Array }))
      .toSorted((a, b) => compare(a.key, b.key))
    this.#current = { entries, values }
  }

  view(): KeyValueView {
    const state = this.#state
    return {
      get: async key => (this.#isClosed ? this.get(key) : find(state, key)),
      page: async range => (this.#isClosed ? this.page(range) : pageOf(state, range)),
      close: async () => undefined,
    }
  }

  /** The same entries in a store of their own, as after opening it again. */
  reopened(): MemoryKeyValue {
    const again = new MemoryKeyValue()
    again.#current = this.#current
    again.pageRowsMax = this.pageRowsMax
    return again
  }

  async close(): Promise<void> {
    this.#isClosed = true
  }

  get #state(): State {
    if (!this.#isClosed) return this.#current
    const details = { code: 'CLOSED', what: 'key-value store' } as const
    throw new HoldfastError('The key-value store is closed', details)
  }
}

const find = ({ values }: State, key: Uint8Array): Uint8Array<ArrayBuffer> | undefined =>
  values.get(toHex(key))?.slice()

function pageOf({ entries }: State, { after, before, limit }: KeyRange): KeyValueEntry[] {
  let [from, to] = [0, entries.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (compare((entries[middle] as KeyValueEntry).key, after) <= 0) from = middle + 1
    else to = middle
  }
  const page: KeyValueEntry[] = []
  for (const { key, value } of entries.slice(from, from + limit)) {
    if (compare(key, before) >= 0) break
    page.push({ key: key.slice(), value: value.slice() })
  }
  return page
}
