import type { Timers } from './environment.ts'
import { HoldfastError } from './errors.ts'

/** Resolves after `ms`, or rejects with the signal's reason as soon as it aborts. */
export function sleep(timers: Timers, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason)
      return
    }
    const abort = (): void => {
      timer.cancel()
      reject(signal?.reason)
    }
    const timer = timers.after(ms, () => {
      signal?.removeEventListener('abort', abort)
      resolve()
    })
    signal?.addEventListener('abort', abort, { once: true })
  })
}

/**
 * Runs `work` with a signal that aborts after `ms` with `TIMEOUT`, or when `signal` does. Settles
 * at that moment at the latest, even if `work` ignores its signal.
 */
export async function withDeadline<Result>(
  timers: Timers,
  { ms, what, signal }: { ms: number; what: string; signal?: AbortSignal | undefined },
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController()
  const abort = (): void => controller.abort(signal?.reason)
  if (signal?.aborted === true) abort()
  signal?.addEventListener('abort', abort, { once: true })
  const timer = timers.after(ms, () =>
    controller.abort(
      new HoldfastError(`Cannot wait for ${what}: no answer within ${ms} ms`, {
        code: 'TIMEOUT',
        what,
        afterMs: ms,
      }),
    ),
  )
  try {
    return await Promise.race([work(controller.signal), aborted(controller.signal)])
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', abort)
  }
}

/** Rejects with the signal's reason when it aborts; never resolves. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
