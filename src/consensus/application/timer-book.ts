import { fromUtf8 } from '../../base/bytes.ts'
import type { StateHash } from '../state-hash.ts'
import { SortedKeys } from './sorted-keys.ts'

export interface SetTimer {
  readonly name: string
  readonly dueMs: number
  /** JSON. */
  readonly payload: string
}

const TIMER = 3
const DIGITS = 16

/** Timers by name, and in the order in which they are due. */
export class TimerBook {
  readonly #hash: StateHash
  readonly #timers = new Map<string, SetTimer>()
  readonly #order = new SortedKeys()

  constructor(hash: StateHash) {
    this.#hash = hash
  }

  get size(): number {
    return this.#timers.size
  }

  has(name: string): boolean {
    return this.#timers.has(name)
  }

  /** When the first one is due. */
  get nextMs(): number | undefined {
    return this.#first()?.dueMs
  }

  set(timer: SetTimer): void {
    this.cancel(timer.name)
    this.#timers.set(timer.name, timer)
    this.#order.add(placeOf(timer))
    this.#hash.add(hashed(timer))
  }

  cancel(name: string): void {
    const timer = this.#timers.get(name)
    if (timer === undefined) return
    this.#timers.delete(name)
    this.#order.remove(placeOf(timer))
    this.#hash.remove(hashed(timer))
  }

  /** Takes the first one away, if it is due. */
  takeDue(nowMs: number): SetTimer | undefined {
    const first = this.#first()
    if (first === undefined || first.dueMs > nowMs) return undefined
    this.cancel(first.name)
    return first
  }

  all(): SetTimer[] {
    return [...this.#timers.values()]
  }

  #first(): SetTimer | undefined {
    for (const place of this.#order.from(() => false)) {
      return this.#timers.get(place.slice(DIGITS))
    }
    return undefined
  }
}

const placeOf = ({ name, dueMs }: SetTimer): string =>
  `${String(dueMs).padStart(DIGITS, '0')}${name}`

const hashed = ({ name, dueMs, payload }: SetTimer): (number | Uint8Array)[] => [
  TIMER,
  dueMs,
  fromUtf8(name),
  fromUtf8(payload),
]
