/**
 * Many keys in order, in blocks that are split when they get long: adding or removing one costs a
 * search and the moving of one block, however many there are.
 *
 * Invariants: blocks are not empty, but for the only one; keys ascend within and across blocks.
 */
export class SortedKeys {
  #blocks: string[][] = [[]]

  add(key: string): void {
    const { block, at } = this.#find(other => other < key)
    const keys = this.#blocks[block] as string[]
    keys.splice(at, 0, key)
    if (keys.length > BLOCK_KEYS_MAX) {
      this.#blocks.splice(block + 1, 0, keys.splice(keys.length >> 1))
    }
  }

  remove(key: string): void {
    const { block, at } = this.#find(other => other < key)
    const keys = this.#blocks[block] as string[]
    if (keys[at] !== key) return
    keys.splice(at, 1)
    if (keys.length === 0 && this.#blocks.length > 1) this.#blocks.splice(block, 1)
  }

  /** Takes over keys that are in order already. */
  load(keys: readonly string[]): void {
    const blocks: string[][] = []
    for (let at = 0; at < keys.length; at += BLOCK_KEYS_MAX >> 1) {
      blocks.push(keys.slice(at, at + (BLOCK_KEYS_MAX >> 1)))
    }
    this.#blocks = blocks.length === 0 ? [[]] : blocks
  }

  /** All keys, as they are now. */
  all(): string[] {
    return this.#blocks.flat()
  }

  /** From the first key on for which `isBelow` no longer holds, as it does for all before. */
  *from(isBelow: (key: string) => boolean): Generator<string> {
    const found = this.#find(isBelow)
    for (let { block, at } = found; block < this.#blocks.length; block++, at = 0) {
      const keys = this.#blocks[block] as string[]
      for (; at < keys.length; at++) yield keys[at] as string
    }
  }

  /** The keys for which it holds, the last one first. */
  *downFrom(isBelow: (key: string) => boolean): Generator<string> {
    const found = this.#find(isBelow)
    for (let { block, at } = found; block >= 0; block--) {
      const keys = this.#blocks[block] as string[]
      for (at = Math.min(at, keys.length) - 1; at >= 0; at--) yield keys[at] as string
      at = Infinity
    }
  }

  /** Where the first key is that is not below. */
  #find(isBelow: (key: string) => boolean): { block: number; at: number } {
    const isBlockBelow = (keys: string[]): boolean => keys.length > 0 && isBelow(keys.at(-1) ?? '')
    const block = Math.min(firstNot(this.#blocks, isBlockBelow), this.#blocks.length - 1)
    return { block, at: firstNot(this.#blocks[block] as string[], isBelow) }
  }
}

const BLOCK_KEYS_MAX = 512

function firstNot<Item>(items: readonly Item[], isBelow: (item: Item) => boolean): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBelow(items[middle] as Item)) low = middle + 1
    else high = middle
  }
  return low
}
