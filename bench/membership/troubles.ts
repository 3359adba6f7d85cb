import { profiles } from '../../src/membership/profile.ts'
import { LeanSwarm, type LeanNode } from '../../test/sim/membership/lean-swarm.ts'
import { WatchedSwarm } from '../../test/sim/membership/watched-swarm.ts'

const SETTLE_MS = 20_000
const HEAL_LIMIT_MS = 120_000

/** How long after a half/half cut is mended everybody knows that everybody lives, by seed. */
export function measureHealing(size: number, cutMs: number, seeds: number): number[] {
  return Array.from({ length: seeds }, (_, seed) => {
    const watched = new WatchedSwarm({ size, seed: seed + 1, profile: profiles.lan })
    const { swarm } = watched
    swarm.startAcquainted()
    swarm.advance(SETTLE_MS)
    const sideOf = ({ index }: LeanNode): boolean => index < size / 2
    swarm.isCut = (from, to) => sideOf(from) !== sideOf(to)
    swarm.advance(cutMs)
    swarm.isCut = undefined
    return watched.convergence(HEAL_LIMIT_MS)
  })
}

export interface LossResult {
  readonly loss: number
  readonly model: 'stream' | 'datagram'
  readonly nodeHours: number
  readonly falseDeaths: number
  readonly suspicions: number
}

/** Nobody dies; who is taken for dead all the same? */
export function measureLoss(
  loss: number,
  { model, nodeHours }: { model: 'stream' | 'datagram'; nodeHours: number },
): LossResult {
  const size = 100
  const result = { loss, model, nodeHours, falseDeaths: 0, suspicions: 0 }
  const swarm = new LeanSwarm({
    size,
    seed: 1,
    link: { loss, model },
    onChange: (_, { kind }) => {
      if (kind === 'DEAD') result.falseDeaths++
      if (kind === 'SUSPECT') result.suspicions++
    },
  })
  swarm.startAcquainted()
  swarm.advance((nodeHours / size) * 3_600_000)
  return result
}

/** How much faster than real time so many idle peers run, by the time the processor spent. */
export function measureSpeed(size: number, virtualMs: number): number {
  const swarm = new LeanSwarm({ size, seed: 1 })
  swarm.startAcquainted()
  swarm.advance(SETTLE_MS)
  const before = process.cpuUsage()
  swarm.advance(virtualMs)
  const { user, system } = process.cpuUsage(before)
  return (virtualMs * 1_000) / (user + system)
}
