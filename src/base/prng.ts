import { assert } from './assert.ts'
import type { Random } from './environment.ts'

/**
 * xoshiro128** seeded through splitmix32: fast, small, the same on every machine. Not for secrets:
 * keys and nonces come from the operating system. There are 2^32 different streams.
 *
 * `fork(label)` depends on the seed and the label alone, never on how much was drawn before, so
 * that a new draw in one component shifts no other.
 */
export class Prng implements Random {
  readonly #seed: number
  #a: number
  #b: number
  #c: number
  #d: number

  /** @param seed any safe integer; those from 0 to 2^32 - 1 give different streams. */
  constructor(seed: number) {
    assert(Number.isSafeInteger(seed), 'a seed is a safe integer')
    const low = seed >>> 0
    const high = Math.floor(seed / 2 ** 32) >>> 0
    this.#seed = mix(low ^ mix(high + 0x9e3779b9))
    // Four outputs of a bijection over different states: at most one is zero, as xoshiro demands.
    const next = splitmix(this.#seed)
    this.#a = next()
    this.#b = next()
    this.#c = next()
    this.#d = next()
  }

  u32(): number {
    const result = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9) >>> 0
    const shifted = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= shifted
    this.#d = rotate(this.#d, 11)
    return result
  }

  float(): number {
    return ((this.u32() >>> 5) * 2 ** 26 + (this.u32() >>> 6)) / 2 ** 53
  }

  below(limit: number): number {
    if (!(limit > 0)) throw new RangeError(`below takes a positive limit, not ${limit}`)
    return Math.floor(this.float() * limit)
  }

  chance(probability: number): boolean {
    return this.float() < probability
  }

  exponential(mean: number): number {
    return -Math.log(1 - this.float()) * mean
  }

  bytes(size: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(size)
    for (let offset = 0; offset < size; offset += 4) {
      const word = this.u32()
      for (let byte = 0; byte < 4 && offset + byte < size; byte++) {
        bytes[offset + byte] = word >>> (byte * 8)
      }
    }
    return bytes
  }

  pick<Item>(items: readonly Item[]): Item {
    if (items.length === 0) throw new RangeError('pick takes at least one item')
    return items[this.below(items.length)] as Item
  }

  shuffle<Item>(items: readonly Item[]): Item[] {
    const shuffled = [...items]
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = this.below(last + 1)
      const moved = shuffled[last] as Item
      shuffled[last] = shuffled[other] as Item
      shuffled[other] = moved
    }
    return shuffled
  }

  fork(label: string): Prng {
    let hash = this.#seed
    for (let index = 0; index < label.length; index++) {
      hash = Math.imul(hash ^ label.charCodeAt(index), 0x01000193)
    }
    return new Prng(mix(hash))
  }
}

const rotate = (word: number, by: number): number => (word << by) | (word >>> (32 - by))

function mix(word: number): number {
  let mixed = word
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

function splitmix(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x9e3779b9) | 0
    return mix(state)
  }
}
