import { setTimeout as sleep } from 'node:timers/promises'

import type { Fleet } from '../network/fleet.ts'

const CLIENTS_EACH = 4
const BEFORE_MS = 1_000
const STOPPED_MS = 10_000
const AFTER_MS = 2_000

export interface Worst {
  readonly name: string
  readonly worstMs: number
  readonly p99Ms: number
  readonly count: number
  readonly failed: number
}

/**
 * Clients at work while the last peer is stopped (SIGSTOP) and let go again: nobody knows at first
 * that it stands still. What a request waits for it shows in the worst of them.
 */
export async function worstWhileStopped(
  fleet: Fleet,
  calls: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<readonly Worst[]> {
  const peer = fleet.children.at(-1)
  const ended = new AbortController()
  const rows = Object.entries(calls).map(async ([name, call]) => {
    const tookMs: number[] = []
    let failed = 0
    const client = async (): Promise<void> => {
      while (!ended.signal.aborted) {
        const start = performance.now()
        await call().catch(() => failed++)
        tookMs.push(performance.now() - start)
      }
    }
    await Promise.all(Array.from({ length: CLIENTS_EACH }, client))
    const sorted = tookMs.toSorted((a, b) => a - b)
    const p99Ms = sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN
    return { name, worstMs: sorted.at(-1) ?? Number.NaN, p99Ms, count: sorted.length, failed }
  })
  await sleep(BEFORE_MS)
  peer?.kill('SIGSTOP')
  await sleep(STOPPED_MS)
  peer?.kill('SIGCONT')
  await sleep(AFTER_MS)
  ended.abort()
  return Promise.all(rows)
}
