/**
 * Keeps wrong logins apart: from one address a few may come at once, then one every few seconds. What
 * is guessed at has 192 bits, so this is against noise, not against luck.
 */
const ATTEMPTS_AT_ONCE = 10
const EVERY_MS = 3_000
const ADDRESSES_MAX = 1_000

export class Attempts {
  readonly #nowMs: () => number
  /** When all of an address's attempts are forgiven, by address; the oldest first. */
  readonly #clearMs = new Map<string, number>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** How long an address has to wait before it may try; 0 if it may now. */
  waitMs(address: string): number {
    const debtMs = (this.#clearMs.get(address) ?? 0) - this.#nowMs()
    return Math.max(0, debtMs - (ATTEMPTS_AT_ONCE - 1) * EVERY_MS)
  }

  /** One has failed. */
  failed(address: string): void {
    const nowMs = this.#nowMs()
    const clearMs = Math.max(nowMs, this.#clearMs.get(address) ?? 0) + EVERY_MS
    this.#clearMs.delete(address)
    for (const [other, atMs] of this.#clearMs) if (atMs <= nowMs) this.#clearMs.delete(other)
    const [oldest] = this.#clearMs.keys()
    if (this.#clearMs.size >= ADDRESSES_MAX && oldest !== undefined) this.#clearMs.delete(oldest)
    this.#clearMs.set(address, clearMs)
  }
}
