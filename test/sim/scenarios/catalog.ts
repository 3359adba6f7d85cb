import { playCopyAcross, Split } from '../../catalog/split.ts'
import { playCopiedPart, playLocks, playNullVersions } from '../../catalog/stories.ts'
import { Twins } from '../../catalog/twins.ts'
import type { Scenario } from '../scenario.ts'

/**
 * Random commands, good and bad, upon a catalog and a naive model of it, and upon a catalog whole and
 * the same one in ranges that split and merge. They must agree on every result, list and row.
 */
export const catalogScenario: Scenario = {
  name: 'catalog',
  minutes: 1,
  play: async (world, minutes) => {
    const random = world.random.fork('catalog')
    const twins = new Twins(random.u32())
    twins.play(Math.ceil(150 * minutes))
    const split = new Split(random.u32())
    split.playAll(Math.ceil(4 * minutes))
    for (const play of [playCopyAcross, playLocks, playNullVersions, playCopiedPart]) play()
    world.note('catalog', `${twins.host.store.size} rows, ${split.whole.store.size} rows`)
    return { commands: twins.host.log.length + split.parts.log.length }
  },
}
