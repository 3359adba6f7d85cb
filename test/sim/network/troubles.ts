import type { Random } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import type { HoldfastNode } from '../../../src/node/create-node.ts'
import type { House, Town } from '../town.ts'
import { BUCKET } from './clients.ts'

export interface TroublesOptions {
  readonly town: Town
  readonly random: Random
  /** How many peers may be in trouble at once: what the scheme and the voters bear. */
  readonly atOnceMax: number
  readonly everyMs: number
  readonly keys: readonly string[]
  /** Builds one more house, and starts its peer. */
  readonly build: () => House
  /** Whether every segment has all its fragments. */
  readonly isWhole: () => Promise<boolean>
  readonly counts: Record<TroubleName, number>
}

const troubleNames = [
  'crashes',
  'pauses',
  'cuts',
  'slow',
  'wipes',
  'rot',
  'full',
  'slowDisks',
  'growth',
  'drains',
  'splits',
] as const
export type TroubleName = (typeof troubleNames)[number]
export const NO_TROUBLES: Readonly<Record<TroubleName, number>> = Object.fromEntries(
  troubleNames.map(name => [name, 0]),
) as Record<TroubleName, number>

const LINK_LATENCY_MS = 200
const PEERS_MAX = 9
const SPLITS_MAX = 3
/** What is left on a drive that fills up. */
const LEFT_BYTES = 150_000
const UP_MS = 60_000
const WHOLE_MS = 120_000
const SERVING_MS = 30_000

/**
 * What befalls a town: processes are killed, power fails, processes hang, wires are cut or slow, disks
 * rot, fill up, are slow or lost with all that was on them; peers come, are drained, ranges split.
 * Never more peers at once than the network claims to bear, and each is given time to come back before
 * the next one's turn; what is lost for good, until all is whole again.
 */
export class Troubles {
  readonly #options: TroublesOptions
  readonly #struck = new Set<House>()
  #isOver = false
  /** Something was lost for good, and is not whole again yet. */
  #hasLoss = false

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
    const { random } = this.#options
    const troubles: Record<TroubleName, () => Promise<void>> = {
      crashes: () => this.#crash(house, random.pick(['process', 'process', 'power'])),
      pauses: () => this.#hang(house),
      cuts: () => this.#cutOff(house),
      slow: () => this.#slowDown(house),
      wipes: () => this.#lose(() => this.#wipe(house)),
      rot: () => this.#lose(() => this.#rot(house)),
      full: () => this.#fill(house),
      slowDisks: () => this.#slowDisk(house),
      growth: () => this.#grow(),
      drains: () => this.#drain(house),
      splits: () => this.#split(house),
    }
    const common = ['crashes', 'crashes', 'pauses', 'cuts'] as const
    return troubles[random.pick([...troubleNames, ...common])]()
  }

  async #crash(house: House, ending: 'process' | 'power'): Promise<void> {
    const { town, random } = this.#options
    if (!house.machine.peer.isRunning) return
    this.#options.counts.crashes++
    town.crash(house, ending)
    await town.world.sleep(random.pick([100, 2_000, 12_000]))
    await this.#restart(house)
  }

  /** Not back before it serves again. */
  async #restart(house: House): Promise<void> {
    const { town } = this.#options
    town.start(house)
    await town.until(SERVING_MS, () => house.node !== undefined)
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
    const { town, random, counts } = this.#options
    counts.slow++
    const links = [...town.houses.keys()]
      .filter(name => name !== house.name)
      .map(other => town.world.network.link(house.name, other))
    const before = links.map(({ latencyMs }) => latencyMs)
    for (const link of links) link.latencyMs = LINK_LATENCY_MS
    await town.world.sleep(random.pick([2_000, 10_000]))
    for (const [at, link] of links.entries()) link.latencyMs = before[at] ?? link.latencyMs
  }

  /** One loss at a time, and nothing else meanwhile that the rest could not bear. */
  async #lose(lose: () => Promise<boolean>): Promise<void> {
    const { town, isWhole } = this.#options
    if (this.#hasLoss || this.#struck.size > 1) return
    this.#hasLoss = true
    // Of what is not whole no more may be lost.
    if ((await isWhole()) && (await lose())) await town.until(WHOLE_MS, isWhole)
    this.#hasLoss = false
  }

  /** The machine burns; another one takes its place, under a name of its own. */
  async #wipe(house: House): Promise<boolean> {
    const { town, build, counts } = this.#options
    const [founder] = town.houses.values()
    if (house === founder || founder?.node === undefined) return false
    counts.wipes++
    town.crash(house, 'power')
    house.machine.loseDisk()
    town.houses.delete(house.name)
    await tried(founder.node.ban(house.name))
    const successor = build()
    await town.until(UP_MS, () => successor.node !== undefined)
    return true
  }

  /** Bytes rot under a peer; when it is started the next time it reads what it has. */
  async #rot(house: House): Promise<boolean> {
    const { town, random, counts } = this.#options
    const { drive } = house.machine.peer
    const files = drive
      .files()
      .filter(({ path, sizeBytes }) => path.includes('/frag/') && sizeBytes > 0)
    if (files.length === 0) return false
    counts.rot++
    for (const { path, sizeBytes } of files.slice(0, 1 + random.below(files.length)))
      drive.flipBit(path, random.below(sizeBytes), random.below(8))
    await town.world.sleep(random.pick([0, 3_000]))
    if (house.machine.peer.isRunning) town.crash(house, 'process')
    await this.#restart(house)
    // Reading all of it takes a moment, and being mended.
    await town.world.sleep(10_000)
    return true
  }

  async #fill(house: House): Promise<void> {
    const { town, random, counts } = this.#options
    const { drive } = house.machine.peer
    counts.full++
    drive.capacityBytes = drive.usedBytes + random.below(LEFT_BYTES)
    await town.world.sleep(random.pick([2_000, 10_000]))
    drive.capacityBytes = Number.POSITIVE_INFINITY
    await town.world.sleep(5_000)
  }

  async #slowDisk(house: House): Promise<void> {
    const { town, random, counts } = this.#options
    const { faults } = house.machine.peer.drive
    counts.slowDisks++
    faults.syncSlow = random.pick([0.1, 0.5])
    await town.world.sleep(random.pick([2_000, 10_000]))
    faults.syncSlow = 0
  }

  async #grow(): Promise<void> {
    const { town, build, counts } = this.#options
    if (town.houses.size >= PEERS_MAX) return
    counts.growth++
    const house = build()
    await town.until(UP_MS, () => house.node !== undefined)
  }

  async #drain(house: House): Promise<void> {
    const { town, random, counts } = this.#options
    const node = this.#anyNode()
    if (node === undefined) return
    counts.drains++
    await tried(node.drain(house.name))
    await town.world.sleep(random.pick([1_000, 10_000]))
    await tried(node.undrain(house.name))
  }

  async #split(house: House): Promise<void> {
    const { random, keys, counts } = this.#options
    if (house.node === undefined || counts.splits >= SPLITS_MAX) return
    counts.splits++
    await tried(house.node.splitRange({ bucket: BUCKET, key: random.pick(keys) }))
  }

  #anyNode(): HoldfastNode | undefined {
    const { nodes } = this.#options.town
    return nodes.length === 0 ? undefined : this.#options.random.pick(nodes)
  }
}

/** What may fail while much else is wrong; no failure but an expected one is forgiven. */
async function tried(call: Promise<unknown>): Promise<void> {
  try {
    await call
  } catch (error) {
    if (codeOf(error) === undefined) throw error
  }
}
