import type { World } from './world.ts'

/** A story that the world plays: who is there, what befalls them, and what must hold. */
export interface Scenario {
  readonly name: string
  /** Virtual minutes of one run unless told otherwise. */
  readonly minutes: number
  /** Plays one run; throws when something that must hold does not. Returns what it counted. */
  play(world: World, minutes: number): Promise<Record<string, number>>
}

/** Something that must hold did not. */
export class Violation extends Error {
  override readonly name = 'Violation'
}

export function demand(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Violation(message)
}
