import type { Random } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import type { HoldfastNode } from '../../../src/node/create-node.ts'
import { checkHistory } from '../linearizability/checker.ts'
import { HistoryRecorder } from '../linearizability/history.ts'
import { BUCKET, Client, readWhole } from '../network/clients.ts'
import { NO_TROUBLES, Troubles } from '../network/troubles.ts'
import { demand, type Scenario } from '../scenario.ts'
import { type House, Town } from '../town.ts'
import type { World } from '../world.ts'

/**
 * Whole peers, as `createNode` makes them, store objects of all sizes for clients, while processes
 * die and hang, power fails, wires are cut and slow, disks rot, fill up, are slow and are lost, peers
 * come and are drained, and ranges split. What clients see is linearizable, and never anything but
 * what was written. Once all is mended, every segment has all its fragments again, all
 * peers tell the same, and any m peers may then go at once without an object becoming unreadable.
 */
export const networkScenario: Scenario = {
  name: 'network',
  minutes: 0.5,
  play: (world, minutes) => new NetworkRun(world).play(minutes * 60_000),
}

const KEYS = ['a', 'b/1', 'b/2', 'c', 'd/e/f', 'ü']
const GRACE_MS = 5_000
/** Of the invite: more peers than ever come. */
const USES = 100
/** To come up, to find each other, to have voters. */
const SETTLED_MS = 60_000
/** For those to be replaced that have burnt, one after the other, in every group. */
const VOTERS_MS = 240_000
/** For all fragments to be whole again once nothing is wrong any more. */
const WHOLE_MS = 120_000

class NetworkRun {
  readonly #world: World
  readonly #random: Random
  readonly #town: Town
  readonly #recorder = new HistoryRecorder()
  readonly #size: number
  /** How many peers may be gone at once: the scheme would bear as many, or more. */
  readonly #bears: number
  readonly #counts = {
    puts: 0,
    gets: 0,
    failed: 0,
    unknown: 0,
    bytes: 0,
    objects: 0,
    ...NO_TROUBLES,
  }
  #lastNumber = 0
  #lastHouse = 0
  #token = ''

  constructor(world: World) {
    this.#world = world
    this.#random = world.random.fork('network scenario')
    this.#town = new Town(world)
    this.#size = this.#random.pick([3, 4, 5, 6, 7])
    this.#bears = Math.floor(votersOf(this.#size) / 2)
    const { defaults } = world.network
    Object.assign(defaults, {
      latencyMs: this.#random.pick([0.2, 1, 5]),
      jitterMs: this.#random.pick([0, 0.5, 5]),
      loss: this.#random.pick([0, 0, 0.02]),
      bytesPerMs: this.#random.pick([10_000, 125_000]),
    })
  }

  async play(durationMs: number): Promise<Record<string, number>> {
    await this.#settle()
    const sizes = this.#random.pick([
      [0, 1, 4_096],
      [1, 4_097, 65_520, 70_000],
      [0, 4_096, 4_097, 200_000, 300_001],
    ])
    const counts = this.#counts
    const next = (): number => ++this.#lastNumber
    const clients = Array.from(
      { length: this.#random.pick([1, 2, 4]) },
      (_, at) =>
        new Client(`c${at}`, {
          town: this.#town,
          random: this.#random.fork(`client ${at}`),
          recorder: this.#recorder,
          keys: KEYS,
          sizes,
          next,
          counts,
        }),
    )
    const everyMs = this.#random.pick([1_000, 2_000, 6_000])
    const random = this.#random.fork('troubles')
    const atOnceMax = this.#bears
    const troubles = new Troubles({
      town: this.#town,
      random,
      atOnceMax,
      everyMs,
      keys: KEYS,
      build: () => this.#build(),
      isWhole: async () => (await this.#whatIsMissing()) === '' && (await this.#hasVoters()),
      counts,
    })
    const work = [...clients, troubles].map(each => this.#minded(each.run()))
    await this.#world.sleep(durationMs)
    for (const each of [...clients, troubles]) each.stop()
    await Promise.all(work)
    await this.#mend()
    await this.#check()
    return this.#counts
  }

  /** What goes wrong in one of many ends the run. */
  #minded(work: Promise<void>): Promise<void> {
    return work.catch((error: unknown) => this.#world.fail(error))
  }

  async #settle(): Promise<void> {
    const town = this.#town
    const founder = this.#build()
    demand(await town.until(SETTLED_MS, () => founder.node !== undefined), 'the founder is up')
    this.#token = await (founder.node as HoldfastNode).invite({ uses: USES })
    while (town.houses.size < this.#size) this.#build()
    const areUp = await town.until(SETTLED_MS, () => town.nodes.length === this.#size)
    demand(areUp, `${town.nodes.length} of ${this.#size} are up`)
    demand(await town.until(SETTLED_MS, () => this.#hasVoters()), 'the groups have voters')
    await (town.nodes[0] as HoldfastNode).createBucket(BUCKET)
  }

  #build(): House {
    const name = `p${this.#lastHouse++}`
    const join = name === 'p0' ? {} : { join: () => this.#token }
    return this.#town.add(name, { node: { profile: 'fast', repairGraceMs: GRACE_MS }, ...join })
  }

  /** Every group has as many as it is to have, and nobody who is gone. */
  async #hasVoters(): Promise<boolean> {
    const [node] = this.#town.nodes
    const wanted = votersOf(this.#town.houses.size)
    const groups = (await node?.groups()) ?? []
    const { houses } = this.#town
    const isWhole = groups.map(({ members }) => {
      const voters = members.filter(({ role }) => role !== 'learner')
      return voters.length >= wanted && voters.every(({ peer }) => houses.has(peer))
    })
    return groups.length >= 2 && isWhole.every(Boolean)
  }

  async #mend(): Promise<void> {
    const { network } = this.#world
    Object.assign(network.defaults, { loss: 0 })
    network.heal()
    for (const house of this.#town.houses.values()) {
      demand(house.failure === undefined, `${house.name} failed: ${String(house.failure)}`)
      house.machine.peer.resume()
      if (!house.machine.peer.isRunning) this.#town.start(house)
    }
    const { houses } = this.#town
    const areUp = await this.#town.until(SETTLED_MS, () => this.#town.nodes.length === houses.size)
    demand(areUp, 'everybody comes back')
    let why = ''
    const isWhole = await this.#town.until(WHOLE_MS, async () => {
      why = await this.#whatIsMissing(this.#bears)
      return why === ''
    })
    demand(isWhole, `not whole within ${WHOLE_MS} ms: ${why}`)
    demand(
      await this.#town.until(VOTERS_MS, () => this.#hasVoters()),
      'the groups have voters again',
    )
  }

  /**
   * Says what keeps the network from being whole; empty if nothing does. What was written while few
   * were there has to bear as much as the others, in the end.
   */
  async #whatIsMissing(bears = 0): Promise<string> {
    try {
      for (const key of KEYS) {
        const node = this.#random.pick(this.#town.nodes)
        const placement = await node.placement({ bucket: BUCKET, key })
        for (const { segment, margin, m } of placement.segments) {
          const wanted = Math.max(m, bears)
          if (margin < wanted) return `segment ${segment} of ${key} can lose ${margin} of ${wanted}`
        }
      }
      return ''
    } catch (error) {
      const code = codeOf(error)
      if (code === 'NO_SUCH_KEY') return ''
      if (code === undefined) throw error
      return `${code}: ${String(error)}`
    }
  }

  async #check(): Promise<void> {
    const verdict = checkHistory(this.#recorder.operations)
    demand(verdict.type !== 'violated', verdict.type === 'violated' ? verdict.explanation.text : '')
    const before = await this.#readAll(this.#town.nodes)
    this.#counts.objects += [...before.values()].filter(name => name !== undefined).length
    await this.#loseSome(before)
  }

  /** What every key holds, the same whomever one asks. */
  async #readAll(nodes: readonly HoldfastNode[]): Promise<Map<string, string | undefined>> {
    const found = new Map<string, string | undefined>()
    for (const key of KEYS) {
      const names = await Promise.all(nodes.map(node => readWhole(node, key)))
      const [name] = names
      demand(
        names.every(each => each === name),
        `${key} is ${names.join(' and ')}`,
      )
      found.set(key, name)
    }
    return found
  }

  /** As many as the network bears lose their power at once; all is there, a second later at most. */
  async #loseSome(before: ReadonlyMap<string, string | undefined>): Promise<void> {
    const houses = this.#random.shuffle([...this.#town.houses.values()]).slice(0, this.#bears)
    for (const house of houses) this.#town.crash(house, 'power')
    const node = this.#random.pick(this.#town.nodes)
    for (const key of KEYS) {
      const name = await this.#readSoon(node, key)
      demand(name === before.get(key), `${key} was ${before.get(key)} and is ${name} after a loss`)
    }
  }

  async #readSoon(node: HoldfastNode, key: string): Promise<string | undefined> {
    const startMs = this.#world.nowMs
    const name = await readWhole(node, key)
    const tookMs = this.#world.nowMs - startMs
    demand(tookMs <= 3_000, `reading ${key} took ${tookMs} ms`)
    return name
  }
}

/** How many voters a network of this size has. */
const votersOf = (peers: number): number => (peers < 5 ? 3 : 5)
