import { setTimeout as sleep } from 'node:timers/promises'

import { codeOf, type Failure } from '../base/errors.ts'

const ATTEMPTS_MAX = 6
const PAUSE_MS = 250

/** What may be better in a moment, and may safely be done twice. */
const passing: readonly Failure['code'][] = [
  'BUSY',
  'NO_QUORUM',
  'NOT_LEADER',
  'GROUP_UNKNOWN',
  'OUTCOME_UNKNOWN',
  'RANGE_FROZEN',
  'TIMEOUT',
  'TOO_FEW_FRAGMENTS',
  'TOO_FEW_PEERS',
  'WRITE_EXPIRED',
]

/** Tries again what may well succeed a moment later, with pauses that double: 8 s in all. */
export async function retrying<Result>(
  signal: AbortSignal,
  attempt: () => Promise<Result>,
): Promise<Result> {
  for (let count = 1; ; count++) {
    try {
      return await attempt()
    } catch (error) {
      const code = codeOf(error)
      if (code === undefined || !passing.includes(code) || count === ATTEMPTS_MAX) throw error
      await sleep(PAUSE_MS * 2 ** (count - 1), undefined, { signal })
    }
  }
}

/**
 * Works on items as they come, so many at a time. The first failure stops it: no more is begun, what
 * is under way is called off, and then it is thrown.
 */
export async function inParallel<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  limit: number,
  signal: AbortSignal,
  work: (item: Item, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failure = new AbortController()
  const both = AbortSignal.any([signal, failure.signal])
  const running = new Set<Promise<void>>()
  const begin = (item: Item): void => {
    const done = work(item, both)
      .catch((error: unknown) => failure.abort(error))
      .finally(() => running.delete(done))
    running.add(done)
  }
  try {
    for await (const item of items) {
      if (both.aborted) break
      begin(item)
      if (running.size >= limit) await Promise.race(running)
    }
  } catch (error) {
    failure.abort(error)
  }
  await Promise.all(running)
  both.throwIfAborted()
}
