import type { Timers } from '../../base/environment.ts'
import { sleep } from '../../base/waiting.ts'
import { Bell } from './bell.ts'

/** Between two words about debts. */
const EVERY_MS = 1_000

/** Tells others that something is owed, not more often than they can do anything about it. */
export class DebtBell {
  readonly #timers: Timers
  readonly #tell: () => void
  readonly #bell = new Bell()

  constructor(timers: Timers, tell: () => void) {
    this.#timers = timers
    this.#tell = tell
  }

  ring(): void {
    this.#bell.ring()
  }

  async run(signal: AbortSignal): Promise<never> {
    for (;;) {
      await this.#bell.wait(signal)
      this.#tell()
      await sleep(this.#timers, EVERY_MS, signal)
    }
  }
}
