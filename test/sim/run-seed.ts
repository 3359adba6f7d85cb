import { setImmediate as nextTurn } from 'node:timers/promises'

import { guardAgainstLeaks } from './leak-guard.ts'
import type { Scenario } from './scenario.ts'
import { World } from './world.ts'

export interface SeedResult {
  readonly seed: number
  readonly hash: string
  readonly virtualMs: number
  readonly events: number
  readonly counts: Record<string, number>
  /** Why the run failed, with the last events; undefined if all held. */
  readonly failure: { readonly message: string; readonly tail: readonly string[] } | undefined
}

/** Plays a scenario once, under guard. */
export async function runSeed(
  scenario: Scenario,
  seed: number,
  minutes: number = scenario.minutes,
): Promise<SeedResult> {
  const world = new World(seed)
  let counts: Record<string, number> = {}
  let failure: SeedResult['failure']
  const fail = (error: unknown): void => {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    failure ??= { message, tail: [...world.trace.tail] }
  }
  const lowerGuard = guardAgainstLeaks()
  process.on('unhandledRejection', fail)
  try {
    counts = await world.play(() => scenario.play(world, minutes))
  } catch (error) {
    fail(error)
  }
  try {
    lowerGuard()
  } catch (error) {
    fail(error)
  }
  // Rejections that nobody handled are told only when the queue of ticks has run dry.
  await nextTurn()
  process.off('unhandledRejection', fail)
  world.note('world', `chance ${world.random.u32()}`)
  return {
    seed,
    hash: world.trace.digest(),
    virtualMs: world.nowMs,
    events: world.events,
    counts,
    failure,
  }
}
