import { fromUtf8 } from '../../base/bytes.ts'
import type { StateHash } from '../state-hash.ts'
import type { MachineLimits } from './definition.ts'
import type { Kept } from './machine-command.ts'

/** An answer that is remembered; as text, for there are many. */
export interface KeptAnswer {
  readonly print: string
  readonly type: Kept['type']
  readonly text: string
  readonly index: number
  readonly ms: number
  readonly count: number
}

const KEY = 2

/**
 * The answers that commands with a key got, in the order in which they took effect. A key is never
 * forgotten before its time to make room for another.
 */
export class KeyBook {
  readonly #limits: MachineLimits
  readonly #hash: StateHash
  readonly #answers = new Map<string, KeptAnswer>()
  #bytes = 0

  constructor(limits: MachineLimits, hash: StateHash) {
    this.#limits = limits
    this.#hash = hash
  }

  get size(): number {
    return this.#answers.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get isFull(): boolean {
    return this.#answers.size >= this.#limits.keysMax
  }

  get(key: string): KeptAnswer | undefined {
    return this.#answers.get(key)
  }

  keep(key: string, answer: KeptAnswer): void {
    this.#answers.set(key, answer)
    this.#bytes += key.length + answer.text.length
    this.#hash.add(hashed(key, answer))
  }

  /** Forgets those whose time is over. */
  advance(nowMs: number): void {
    for (const [key, answer] of this.#answers) {
      if (answer.ms + this.#limits.keepKeysMs >= nowMs) return
      this.#answers.delete(key)
      this.#bytes -= key.length + answer.text.length
      this.#hash.remove(hashed(key, answer))
    }
  }

  all(): [string, KeptAnswer][] {
    return [...this.#answers]
  }
}

const hashed = (key: string, { print, text, index }: KeptAnswer): (number | Uint8Array)[] => [
  KEY,
  index,
  fromUtf8(key),
  fromUtf8(print),
  fromUtf8(text),
]
