import type { Random } from '../../../src/base/environment.ts'
import type { House, Town } from '../town.ts'

export interface BlowsOptions {
  readonly town: Town
  readonly random: Random
  /** How many peers may be struck at once: what a majority bears. */
  readonly atOnceMax: number
  readonly everyMs: number
  readonly counts: { crashes: number; pauses: number; cuts: number; jumps: number }
}

const UP_MS = 60_000

/**
 * What strikes servers that agree, and store next to nothing: processes are killed, power fails,
 * processes hang, wires are cut; and any clock may be set, also of servers that go on.
 */
export class Blows {
  readonly #options: BlowsOptions
  readonly #struck = new Set<House>()
  #isOver = false

  constructor(options: BlowsOptions) {
    this.#options = options
  }

  async run(): Promise<void> {
    const { town, random, atOnceMax, everyMs, counts } = this.#options
    const underWay = new Set<Promise<void>>()
    while (!this.#isOver) {
      await town.world.sleep(random.exponential(everyMs))
      const house = random.pick([...town.houses.values()])
      if (random.chance(0.3)) {
        house.machine.peer.clock.jump(random.pick([-60_000, -500, 500, 60_000]))
        counts.jumps++
      }
      if (this.#isOver || this.#struck.size >= atOnceMax || this.#struck.has(house)) continue
      this.#struck.add(house)
      const blow = this.#strike(house).finally(() => {
        this.#struck.delete(house)
        underWay.delete(blow)
      })
      underWay.add(blow)
    }
    await Promise.all(underWay)
  }

  stop(): void {
    this.#isOver = true
  }

  #strike(house: House): Promise<void> {
    const kind = this.#options.random.below(6)
    if (kind < 2) return this.#crash(house, 'process')
    if (kind < 3) return this.#crash(house, 'power')
    return kind < 5 ? this.#hang(house) : this.#cutOff(house)
  }

  async #crash(house: House, ending: 'process' | 'power'): Promise<void> {
    const { town, random, counts } = this.#options
    counts.crashes++
    town.crash(house, ending)
    await town.world.sleep(random.pick([100, 2_000, 6_000]))
    town.start(house)
    // Not back before it serves again.
    await town.until(UP_MS, () => house.node !== undefined)
  }

  async #hang(house: House): Promise<void> {
    const { town, random, counts } = this.#options
    counts.pauses++
    house.machine.peer.pause()
    await town.world.sleep(random.pick([300, 2_000, 6_000]))
    house.machine.peer.resume()
    await town.world.sleep(1_000)
  }

  async #cutOff(house: House): Promise<void> {
    const { town, random, counts } = this.#options
    const { network } = town.world
    const others = [...town.houses.keys()].filter(name => name !== house.name)
    counts.cuts++
    network.partition([house.name], others)
    await town.world.sleep(random.pick([500, 5_000]))
    for (const other of others) {
      network.link(house.name, other).isCut = false
      network.link(other, house.name).isCut = false
    }
    await town.world.sleep(1_000)
  }
}
