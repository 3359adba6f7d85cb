/** Questions on their way: each answered at most once, the oldest forgotten when there are many. */
export class Outstanding<Key> {
  readonly #questions = new Map<Key, { readonly to: string; readonly sentMs: number }>()

  add(key: Key, to: string, sentMs: number): void {
    this.#questions.set(key, { to, sentMs })
    if (this.#questions.size <= QUESTIONS_MAX) return
    const [oldest] = this.#questions.keys()
    if (oldest !== undefined) this.#questions.delete(oldest)
  }

  /** The question this answers; undefined if there is none, or not any more. */
  take(key: Key): { readonly to: string; readonly sentMs: number } | undefined {
    const question = this.#questions.get(key)
    this.#questions.delete(key)
    return question
  }
}

const QUESTIONS_MAX = 256
