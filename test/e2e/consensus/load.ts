/**
 * A client of the map in a process of its own, so that it can be put into a namespace: asks peers over
 * HTTP, at a steady pace, and prints each operation as a line of JSON when it has returned. Times are
 * those of the machine's monotonic clock, the same for all processes. Ends when its input does.
 */
import { findAccess } from '../../../src/gateway/local-access.ts'
import type { Action, Outcome } from '../../sim/linearizability/history.ts'

export interface LoadOptions {
  readonly client: string
  /** Data directories of the peers it may ask; the first is preferred, the others stand in. */
  readonly directories: readonly string[]
  readonly perSecond: number
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

const WORKERS = 16
/** An operation that is not done by then has failed. */
const PATIENCE_MS = 5_000
const AGAIN_MS = 30
/** Keys change this often, so that no history of one gets long. */
const KEYS_FOR_MS = 4_000
const KEYS = 6
/** They say themselves that nothing was done, or nothing was reached that could do it. */
const refusals = ['NO_QUORUM', 'BUSY', 'GROUP_UNKNOWN', 'CLOSED', 'MAP_FULL']

const options = JSON.parse(process.argv[2] ?? '{}') as LoadOptions
const { client, directories, perSecond } = options
const over = new AbortController()
let turn = 0
let written = 0

const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6
const pause = (ms: number): Promise<void> => new Promise(done => void setTimeout(done, ms))
const say = (line: LoadLine): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

process.stdin.resume()
process.stdin.once('end', () => over.abort())

async function work(worker: number): Promise<void> {
  const everyMs = (1_000 * WORKERS) / perSecond
  await pause((everyMs * worker) / WORKERS)
  for (let next = nowMs(); !over.signal.aborted; next += everyMs) {
    await pause(Math.max(0, next - nowMs()))
    await operate(`${client}.${worker}`)
    next = Math.max(next, nowMs() - everyMs)
  }
}

/** Tries one operation until it is done, with whoever answers. */
async function operate(name: string): Promise<void> {
  const calledAt = nowMs()
  const action = someAction(name)
  const key = `${Math.floor(Date.now() / KEYS_FOR_MS)}/${Math.floor(Math.random() * KEYS)}`
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

function someAction(name: string): Action {
  const chance = Math.random()
  if (chance < 0.4) return { type: 'get' }
  const value = `${name}.${++written}`
  if (chance < 0.8) return { type: 'put', value }
  return { type: 'cas', expected: { revision: 0 }, value }
}

async function attempt(name: string, key: string, action: Action): Promise<boolean> {
  const calledAt = nowMs()
  const { outcome, error } = await ask(key, action)
  const told = { client: name, key, action, calledAt, returnedAt: nowMs(), outcome }
  say({ type: 'attempt', ...told, ...(error !== undefined && { error }) })
  return outcome.type === 'written' || outcome.type === 'found'
}

async function ask(key: string, action: Action): Promise<{ outcome: Outcome; error?: string }> {
  const directory = directories[turn % directories.length] ?? ''
  let access: Awaited<ReturnType<typeof findAccess>>
  try {
    access = await findAccess(directory)
  } catch (error) {
    return { outcome: { type: 'refused' }, error: String(error) }
  }
  try {
    const response = await fetch(new URL(`/api/v1/kv/${action.type}`, access.url), {
      method: 'POST',
      headers: { authorization: `Bearer ${access.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(bodyOf(key, action)),
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    const body = (await response.json()) as Record<string, unknown>
    if (response.ok) return { outcome: outcomeOf(action, body) }
    const { code, message } = body['error'] as { code: string; message: string }
    const type = refusals.includes(code) || action.type === 'get' ? 'refused' : 'unknown'
    return { outcome: { type }, error: `${code}: ${message}` }
  } catch (error) {
    const cause = (error as { cause?: { code?: string } }).cause?.code
    const type = cause === 'ECONNREFUSED' ? 'refused' : 'unknown'
    return { outcome: { type }, error: `${String(error)} ${cause ?? ''}` }
  }
}

const encode = (text: string): string => Buffer.from(text).toString('base64')
const decode = (text: string): string => Buffer.from(text, 'base64').toString()

function bodyOf(key: string, action: Action): Record<string, unknown> {
  const deadlineMs = PATIENCE_MS - 1_000
  if (action.type === 'get' || action.type === 'delete') return { key, deadlineMs }
  const value = encode(action.value ?? '')
  return action.type === 'put'
    ? { key, value, deadlineMs }
    : { key, value, ifAbsent: true, deadlineMs }
}

interface Entry {
  readonly value: string
  readonly revision: number
}

function outcomeOf(action: Action, body: Record<string, unknown>): Outcome {
  if (action.type === 'put' || body['isWritten'] === true) {
    return { type: 'written', revision: body['revision'] as number }
  }
  const entry = body['entry'] as Entry | null
  if (entry === null) return { type: 'found', value: undefined }
  return { type: 'found', value: decode(entry.value), revision: entry.revision }
}

await Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)))
