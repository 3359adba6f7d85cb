import { Network } from '../../placement/network.ts'
import type { Scenario } from '../scenario.ts'

/**
 * Peers come, go, fail and are drained while a planner repairs what they held. Nothing is listed that
 * was not proven, nothing is placed twice on one peer, and in the end nothing is missing.
 */
export const placementScenario: Scenario = {
  name: 'placement',
  minutes: 1,
  play: async (world, minutes) => {
    const network = new Network(world.random.fork('placement').u32(), 10)
    network.playChaos(Math.ceil(15 * minutes))
    world.note('placement', `${network.nowMs} ${network.log.length}`)
    return { built: network.count('build'), placed: network.count('place') }
  },
}
