import type { FragmentRecord } from './fragment-record.ts'

/** With what is sealed in them, 8 KiB. */
const REFERENCES_KEPT_MAX = 4

/** What was looked up: the record, or that there is none. */
export interface Known {
  readonly record: FragmentRecord | undefined
}

/**
 * The records last worked on, or their absence: a put asks twice, before the cells and after them,
 * and a commit follows soon. By `textOf` of their ids. Filled only in the fragment's turn, so it is
 * never behind the key-value store.
 */
export class RecordCache {
  readonly #known = new Map<string, Known>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get(key: string): Known | undefined {
    return this.#known.get(key)
  }

  /** The one that was set longest ago makes room. One with many references is not kept. */
  set(key: string, record: FragmentRecord | undefined): void {
    this.#known.delete(key)
    if ((record?.references.length ?? 0) > REFERENCES_KEPT_MAX) return
    this.#known.set(key, { record })
    if (this.#known.size <= this.#limit) return
    const [oldest] = this.#known.keys()
    if (oldest !== undefined) this.#known.delete(oldest)
  }

  delete(key: string): void {
    this.#known.delete(key)
  }
}
