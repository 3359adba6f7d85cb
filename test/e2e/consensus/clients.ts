import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

import { checkHistory, type Verdict } from '../../sim/linearizability/checker.ts'
import type { Operation } from '../../sim/linearizability/history.ts'
import type { LoadLine, LoadOptions } from './pacing.ts'

/** What clients have seen, judged. */
export interface Testimony {
  readonly operations: number
  readonly attempts: number
  readonly perSecond: number
  /** Of the operations that began while the majority was healthy. */
  readonly doneShare: number
  /** The longest time in which none was done. */
  readonly gapMs: number
  readonly unknown: number
  readonly verdict: Verdict
  /** What was said instead of answers, and how often. */
  readonly errors: ReadonlyMap<string, number>
}

/** Client processes, each preferring one peer. */
export class Clients {
  readonly #children: ChildProcess[] = []
  readonly #lines: LoadLine[] = []
  readonly #startMs = performance.now()
  #trouble = ''

  /** @param script what the process runs; the clients of the map by default */
  start(
    options: LoadOptions,
    wrapper: readonly string[] = [],
    script: string = join(import.meta.dirname, 'load.ts'),
  ): void {
    const args = [process.execPath, '--conditions=source', script, JSON.stringify(options)]
    const [command, ...rest] = [...wrapper, ...args] as [string, ...string[]]
    const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'pipe'] })
    let held = ''
    child.stdout?.on('data', (text: Buffer) => {
      const lines = `${held}${String(text)}`.split('\n')
      held = lines.pop() ?? ''
      for (const line of lines) this.#lines.push(JSON.parse(line) as LoadLine)
    })
    child.stderr?.on('data', (text: Buffer) => (this.#trouble += String(text)))
    this.#children.push(child)
  }

  /** Ends the clients and judges what they saw. */
  async stop(): Promise<Testimony> {
    const elapsedMs = performance.now() - this.#startMs
    await Promise.all(
      this.#children.map(async child => {
        child.stdin?.end()
        if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
      }),
    )
    if (this.#trouble !== '') throw new Error(`a client failed: ${this.#trouble}`)
    return judge(this.#lines, elapsedMs)
  }

  kill(): void {
    for (const child of this.#children) child.kill('SIGKILL')
  }
}

function judge(lines: readonly LoadLine[], elapsedMs: number): Testimony {
  const attempts = lines.flatMap(line => (line.type === 'attempt' ? [line] : []))
  const results = lines.flatMap(line => (line.type === 'result' ? [line] : []))
  const history: Operation[] = attempts.map(({ outcome, returnedAt, ...rest }) => ({
    ...rest,
    outcome,
    returnedAt: outcome.type === 'unknown' ? Infinity : returnedAt,
  }))
  const done = results.filter(({ isDone }) => isDone)
  const errors = new Map<string, number>()
  for (const { error } of attempts) {
    if (error !== undefined) errors.set(error, (errors.get(error) ?? 0) + 1)
  }
  return {
    operations: results.length,
    attempts: attempts.length,
    perSecond: (done.length * 1_000) / elapsedMs,
    doneShare: done.length / results.length,
    gapMs: longestGap(done.map(({ returnedAt }) => returnedAt)),
    unknown: history.filter(({ outcome }) => outcome.type === 'unknown').length,
    verdict: checkHistory(history),
    errors,
  }
}

function longestGap(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted.reduce((gap, at, index) => Math.max(gap, at - (sorted[index - 1] ?? at)), 0)
}
