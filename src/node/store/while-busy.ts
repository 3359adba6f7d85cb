import type { Random, Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'

/** Pauses before a peer is asked again that has as much to do as it can take. */
const PAUSES_MS: readonly number[] = [10, 30, 90, 270]

/** Does it again, a little later, as long as the answer is `BUSY`; a few times. */
export async function whileBusy<Result>(
  { timers, random }: { readonly timers: Timers; readonly random: Random },
  signal: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result> {
  for (const pauseMs of PAUSES_MS) {
    try {
      return await work()
    } catch (error) {
      if (codeOf(error) !== 'BUSY') throw error
    }
    await sleep(timers, pauseMs * (0.5 + random.float()), signal)
  }
  return work()
}
