import { playDrivers } from '../membership/drivers-run.ts'
import { stories } from '../membership/stories.ts'
import type { Scenario } from '../scenario.ts'
import type { World } from '../world.ts'

/**
 * Who is alive, and does everybody agree? Two kinds of runs:
 * - A handful of peers with drivers, disks and bytes in the whole simulated world, under its mix of
 *   faults.
 * - Many cores in the lean swarm, each run one story: crashes, slow nodes, loss, cuts, partitions,
 *   join storms, restarts, lies. Now and then with a thousand peers.
 */
export const membershipScenario: Scenario = {
  name: 'membership',
  minutes: 2,
  play: (world, minutes) =>
    !isLarge(world) && world.random.fork('kind').chance(0.3)
      ? playDrivers(world, minutes * 60_000)
      : playStory(world),
}

const SIZES = [4, 5, 8, 20, 20, 50, 100]
/** One run of so many is with a thousand peers. */
const LARGE_EVERY = 64
const LARGE = 1_000
/** What a thousand peers can play in seconds. */
const largeStories = ['crash', 'clocks', 'shortPause', 'farewell', 'liar'] as const

const isLarge = ({ seed }: World): boolean => seed % LARGE_EVERY === 0

async function playStory(world: World): Promise<Record<string, number>> {
  const random = world.random.fork('story')
  const name = random.pick(isLarge(world) ? largeStories : Object.keys(stories))
  const size = isLarge(world) ? LARGE : random.pick(SIZES)
  const profile = random.pick(['lan', 'lan', 'fast'] as const)
  world.note('swarm', `${name} of ${size}, ${profile}`)
  const watched = stories[name]?.({ seed: world.seed, size, random, profile })
  if (watched === undefined) throw new Error(`no story ${name}`)
  watched.convergence()
  watched.demandQuiet()
  for (const { atMs, observer, kind, subject } of watched.sightings) {
    world.note(String(observer.index), `${kind} ${subject.index} at ${atMs}`)
  }
  // The swarm has a clock of its own; the world's catches up.
  await world.sleep(watched.swarm.nowMs)
  return { [name]: 1, messages: watched.messages, sightings: watched.sightings.length }
}
