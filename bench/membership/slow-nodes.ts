import { type Profile, profiles } from '../../src/membership/profile.ts'
import { type Block, LeanSwarm } from '../../test/sim/membership/lean-swarm.ts'

/** Plain SWIM as it is usually deployed: nothing of Lifeguard. */
export const plainSwim: Profile = {
  ...profiles.lan,
  suspicionAlpha: 5,
  suspicionBeta: 1,
  healthMax: 0,
  tellsSuspects: false,
  ripeShare: -1,
}

export interface SlowNodes {
  readonly deaths: number
  /** Of peers that were never slow. */
  readonly falseDeaths: number
  readonly messages: number
}

const SIZE = 100
const SETTLE_MS = 20_000
const WORKLOAD_MS = 120_000
const SLOW = [1, 4, 16]
const BLOCKED_MS = [2_000, 8_000, 32_000]
const RUNNING_MS = [1, 1_000]

/** The workload of the Lifeguard paper: some peers stand still and run in turns, for two minutes. */
export function playSlowNodes(profile: Profile, kind: Block, isQuick: boolean): SlowNodes {
  const total = { deaths: 0, falseDeaths: 0, messages: 0 }
  let seed = 0
  for (const slow of isQuick ? SLOW.slice(0, 1) : SLOW) {
    for (const blockedMs of BLOCKED_MS) {
      for (const runningMs of RUNNING_MS) {
        const swarm: LeanSwarm = new LeanSwarm({
          size: SIZE,
          seed: ++seed,
          profile,
          onChange: (_, change) => {
            if (change.kind !== 'DEAD') return
            total.deaths++
            if (swarm.nodeOf(change.peer).index >= slow) total.falseDeaths++
          },
        })
        swarm.startAcquainted()
        swarm.advance(SETTLE_MS)
        for (const node of swarm.nodes.slice(0, slow)) {
          const block = (): void => {
            swarm.blockFor(node, kind, blockedMs)
            swarm.at(blockedMs + runningMs, block)
          }
          // Not all at the same moment.
          swarm.at(swarm.random.float() * (blockedMs + runningMs), block)
        }
        swarm.advance(WORKLOAD_MS)
        for (const node of swarm.nodes) total.messages += node.sentMessages
      }
    }
  }
  return total
}
