import { withTown } from './report-town.ts'

const IDLE_MS = 20_000
const MIB = 2 ** 20

export interface TownCost {
  readonly size: number
  /** Of a core, the simulator's own work included. */
  readonly cpuShare: number
  readonly heapMib: number
}

/** What whole peers cost that have nothing to do. */
export function peersAt(size: number): Promise<TownCost> {
  return withTown({ size, seed: size }, async ({ world }) => {
    await world.sleep(IDLE_MS)
    const before = process.cpuUsage()
    await world.sleep(IDLE_MS)
    const { user, system } = process.cpuUsage(before)
    return {
      size,
      cpuShare: (user + system) / 1000 / IDLE_MS / size,
      heapMib: process.memoryUsage().heapUsed / size / MIB,
    }
  })
}
