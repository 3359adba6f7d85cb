import { AssertionError } from './assert.ts'
import { HoldfastError } from './errors.ts'

/** A background loop that threw although nobody had asked it to stop, or a bug in one. */
export interface TaskFailure {
  readonly task: string
  readonly error: unknown
}

export interface TasksOptions {
  /** Told of every failure, once each. Must not throw. */
  readonly onFailure: (failure: TaskFailure) => void
  /** How many tasks may run at once. @default 1024 */
  readonly limit?: number
}

/**
 * Owner of background loops: each has a name and an `AbortSignal`, each failure is seen, and `stop`
 * returns only when all have ended. A task that returns by itself is simply done; what a task
 * throws after it was told to stop is the echo of the abort and not a failure, unless it is a
 * broken invariant.
 */
export class Tasks {
  readonly #onFailure: (failure: TaskFailure) => void
  readonly #limit: number
  readonly #controller = new AbortController()
  readonly #running = new Map<Promise<void>, string>()

  constructor({ onFailure, limit = 1024 }: TasksOptions) {
    this.#onFailure = onFailure
    this.#limit = limit
  }

  /** Aborted by `stop`. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Names of the tasks that still run, oldest first. */
  get running(): readonly string[] {
    return [...this.#running.values()]
  }

  /**
   * Runs a loop until it returns, throws, or heeds its signal.
   * @throws {HoldfastError} `CLOSED` after `stop`, `BUSY` at the limit.
   */
  start(name: string, run: (signal: AbortSignal) => Promise<void>): void {
    if (this.signal.aborted) {
      throw new HoldfastError(`Cannot start ${name}: tasks are stopped`, {
        code: 'CLOSED',
        what: 'tasks',
      })
    }
    if (this.#running.size >= this.#limit) {
      throw new HoldfastError(`Cannot start ${name}: ${this.#limit} tasks run already`, {
        code: 'BUSY',
        what: 'tasks',
        limit: this.#limit,
      })
    }
    const task = this.#guard(name, run)
    this.#running.set(task, name)
    void task.then(() => this.#running.delete(task))
  }

  /**
   * Tells every task to stop and waits for the last of them, so a task must not wait for it. Safe
   * to call twice; the first reason counts.
   */
  async stop(reason: string = 'stopped'): Promise<void> {
    this.#controller.abort(new HoldfastError(reason, { code: 'CLOSED', what: 'tasks' }))
    while (this.#running.size > 0) await Promise.all(this.#running.keys())
  }

  async #guard(name: string, run: (signal: AbortSignal) => Promise<void>): Promise<void> {
    try {
      await run(this.signal)
    } catch (error) {
      if (!this.signal.aborted || error instanceof AssertionError) {
        this.#onFailure({ task: name, error })
      }
    }
  }
}
