import { createHash } from 'node:crypto'

const FLUSH_CHARACTERS = 65_536
const TAIL_LINES_MAX = 200

/**
 * What happened in a run, as a hash: two runs of a seed must agree on it. The last lines are kept
 * for the report of a failure.
 */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #tail: string[] = []
  #pending = ''
  #events = 0

  get events(): number {
    return this.#events
  }

  /** The last events, oldest first. */
  get tail(): readonly string[] {
    return this.#tail
  }

  add(nowMs: number, who: string, what: string): void {
    const line = `${nowMs} ${who} ${what}\n`
    this.#events++
    this.#pending += line
    if (this.#pending.length > FLUSH_CHARACTERS) this.#flush()
    this.#tail.push(line)
    if (this.#tail.length > TAIL_LINES_MAX * 2) this.#tail.splice(0, TAIL_LINES_MAX)
  }

  /** Ends the trace. */
  digest(): string {
    this.#flush()
    return this.#hash.digest('hex')
  }

  #flush(): void {
    this.#hash.update(this.#pending)
    this.#pending = ''
  }
}
