import { busy } from './fragment-errors.ts'

/** How many of something may be under way at once. */
export class Limiter {
  readonly #what: string
  readonly #limit: number
  #count = 0

  constructor(what: string, limit: number) {
    this.#what = what
    this.#limit = limit
  }

  /**
   * Counts one more; returns how to count it off again, once.
   * @throws {HoldfastError} `BUSY`
   */
  enter(): () => void {
    if (this.#count >= this.#limit) throw busy(this.#what, this.#limit)
    this.#count++
    return () => {
      this.#count--
    }
  }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    const leave = this.enter()
    try {
      return await work()
    } finally {
      leave()
    }
  }
}
