import { createNodeOn } from '../../src/node/create-node-on.ts'
import type { HoldfastNode } from '../../src/node/create-node.ts'
import type { NodeOptions } from '../../src/node/node-options.ts'
import { SimMachine } from './sim-machine.ts'
import type { SimPeerOptions } from './sim-peer.ts'
import type { World } from './world.ts'

/** A house of the town: a machine, and the peer on it while its process runs. */
export interface House {
  readonly name: string
  readonly machine: SimMachine
  /** Undefined while the process does not run, or is not yet at work. */
  node: HoldfastNode | undefined
  /** Why the process ended, if it did so by itself. */
  failure: unknown
}

export interface HouseOptions {
  readonly machine?: Pick<SimPeerOptions, 'clock' | 'drive'>
  readonly node?: Partial<Omit<NodeOptions, 'dataDirectory' | 'name' | 'join'>>
  /** The invite, while the disk has no network yet; the founder has none. */
  readonly join?: () => string
}

/** Whole peers in the simulated world, by name. */
export class Town {
  readonly world: World
  readonly houses: Map<string, House> = new Map()

  constructor(world: World) {
    this.world = world
  }

  /** Builds a house and starts its peer. */
  add(name: string, options: HouseOptions = {}): House {
    const house: House = {
      name,
      machine: new SimMachine(this.world, name, {
        ...options.machine,
        program: async machine => {
          const settings = { dataDirectory: '/home', name, join: options.join?.(), ...options.node }
          await live(house, createNodeOn(machine, settings))
        },
      }),
      node: undefined,
      failure: undefined,
    }
    this.houses.set(name, house)
    this.start(house)
    return house
  }

  start(house: House): void {
    house.failure = undefined
    house.machine.peer.start(error => {
      house.node = undefined
      house.failure = error
    })
  }

  crash(house: House, ending: 'process' | 'power'): void {
    house.node = undefined
    house.machine.crash(ending)
  }

  /** Peers at work. */
  get nodes(): readonly HoldfastNode[] {
    return [...this.houses.values()].flatMap(({ node }) => (node === undefined ? [] : [node]))
  }

  /** Lets time pass until it holds; false if it does not within `ms`. */
  async until(ms: number, holds: () => boolean | Promise<boolean>): Promise<boolean> {
    const endMs = this.world.nowMs + ms
    while (!(await holds())) {
      if (this.world.nowMs >= endMs) return false
      await this.world.sleep(100)
    }
    return true
  }
}

/** The process: starts the peer and goes on until the peer cannot. */
async function live(house: House, node: HoldfastNode): Promise<void> {
  const ended = Promise.withResolvers<void>()
  node.onEvent(event => {
    if (event.type === 'failed') ended.reject(event.error)
  })
  await node.start()
  house.node = node
  await ended.promise
}
