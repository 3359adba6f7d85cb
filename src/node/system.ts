import { randomBytes } from 'node:crypto'
import { uptime } from 'node:os'

import type { Clock, Random, Timers } from '../base/environment.ts'
import { Prng } from '../base/prng.ts'

/** The machine's own clocks. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
}

/**
 * How long this machine has slept, give or take a constant: the uptime counts sleep, the monotonic
 * clock does not.
 */
export const asleepMs = (): number => uptime() * 1000 - performance.now()

/** Node's timers. A pending one keeps the process alive. */
export const systemTimers: Timers = {
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return { cancel: () => clearTimeout(timer) }
  },
}

/** Chance that differs from run to run. Not for secrets. */
export const systemRandom = (): Random => new Prng(randomBytes(6).readUIntLE(0, 6))
