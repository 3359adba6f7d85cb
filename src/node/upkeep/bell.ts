/** Lets loops sleep until there is something to do. A ring that nobody waits for is remembered. */
export class Bell {
  #rung = false
  readonly #waiting = new Set<() => void>()

  ring(): void {
    this.#rung = this.#waiting.size === 0
    for (const wake of this.#waiting) wake()
  }

  /** @throws the signal's reason */
  wait(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#rung) {
      this.#rung = false
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#waiting.delete(wake)
        signal.removeEventListener('abort', abort)
      }
      const wake = (): void => {
        end()
        resolve()
      }
      const abort = (): void => {
        end()
        reject(signal.reason)
      }
      this.#waiting.add(wake)
      signal.addEventListener('abort', abort, { once: true })
    })
  }
}
