/** A client of the map, over HTTP: see `pacing.ts`. */
import { findAccess } from '../../../src/gateway/local-access.ts'
import type { Action, Outcome } from '../../sim/linearizability/history.ts'
import { keepAsking, loadOptions, PATIENCE_MS, type Told } from './pacing.ts'

/** They say themselves that nothing was done, or nothing was reached that could do it. */
const refusals = ['NO_QUORUM', 'BUSY', 'GROUP_UNKNOWN', 'CLOSED', 'MAP_FULL']

function someAction(_: string, fresh: () => string): Action {
  const chance = Math.random()
  if (chance < 0.4) return { type: 'get' }
  const value = fresh()
  if (chance < 0.8) return { type: 'put', value }
  return { type: 'cas', expected: { revision: 0 }, value }
}

async function ask(directory: string, key: string, action: Action): Promise<Told> {
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

await keepAsking(loadOptions(), { someAction, ask })
