import { formatBytes } from './format.ts'
import { Progress } from './progress.ts'

/** What every command that moves bytes takes and shows. */
export interface TransferFlags {
  readonly data: string
  readonly quiet?: boolean
  readonly json?: boolean
}

/** How far a transfer of one or many files has come, and what became of it. */
export class Transfer {
  readonly #progress: Progress
  readonly #startMs = performance.now()
  #moved = 0
  #skipped = 0
  #total: number | undefined
  files = 0

  constructor(label: string, { quiet, json }: TransferFlags) {
    const isShown = quiet !== true && json !== true
    this.#progress = new Progress(label, isShown ? process.stderr : undefined)
  }

  /** Undefined: nobody knows how much there is. */
  set total(bytes: number | undefined) {
    this.#total = bytes
  }

  readonly add = (bytes: number): void => {
    this.#moved += bytes
    this.#progress.update(this.#moved + this.#skipped, this.#total, this.#skipped)
  }

  readonly skip = (bytes: number): void => {
    this.#skipped += bytes
  }

  /** Removes the bar; resolves nothing, so it may be called often. */
  clear(): void {
    this.#progress.clear()
  }

  /** `52.4 MB in 1.20 s, 43.7 MB/s`, and what was there before. */
  describe(): string {
    const seconds = (performance.now() - this.#startMs) / 1000
    const rate = formatBytes(this.#moved / Math.max(seconds, 0.001))
    const before = this.#skipped === 0 ? '' : `, ${formatBytes(this.#skipped)} were there already`
    return `${formatBytes(this.#moved + this.#skipped)} in ${seconds.toFixed(2)} s, ${rate}/s${before}`
  }
}

/** What could not be done among many, told as it happens; the first decides how it all ends. */
export class Failures {
  #first: unknown
  count = 0

  /** @param what could not be done, with what */
  add(what: string, error: unknown): void {
    this.#first ??= error
    this.count++
    console.error(`holdfast: ${what}: ${error instanceof Error ? error.message : String(error)}`)
  }

  /** @throws the first of them, with how many there are */
  throwIfAny(): void {
    if (this.count > 0) throw new SomeFailed(this.count, this.#first)
  }
}

/** Some of many could not be done; each was told already. */
export class SomeFailed extends Error {
  override readonly name = 'SomeFailed'

  constructor(count: number, first: unknown) {
    super(`${count} could not be done`, { cause: first })
  }
}
