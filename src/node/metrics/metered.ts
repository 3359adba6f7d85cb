import { codeOf } from '../../base/errors.ts'
import type { Metrics } from '../../base/metrics.ts'
import { operationErrors, operationSeconds } from './store-metrics.ts'

export interface Metering {
  readonly metrics: Metrics
  readonly nowMs: () => number
}

/** The same calls; those that answer with a promise are timed, and their failures counted. */
export function metered<Calls extends object>(calls: Calls, metering: Metering): Calls {
  const each = Object.entries(calls as Record<string, Call>).map(([name, call]) => [
    name,
    (...given: unknown[]) => {
      const startMs = metering.nowMs()
      const answer = call(...given)
      return answer instanceof Promise ? timed(answer, { name, given, startMs, metering }) : answer
    },
  ])
  return Object.fromEntries(each) as Calls
}

type Call = (...given: unknown[]) => unknown

interface Timing {
  readonly name: string
  readonly given: readonly unknown[]
  readonly startMs: number
  readonly metering: Metering
}

async function timed<Answer>(
  answer: Promise<Answer>,
  { name: operation, given, startMs, metering: { metrics, nowMs } }: Timing,
): Promise<Answer> {
  const end = (outcome: string): void =>
    metrics.observe(operationSeconds, { operation, outcome }, (nowMs() - startMs) / 1_000)
  try {
    const done = await answer
    end('done')
    return done
  } catch (error) {
    const isCalledOff = isAborted(given.at(-1))
    end(isCalledOff ? 'called off' : 'failed')
    if (!isCalledOff) metrics.add(operationErrors, { code: codeOf(error) ?? 'INTERNAL' })
    throw error
  }
}

const isAborted = (options: unknown): boolean =>
  (options as { readonly signal?: AbortSignal } | undefined)?.signal?.aborted === true
