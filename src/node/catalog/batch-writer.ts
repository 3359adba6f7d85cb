import type { KeyChange, KeyValue } from '../../storage/key-value.ts'

interface Waiting {
  readonly changes: readonly KeyChange[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Writes batches to a store, one at a time, durably: what comes while one is on its way goes together
 * in the next, so that one sync serves many groups. Each group waits for its own batch before the
 * next, which bounds what waits.
 */
export class BatchWriter {
  readonly #keyValue: KeyValue
  #waiting: Waiting[] = []
  #isWriting = false

  constructor(keyValue: KeyValue) {
    this.#keyValue = keyValue
  }

  /** Resolves when the changes are durable; they happen together or not at all. */
  write(changes: readonly KeyChange[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#waiting.push({ changes, resolve, reject })
    if (!this.#isWriting) void this.#work()
    return promise
  }

  async #work(): Promise<void> {
    this.#isWriting = true
    while (this.#waiting.length > 0) {
      const together = this.#waiting
      this.#waiting = []
      try {
        const changes = together.flatMap(waiting => waiting.changes)
        await this.#keyValue.batch(changes, { sync: true })
        for (const { resolve } of together) resolve()
      } catch (error) {
        for (const { reject } of together) reject(error)
      }
    }
    this.#isWriting = false
  }
}
