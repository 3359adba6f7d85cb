import type { HoldfastNode } from '../../src/node/create-node.ts'
import { Town } from '../../test/sim/town.ts'
import { World } from '../../test/sim/world.ts'

export const BUCKET = 'report'
/** To come up, to find each other, to have voters. */
const SETTLED_MS = 60_000
/** Simulated drives have no end, of which no share can be kept back. */
const ROOM_BYTES = 10e9
/** A switch in one room, a gigabit. */
const LINK = { latencyMs: 0.2, jitterMs: 0.2, loss: 0, bytesPerMs: 125_000 } as const

export interface ReportTown {
  readonly world: World
  readonly town: Town
}

/** Whole peers at work in a simulated world, with all the voters they are to have, and a bucket. */
export async function withTown<Result>(
  {
    size,
    seed,
    graceMs,
  }: { readonly size: number; readonly seed: number; readonly graceMs?: number },
  story: (scene: ReportTown) => Promise<Result>,
): Promise<Result> {
  const world = new World(seed)
  Object.assign(world.network.defaults, LINK)
  const town = new Town(world)
  return world.play(async () => {
    const node = {
      capacityBytes: ROOM_BYTES,
      ...(graceMs !== undefined && { repairGraceMs: graceMs }),
    }
    const founder = town.add('p0', { node })
    await must(town, () => founder.node !== undefined, 'the founder is up')
    const token = await (founder.node as HoldfastNode).invite({ uses: size })
    for (let at = 1; at < size; at++) town.add(`p${at}`, { node, join: () => token })
    await must(town, () => town.nodes.length === size, 'all are up')
    await must(town, () => hasVoters(town, size), 'the groups have voters')
    await (founder.node as HoldfastNode).createBucket(BUCKET)
    return story({ world, town })
  })
}

const votersOf = (size: number): number => (size < 3 ? 1 : size < 5 ? 3 : 5)

async function hasVoters(town: Town, size: number): Promise<boolean> {
  const groups = (await town.nodes[0]?.groups()) ?? []
  return (
    groups.length >= 2 &&
    groups.every(
      ({ members }) => members.filter(({ role }) => role !== 'learner').length >= votersOf(size),
    )
  )
}

async function must(
  town: Town,
  holds: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  if (!(await town.until(SETTLED_MS, holds))) throw new Error(`not in time: ${what}`)
}
