import { randomBytes } from 'node:crypto'

import type { Clock, Random, Timers } from '../base/environment.ts'
import { Prng } from '../base/prng.ts'

/** The machine's own clocks. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
}

/** Node's timers. A pending one keeps the process alive. */
export const systemTimers: Timers = {
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
}

/** Chance that differs from run to run. Not for secrets. */
export const systemRandom = (): Random => new Prng(randomBytes(6).readUIntLE(0, 6))
