import type { Random } from '../../src/base/environment.ts'
import type { DriveFaults } from './sim-drive.ts'
import type { Link } from './sim-fabric.ts'

/**
 * What one seed's world is like. Every run draws its own mix: some faults are absent, some rare,
 * some constant, for a bug that needs long quiet hides in a storm and the other way round.
 */
export interface Swarm {
  readonly drive: { readonly callMs: number; readonly syncMs: number }
  readonly faults: Partial<DriveFaults>
  readonly link: Partial<Link>
  readonly clock: { readonly skewMs: number; readonly driftPpm: number }
  /** Mean time between crashes of a peer, and how long it stays away. */
  readonly crashEveryMs: number
  readonly downMs: number
  /** Share of crashes that are power cuts. */
  readonly powerShare: number
  /** Share of crashes, and of other moments, at which something has rotted. */
  readonly rotShare: number
}

export function drawSwarm(random: Random): Swarm {
  const rate = (...rates: number[]): number => (random.chance(0.5) ? 0 : random.pick(rates))
  return {
    drive: { callMs: random.pick([0.005, 0.02, 0.1]), syncMs: random.pick([0.1, 0.5, 4, 20]) },
    faults: {
      shortWrite: rate(0.01, 0.2, 0.5),
      writeError: rate(0.001, 0.02),
      readError: rate(0.001, 0.02),
      callError: rate(0.001, 0.02),
      syncError: rate(0.001, 0.02),
      syncSlow: rate(0.01, 0.1),
    },
    link: {
      latencyMs: random.pick([0.2, 1, 10, 50]),
      jitterMs: random.pick([0, 0.5, 5, 40]),
      loss: rate(0.02, 0.1, 0.25),
      duplicate: rate(0.05, 0.2),
      reorder: rate(0.01, 0.1),
      bytesPerMs: random.pick([100, 10_000, 125_000]),
    },
    clock: { skewMs: rate(-500, 200, 60_000), driftPpm: rate(-100, 50, 300) },
    crashEveryMs: random.pick([100, 500, 2_000, 10_000]),
    downMs: random.pick([5, 50, 500]),
    powerShare: random.pick([0, 0.5, 1]),
    rotShare: rate(0.1, 0.5, 1),
  }
}
