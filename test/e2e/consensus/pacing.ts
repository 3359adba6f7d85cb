import type { Action, Outcome } from '../../sim/linearizability/history.ts'

/**
 * A client in a process of its own, so that it can be put into a namespace: asks peers at a steady
 * pace, and prints each attempt as a line of JSON when it has returned. Times are those of the
 * machine's monotonic clock, the same for all processes. Ends when its input does.
 */
export interface LoadOptions {
  readonly client: string
  /** Data directories of the peers it may ask; the first is preferred, the others stand in. */
  readonly directories: readonly string[]
  readonly perSecond: number
  /** Operations under way at once. @default 16 */
  readonly workers?: number
  /** For clients that sign. */
  readonly key?: { readonly id: string; readonly secret: string } | undefined
}

export interface Attempt {
  readonly client: string
  readonly key: string
  readonly action: Action
  readonly calledAt: number
  readonly returnedAt: number
  readonly outcome: Outcome
  /** What was said instead of an answer. */
  readonly error?: string
}

/** A line of output: an attempt, or what came of all attempts of an operation. */
export type LoadLine =
  | ({ readonly type: 'attempt' } & Attempt)
  | {
      readonly type: 'result'
      readonly isDone: boolean
      readonly calledAt: number
      readonly returnedAt: number
    }

/** What came of an attempt, and what was said if that was no answer. */
export interface Told {
  readonly outcome: Outcome
  readonly error?: string
  /** It was answered, though the answer says nothing about the history. */
  readonly isAnswer?: boolean
}

export interface Asking {
  /** What a worker tries next; `fresh` is a value that nobody has written before. */
  readonly someAction: (key: string, fresh: () => string) => Action
  /** Asks the peer whose data lie there. */
  readonly ask: (directory: string, key: string, action: Action) => Promise<Told>
}

/** An operation that is not done by then has failed. */
export const PATIENCE_MS = 5_000
const WORKERS = 16
const AGAIN_MS = 30
/** Keys change this often, so that no history of one gets long. */
const KEYS_FOR_MS = 4_000
const KEYS = 6

const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6
const pause = (ms: number): Promise<void> => new Promise(done => void setTimeout(done, ms))
const say = (line: LoadLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

export const loadOptions = (): LoadOptions => JSON.parse(process.argv[2] ?? '{}') as LoadOptions

/** Works until the input of this process ends. */
export async function keepAsking(options: LoadOptions, asking: Asking): Promise<void> {
  const { client, directories, perSecond, workers = WORKERS } = options
  const over = new AbortController()
  let turn = 0
  let written = 0
  process.stdin.resume()
  process.stdin.once('end', () => over.abort())

  const work = async (worker: number): Promise<void> => {
    const everyMs = (1_000 * workers) / perSecond
    await pause((everyMs * worker) / workers)
    for (let next = nowMs(); !over.signal.aborted; next += everyMs) {
      await pause(Math.max(0, next - nowMs()))
      await operate(`${client}.${worker}`)
      next = Math.max(next, nowMs() - everyMs)
    }
  }

  /** Tries one operation until it is done, with whoever answers. */
  const operate = async (name: string): Promise<void> => {
    const calledAt = nowMs()
    const key = `${Math.floor(Date.now() / KEYS_FOR_MS)}/${Math.floor(Math.random() * KEYS)}`
    const action = asking.someAction(key, () => `${name}.${++written}`)
    for (;;) {
      const isDone = await attempt(name, key, action)
      const returnedAt = nowMs()
      if (isDone || over.signal.aborted || returnedAt - calledAt > PATIENCE_MS) {
        if (isDone || !over.signal.aborted) say({ type: 'result', isDone, calledAt, returnedAt })
        return
      }
      turn++
      await pause(AGAIN_MS)
    }
  }

  const attempt = async (name: string, key: string, action: Action): Promise<boolean> => {
    const calledAt = nowMs()
    const directory = directories[turn % directories.length] ?? ''
    const { outcome, error, isAnswer = false } = await asking.ask(directory, key, action)
    const told = { client: name, key, action, calledAt, returnedAt: nowMs(), outcome }
    say({ type: 'attempt', ...told, ...(error !== undefined && { error }) })
    return isAnswer || outcome.type === 'written' || outcome.type === 'found'
  }

  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)))
}
