/**
 * Small facts that are asked for with every request and seldom change. An answer is believed for a
 * few seconds; then it is asked for again, and while nobody can answer, what was known stays known
 * for a while. Those who ask for the same at once wait for the same answer. Bounded: the oldest goes.
 */
export interface RememberedOptions<Value> {
  /** @param isKnown whether an older answer would do */
  readonly ask: (name: string, isKnown: boolean) => Promise<Value>
  /** Whether an older answer will do instead of this error. */
  readonly isPassing: (error: unknown) => boolean
  readonly nowMs: () => number
  /** @default 5 s */
  readonly freshMs?: number | undefined
}

const FRESH_MS = 5_000
const STALE_MS = 900_000
const KNOWN_MAX = 1_000

export class Remembered<Value> {
  readonly #options: RememberedOptions<Value>
  readonly #known = new Map<string, { readonly value: Value; readonly atMs: number }>()
  readonly #asking = new Map<string, Promise<Value>>()

  constructor(options: RememberedOptions<Value>) {
    this.#options = options
  }

  async get(name: string): Promise<Value> {
    const known = this.#known.get(name)
    if (known === undefined) return this.#ask(name, false)
    const ageMs = this.#options.nowMs() - known.atMs
    if (ageMs >= 0 && ageMs < (this.#options.freshMs ?? FRESH_MS)) return known.value
    try {
      return await this.#ask(name, true)
    } catch (error) {
      if (ageMs < STALE_MS && this.#options.isPassing(error)) return known.value
      throw error
    }
  }

  /** What is known from now on. */
  set(name: string, value: Value): void {
    this.forget(name)
    const oldest = this.#known.keys().next()
    if (this.#known.size >= KNOWN_MAX && oldest.done !== true) this.#known.delete(oldest.value)
    this.#known.set(name, { value, atMs: this.#options.nowMs() })
  }

  /** What was asked for before counts no more, not even when it comes. */
  forget(name: string): void {
    this.#known.delete(name)
    this.#asking.delete(name)
  }

  #ask(name: string, isKnown: boolean): Promise<Value> {
    const under = this.#asking.get(name)
    if (under !== undefined) return under
    const asking = this.#options.ask(name, isKnown).then(
      value => {
        if (this.#asking.get(name) === asking) this.set(name, value)
        return value
      },
      (error: unknown) => {
        if (this.#asking.get(name) === asking) this.#asking.delete(name)
        throw error
      },
    )
    this.#asking.set(name, asking)
    return asking
  }
}
