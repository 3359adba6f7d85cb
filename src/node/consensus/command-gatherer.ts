import type { Timers } from '../../base/environment.ts'
import { BATCH_BYTES_MAX, BATCH_COMMANDS_MAX, type Outcome } from './command-batch.ts'

export interface GatheredOptions {
  readonly deadlineMs: number
  /** Aborts when nobody waits any more. */
  readonly signal: AbortSignal
}

export interface CommandGathererOptions {
  readonly timers: Timers
  /** Runs something once this turn's work is done. */
  readonly afterTurn: (work: () => void) => void
  /** Has commands done; each has its outcome, in their order. If it rejects, that is all of theirs. */
  readonly run: (
    commands: readonly Uint8Array[],
    options: GatheredOptions,
  ) => Promise<readonly Outcome[]>
  /** How a command ends that is given up for lack of time; it may be done. */
  readonly late: (deadlineMs: number) => Error
}

interface Waiting {
  readonly command: Uint8Array
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
  readonly resolve: (result: Uint8Array) => void
  readonly reject: (error: unknown) => void
}

/**
 * Commands that are given in one turn go on together: many clients then cost little more than one.
 * Each has its own end: its outcome, its deadline if that is shorter than the others', or its signal.
 */
export class CommandGatherer {
  readonly #options: CommandGathererOptions
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #isScheduled = false

  constructor(options: CommandGathererOptions) {
    this.#options = options
  }

  add(
    command: Uint8Array,
    { deadlineMs, signal }: { deadlineMs: number; signal?: AbortSignal | undefined },
  ): Promise<Uint8Array> {
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error)
    const isFull =
      this.#waiting.length >= BATCH_COMMANDS_MAX ||
      (this.#waiting.length > 0 && this.#waitingBytes + command.length > BATCH_BYTES_MAX)
    if (isFull) this.#send()
    return new Promise((resolve, reject) => {
      this.#waiting.push({ command, deadlineMs, signal, resolve, reject })
      this.#waitingBytes += command.length
      if (this.#isScheduled) return
      this.#isScheduled = true
      this.#options.afterTurn(() => {
        this.#isScheduled = false
        this.#send()
      })
    })
  }

  #send(): void {
    const waiting = this.#waiting
    if (waiting.length === 0) return
    this.#waiting = []
    this.#waitingBytes = 0
    const deadlineMs = waiting.reduce((most, each) => Math.max(most, each.deadlineMs), 0)
    const controller = new AbortController()
    const leave = this.#watch(waiting, deadlineMs, controller)
    const { signal } = controller
    const commands = waiting.map(({ command }) => command)
    this.#options.run(commands, { deadlineMs, signal }).then(
      outcomes => {
        leave()
        for (const [at, { resolve, reject }] of waiting.entries()) {
          const outcome = outcomes[at]
          if (outcome !== undefined && 'result' in outcome) resolve(outcome.result)
          else reject(outcome?.error)
        }
      },
      (error: unknown) => {
        leave()
        for (const { reject } of waiting) reject(error)
      },
    )
  }

  /** Sees to those who give up before the others; returns how to stop that. */
  #watch(waiting: readonly Waiting[], deadlineMs: number, controller: AbortController): () => void {
    const { timers, late } = this.#options
    const ends: (() => void)[] = []
    let left = waiting.length
    const giveUp = ({ reject }: Waiting, error: unknown): void => {
      reject(error)
      if (--left === 0) controller.abort(error)
    }
    for (const each of waiting) {
      const { signal } = each
      if (each.deadlineMs < deadlineMs) {
        const timer = timers.after(each.deadlineMs, () => giveUp(each, late(each.deadlineMs)))
        ends.push(() => timer.cancel())
      }
      if (signal === undefined) continue
      const abort = (): void => giveUp(each, signal.reason)
      signal.addEventListener('abort', abort, { once: true })
      ends.push(() => signal.removeEventListener('abort', abort))
    }
    return () => {
      for (const end of ends) end()
    }
  }
}
