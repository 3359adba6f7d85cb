import { compare } from '../../src/base/bytes.ts'
import {
  nameOf,
  type Program,
  type Read,
  type Row,
  type RowChange,
} from '../../src/catalog/rows.ts'

/** Ordered rows in memory: the host of the catalog's programs that answers at once. */
export class MemoryRows {
  readonly #values = new Map<string, Uint8Array>()
  /** In ascending order. */
  readonly #keys: Uint8Array[] = []

  get rows(): Row[] {
    return this.#keys.map(key => ({ key, value: this.#values.get(nameOf(key)) as Uint8Array }))
  }

  get size(): number {
    return this.#keys.length
  }

  copy(): MemoryRows {
    const other = new MemoryRows()
    other.write(this.rows)
    return other
  }

  /** @param watch is shown every read */
  run<Result>(program: Program<Result>, watch?: (read: Read) => void): Result {
    let step = program.next()
    while (step.done !== true) {
      watch?.(step.value)
      step = program.next(this.#answer(step.value))
    }
    return step.value
  }

  write(changes: readonly RowChange[]): void {
    for (const { key, value } of changes) {
      const at = this.#find(key)
      const found = this.#keys[at]
      const isThere = found !== undefined && compare(found, key) === 0
      if (value === undefined) {
        if (isThere) this.#keys.splice(at, 1)
        this.#values.delete(nameOf(key))
      } else {
        if (!isThere) this.#keys.splice(at, 0, key.slice())
        this.#values.set(nameOf(key), value.slice())
      }
    }
  }

  #answer(read: Read): Uint8Array | undefined | Row[] {
    if (read.type === 'get') return this.#values.get(nameOf(read.key))?.slice()
    const { after, before, limit } = read.range
    const page: Row[] = []
    for (let at = this.#find(after); page.length < limit; at++) {
      const key = this.#keys[at]
      if (key === undefined || compare(key, before) >= 0) break
      if (compare(key, after) === 0) continue
      page.push({ key: key.slice(), value: (this.#values.get(nameOf(key)) as Uint8Array).slice() })
    }
    return page
  }

  /** The first index whose key is not below `key`. */
  #find(key: Uint8Array): number {
    let [from, to] = [0, this.#keys.length]
    while (from < to) {
      const middle = (from + to) >> 1
      if (compare(this.#keys[middle] as Uint8Array, key) < 0) from = middle + 1
      else to = middle
    }
    return from
  }
}
