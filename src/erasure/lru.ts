/**
 * A cache of values that can be made again. When it is full, the value that was used least recently
 * goes; a `Map` iterates in order of insertion, so its first key is that one.
 */
export class Lru<Key, Value> {
  readonly #entries = new Map<Key, Value>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#entries.size
  }

  /** The value under this key, made now if it is not there. */
  get(key: Key, make: () => Value): Value {
    const value = this.#entries.get(key) ?? make()
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size > this.#limit) this.#evict()
    return value
  }

  #evict(): void {
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      return
    }
  }
}
