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
 * Runs `work` with a signal that aborts after `ms` with `TIMEOUT`, or when `signal` does. At that
 * moment it rejects with the signal's reason, whatever `work` makes of it; under a signal that has
 * aborted already `work` does not even start. Leaves no timer and no listener behind.
 */
export async function withDeadline<Result>(
  timers: Timers,
  { ms, what, signal }: { ms: number; what: string; signal?: AbortSignal | undefined },
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  signal?.throwIfAborted()
  const controller = new AbortController()
  const abort = (): void => controller.abort(signal?.reason)
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
    // Listens before `work` can, so that its own echo of the abort comes second.
    const cut = aborted(controller.signal)
    return await Promise.race([cut, work(controller.signal)])
  } finally {
    timer.cancel()
    signal?.removeEventListener('abort', abort)
  }
}

/** Rejects with the reason of a signal that has yet to abort; never resolves. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/**
 * The outcome of `promise`, or the signal's reason as soon as it aborts; what `promise` comes to
 * after that nobody learns. Leaves no listener behind.
 */
export function abortable<Result>(
  promise: Promise<Result>,
  signal: AbortSignal | undefined,
): Promise<Result> {
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason)
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
