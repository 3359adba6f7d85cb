import { abortable } from '../../base/waiting.ts'

/**
 * Memory that jobs share: each waits, in order, until there is room for what it holds. One that
 * needs more than there is gets all of it, alone.
 */
export class ByteBudget {
  readonly #limitBytes: number
  readonly #waiting: { readonly bytes: number; readonly grant: () => void }[] = []
  #usedBytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** Resolves with how to give it back, to be called once. @throws the signal's reason */
  async take(wantedBytes: number, signal: AbortSignal): Promise<() => void> {
    const bytes = Math.min(wantedBytes, this.#limitBytes)
    const { promise, resolve } = Promise.withResolvers<void>()
    const entry = { bytes, grant: resolve }
    this.#waiting.push(entry)
    this.#admit()
    try {
      await abortable(promise, signal)
    } catch (error) {
      const at = this.#waiting.indexOf(entry)
      if (at >= 0) this.#waiting.splice(at, 1)
      else this.#giveBack(bytes)
      throw error
    }
    return () => this.#giveBack(bytes)
  }

  #giveBack(bytes: number): void {
    this.#usedBytes -= bytes
    this.#admit()
  }

  #admit(): void {
    for (;;) {
      const next = this.#waiting[0]
      if (next === undefined || this.#usedBytes + next.bytes > this.#limitBytes) return
      this.#waiting.shift()
      this.#usedBytes += next.bytes
      next.grant()
    }
  }
}
