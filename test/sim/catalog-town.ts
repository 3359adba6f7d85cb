import { codeOf } from '../../src/base/errors.ts'
import type { RaftOptions } from '../../src/consensus/raft-options.ts'
import type { RosterPeer } from '../../src/node/consensus/group-steward.ts'
import type { CompactionOptions } from '../../src/node/consensus/raft-group.ts'
import type { Machine } from '../../src/node/machine.ts'
import { type CatalogPeer, openCatalogNetwork, openCatalogPeer } from '../support/catalog-peer.ts'
import { Violation } from './scenario.ts'
import { SimMachine } from './sim-machine.ts'
import type { Ending, SimPeerOptions } from './sim-peer.ts'
import type { World } from './world.ts'

export interface CatalogTownOptions {
  readonly names: readonly string[]
  readonly raft?: Partial<RaftOptions>
  readonly compaction?: CompactionOptions
  readonly splitObjects?: number
  readonly machine?: Pick<SimPeerOptions, 'clock' | 'drive'>
}

/** A peer at work. */
export type Citizen = CatalogPeer

const RESTART_MS = 20
const DEAD_AFTER_MS = 1_000

/** Full members of one network, as far as agreement and the catalog go; `names[0]` founds it. */
export class CatalogTown {
  readonly world: World
  readonly machines: ReadonlyMap<string, SimMachine>
  readonly citizens: Map<string, Citizen> = new Map()
  readonly counts = { starts: 0, crashes: 0 }
  readonly #options: CatalogTownOptions
  readonly #sinceMs = new Map<string, number>()
  readonly #excluded = new Set<string>()
  #isMade = false

  constructor(world: World, options: CatalogTownOptions) {
    this.world = world
    this.#options = options
    this.machines = new Map(
      options.names.map(name => [
        name,
        new SimMachine(world, name, {
          ...options.machine,
          program: machine => this.#live(name, machine),
        }),
      ]),
    )
  }

  start(name: string): void {
    const machine = this.#machine(name)
    if (machine.peer.isRunning) return
    this.counts.starts++
    this.#sinceMs.set(name, this.world.nowMs)
    machine.peer.start(error => {
      this.citizens.delete(name)
      if (error === undefined) return
      if (error instanceof Violation || codeOf(error) === undefined) this.world.fail(error)
      else this.world.schedule(RESTART_MS, () => this.start(name))
    })
  }

  crash(name: string, ending: Ending): void {
    const machine = this.#machine(name)
    if (!machine.peer.isRunning) return
    this.counts.crashes++
    this.#sinceMs.set(name, this.world.nowMs)
    this.citizens.delete(name)
    machine.crash(ending)
  }

  loseDisk(name: string): void {
    this.crash(name, 'power')
    this.#machine(name).loseDisk()
  }

  /** The peer is not to vote any more, whatever it does. */
  exclude(name: string): void {
    this.#excluded.add(name)
  }

  citizen(name: string): Citizen {
    const citizen = this.citizens.get(name)
    if (citizen === undefined) throw new Error(`${name} does not run`)
    return citizen
  }

  /** Whoever leads a group. */
  leaderOf(group: number): Citizen | undefined {
    return [...this.citizens.values()].find(({ node }) => node.group(group)?.role === 'leader')
  }

  async until(
    what: string,
    withinMs: number,
    holds: () => boolean | Promise<boolean>,
  ): Promise<void> {
    const endMs = this.world.nowMs + withinMs
    while (!(await holds())) {
      if (this.world.nowMs >= endMs) {
        throw new Violation(`not within ${withinMs} ms: ${what}\n${this.picture()}`)
      }
      await this.world.sleep(50)
    }
  }

  picture(): string {
    return [...this.citizens.values()]
      .map(({ name, node }) => {
        const groups = node.groups.map(group => `  ${group.group}: ${group.describe()}`)
        return [`${name} damaged ${node.damaged.join(' ')}`, ...groups].join('\n')
      })
      .join('\n')
  }

  #machine(name: string): SimMachine {
    return this.machines.get(name) as SimMachine
  }

  async #live(name: string, machine: Machine): Promise<void> {
    const home = await machine.openHome('/home')
    const network = await openCatalogNetwork(machine, home)
    const { names, raft = {}, compaction = {}, splitObjects } = this.#options
    const { promise: failure, reject } = Promise.withResolvers<never>()
    const peer = await openCatalogPeer(
      machine,
      { home, network },
      {
        raft,
        compaction,
        splitObjects,
        isFounder: name === names[0] && !this.#isMade,
        roster: () => this.#roster(),
        members: () => names.filter(other => other !== name),
        failed: reject,
      },
    )
    this.#isMade = true
    this.citizens.set(name, peer)
    await failure
  }

  #roster(): RosterPeer[] {
    return this.#options.names.map(peer => {
      const { isRunning } = this.#machine(peer).peer
      const forMs = this.world.nowMs - (this.#sinceMs.get(peer) ?? 0)
      const isDead = !isRunning && forMs >= DEAD_AFTER_MS
      return {
        peer,
        zone: '',
        state: isRunning ? 'alive' : isDead ? 'dead' : 'suspect',
        stateMs: forMs,
        upMs: isRunning ? forMs : 0,
        score: 1,
        failing: this.#excluded.has(peer) ? ['flapping'] : [],
        flapsPerHour: 0,
      }
    })
  }
}
