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

  /**
   * @param totalBytes if it is known
   * @param skippedBytes of `bytes`, what was there before it began: it says nothing of the rate
   */
  update(bytes: number, totalBytes?: number, skippedBytes = 0): void {
    const nowMs = this.#nowMs()
    const isTerminal = this.#output?.isTTY === true
    if (nowMs - this.#shownMs < (isTerminal ? REDRAW_MS : LINE_MS)) return
    this.#shownMs = nowMs
    const rate = (bytes - skippedBytes) / ((nowMs - this.#startMs) / 1000)
    const text = this.#describe(bytes, totalBytes, rate)
    this.#output?.write(isTerminal ? `\r${text}\u001B[K` : `${text}\n`)
    this.#isDrawn = isTerminal
  }

  /** Removes the bar, so that something else can be written. */
  clear(): void {
    if (this.#isDrawn) this.#output?.write('\r\u001B[K')
    this.#isDrawn = false
  }

  /** @param rate in bytes a second */
  #describe(bytes: number, totalBytes: number | undefined, rate: number): string {
    const speed = `${formatBytes(Math.max(0, rate))}/s`
    if (totalBytes === undefined || totalBytes < bytes)
      return `${this.#label}  ${formatBytes(bytes)}  ${speed}`
    const share = totalBytes === 0 ? 1 : bytes / totalBytes
    const filled = Math.round(share * BAR_CELLS)
    const bar = `[${'#'.repeat(filled)}${'.'.repeat(BAR_CELLS - filled)}]`
    const left = rate > 0 ? `${formatDuration((totalBytes - bytes) / rate)} left` : 'stalled'
    const done = `${formatBytes(bytes)} of ${formatBytes(totalBytes)}`
    return `${this.#label} ${bar} ${Math.floor(share * 100)} %  ${done}  ${speed}  ${left}`
  }
}
