import type { Random } from '../../../src/base/environment.ts'
import type { House, Town } from '../town.ts'

export interface TroublesOptions {
  readonly town: Town
  readonly random: Random
  /** How many peers may be in trouble at once: what the scheme and the voters bear. */
  readonly atOnceMax: number
  readonly everyMs: number
  readonly counts: { crashes: number; wipes: number; pauses: number; cuts: number; rot: number }
}

const LINK_LATENCY_MS = 200

/**
 * What befalls a town: processes are killed, power fails, processes hang, wires are cut or slow, disks
 * rot and fill up. Never more peers at once than the network claims to bear, and each is given time to
 * come back before the next one's turn, unless it stays away for good.
 */
export class Troubles {
  readonly #options: TroublesOptions
  readonly #struck = new Set<House>()
  #isOver = false

  constructor(options: TroublesOptions) {
    this.#options = options
  }

  async run(): Promise<void> {
    const { town, random, atOnceMax, everyMs } = this.#options
    const underWay = new Set<Promise<void>>()
    while (!this.#isOver) {
      await town.world.sleep(random.exponential(everyMs))
      const spared = [...town.houses.values()].filter(house => !this.#struck.has(house))
      if (this.#isOver || this.#struck.size >= atOnceMax || spared.length === 0) continue
      const house = random.pick(spared)
      this.#struck.add(house)
      const trouble = this.#befall(house).finally(() => {
        this.#struck.delete(house)
        underWay.delete(trouble)
      })
      underWay.add(trouble)
    }
    await Promise.all(underWay)
  }

  stop(): void {
    this.#isOver = true
  }

  #befall(house: House): Promise<void> {
    const kind = this.#options.random.below(7)
    if (kind < 2) return this.#crash(house, 'process')
    if (kind < 3) return this.#crash(house, 'power')
    if (kind < 5) return this.#hang(house)
    if (kind < 6) return this.#cutOff(house)
    return this.#slowDown(house)
  }

  async #crash(house: House, ending: 'process' | 'power'): Promise<void> {
    const { town, random, counts } = this.#options
    counts.crashes++
    if (!house.machine.peer.isRunning) return
    town.crash(house, ending)
    await town.world.sleep(random.pick([100, 2_000, 12_000]))
    town.start(house)
    // Not back before it serves again.
    await town.until(30_000, () => house.node !== undefined)
  }

  async #hang(house: House): Promise<void> {
    const { town, random, counts } = this.#options
    counts.pauses++
    house.machine.peer.pause()
    await town.world.sleep(random.pick([300, 3_000, 12_000]))
    house.machine.peer.resume()
    await town.world.sleep(2_000)
  }

  async #cutOff(house: House): Promise<void> {
    const { town, random, counts } = this.#options
    const { network } = town.world
    const others = [...town.houses.keys()].filter(name => name !== house.name)
    counts.cuts++
    if (random.chance(0.5)) network.partition([house.name], others)
    else for (const other of others) network.cut(house.name, other)
    await town.world.sleep(random.pick([500, 5_000, 15_000]))
    for (const other of others) {
      network.link(house.name, other).isCut = false
      network.link(other, house.name).isCut = false
    }
    await town.world.sleep(5_000)
  }

  async #slowDown(house: House): Promise<void> {
    const { town, random } = this.#options
    const links = [...town.houses.keys()]
      .filter(name => name !== house.name)
      .map(other => town.world.network.link(house.name, other))
    const before = links.map(({ latencyMs }) => latencyMs)
    for (const link of links) link.latencyMs = LINK_LATENCY_MS
    await town.world.sleep(random.pick([2_000, 10_000]))
    for (const [at, link] of links.entries()) link.latencyMs = before[at] ?? link.latencyMs
  }
}
