import { formatBytes, formatDuration } from './format.ts'

const REDRAW_MS = 100
const LINE_MS = 10_000
const BAR_CELLS = 24

/** What progress is shown on: standard error, or a test. */
export interface ProgressOutput {
  readonly isTTY?: boolean
  write(text: string): unknown
}

/**
 * How far a command has come: a bar that is redrawn on a terminal, a line now and then elsewhere,
 * so that a log does not fill up.
 */
export class Progress {
  readonly #label: string
  readonly #output: ProgressOutput | undefined
  readonly #nowMs: () => number
  readonly #startMs: number
  #shownMs: number
  #isDrawn = false

  /** @param output undefined shows nothing */
  constructor(
    label: string,
    output: ProgressOutput | undefined = process.stderr,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#label = label
    this.#output = output
    this.#nowMs = nowMs
    this.#startMs = nowMs()
    this.#shownMs = this.#startMs
  }

  /** @param totalBytes if it is known */
  update(bytes: number, totalBytes?: number): void {
    const nowMs = this.#nowMs()
    const isTerminal = this.#output?.isTTY === true
    if (nowMs - this.#shownMs < (isTerminal ? REDRAW_MS : LINE_MS)) return
    this.#shownMs = nowMs
    const text = this.#describe(bytes, totalBytes, (nowMs - this.#startMs) / 1000)
    this.#output?.write(isTerminal ? `\r${text}\u001B[K` : `${text}\n`)
    this.#isDrawn = isTerminal
  }

  /** Removes the bar, so that something else can be written. */
  clear(): void {
    if (this.#isDrawn) this.#output?.write('\r\u001B[K')
    this.#isDrawn = false
  }

  #describe(bytes: number, totalBytes: number | undefined, seconds: number): string {
    const rate = `${formatBytes(bytes / seconds)}/s`
    if (totalBytes === undefined || totalBytes < bytes)
      return `${this.#label}  ${formatBytes(bytes)}  ${rate}`
    const share = totalBytes === 0 ? 1 : bytes / totalBytes
    const filled = Math.round(share * BAR_CELLS)
    const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}]`
    const left = formatDuration((seconds / share) * (1 - share))
    const done = `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`
    return `${this.#label} ${bar} ${Math.floor(share * 100)} %  ${done}  ${rate}  ${left} left`
  }
}
