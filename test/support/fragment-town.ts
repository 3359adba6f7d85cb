import type { Environment } from '../../src/base/environment.ts'
import type { Coder } from '../../src/node/coder/coder.ts'
import { InlineCoder } from '../../src/node/coder/inline-coder.ts'
import { type Fragments, openFragments } from '../../src/node/fragments/open-fragments.ts'
import type { Finding } from '../../src/storage/fragment-health.ts'
import { SimKeyValueDrive } from '../sim/sim-key-value.ts'
import type { Ending, SimPeer } from '../sim/sim-peer.ts'
import { World } from '../sim/world.ts'

/** One peer of the town, as its latest process sees it. */
export interface Townsman {
  readonly name: string
  readonly machine: SimPeer
  readonly keys: SimKeyValueDrive
  readonly environment: Environment
  readonly fragments: Fragments
}

export interface TownOptions {
  readonly seed?: number
  readonly capacityBytes?: number
  /** What else a peer opens, before its name is in the town. */
  /** Told of what a peer's store finds. */
  readonly onFinding?: (name: string, finding: Finding) => void
  /** What a peer takes its environment for, where others see another. */
  readonly disguise?: (name: string, environment: Environment) => Environment
  readonly furnish?: (peer: Townsman, town: Town) => Promise<void>
}

/** Compiled once: it has no state that a test could see. */
const coding = InlineCoder.create()

/** Peers of a simulated world that hold fragments for each other. */
export class Town {
  readonly world: World
  readonly coder: Coder
  readonly #peers = new Map<string, Townsman>()
  readonly #options: TownOptions

  /** Lets `body` play in a world with these peers, all of them up. */
  static async play<Result>(
    names: readonly string[],
    body: (town: Town) => Promise<Result>,
    options: TownOptions = {},
  ): Promise<Result> {
    const town = new Town(new World(options.seed ?? 1), await coding, options)
    return town.world.play(async () => {
      for (const name of names) town.add(name)
      await town.until(() => names.every(name => town.#peers.has(name)))
      return body(town)
    })
  }

  constructor(world: World, coder: Coder, options: TownOptions) {
    this.world = world
    this.coder = coder
    this.#options = options
  }

  get names(): readonly string[] {
    return [...this.#peers.keys()]
  }

  peer(name: string): Townsman {
    const peer = this.#peers.get(name)
    if (peer === undefined) throw new Error(`${name} is not up`)
    return peer
  }

  add(name: string): void {
    const keys = new SimKeyValueDrive(this.world, `${name} keys`, {})
    const machine = this.world.addPeer(name, {
      program: async (environment, self) => {
        const fragments = await openFragments({
          environment: this.#options.disguise?.(name, environment) ?? environment,
          storage: { disk: environment.disk, keyValue: keys.open(self.receiver()) },
          coder: this.coder,
          networkId: new Uint8Array(32).fill(7),
          reserveBytes: 65_536,
          capacityBytes: this.#options.capacityBytes ?? 1 << 30,
          onFinding: finding => this.#options.onFinding?.(name, finding),
        })
        const peer = { name, machine, keys, environment, fragments }
        await this.#options.furnish?.(peer, this)
        this.#peers.set(name, peer)
        await new Promise<never>(() => undefined)
      },
    })
    machine.start()
  }

  /** Kills a peer's process; what its disk has stays, with the power what it has synced. */
  kill(name: string, ending: Ending = 'process'): void {
    const peer = this.#peers.get(name)
    peer?.machine.crash(ending)
    if (ending === 'power') peer?.keys.cutPower()
    this.#peers.delete(name)
  }

  async restart(name: string): Promise<void> {
    this.world.peers.get(name)?.start()
    await this.until(() => this.#peers.has(name))
  }

  async until(holds: () => boolean): Promise<void> {
    for (let looks = 0; !holds(); looks++) {
      if (looks > 100_000) throw new Error('the town waits in vain')
      await this.world.sleep(1)
    }
  }
}
