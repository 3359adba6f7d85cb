import type { Environment } from '../../src/base/environment.ts'
import { codeOf } from '../../src/base/errors.ts'
import { sleep } from '../../src/base/waiting.ts'
import type { RaftOptions } from '../../src/consensus/raft-options.ts'
import { openPolicy } from '../../src/net/peer-policy.ts'
import { CatalogPart, type OpenCatalog } from '../../src/node/catalog/catalog-part.ts'
import type { CatalogStates } from '../../src/node/catalog/catalog-states.ts'
import type { ConsensusNode } from '../../src/node/consensus/consensus-node.ts'
import { markFounding } from '../../src/node/consensus/founding.ts'
import type { RosterPeer } from '../../src/node/consensus/group-steward.ts'
import type { CompactionOptions } from '../../src/node/consensus/raft-group.ts'
import { SystemGroup, systemStates } from '../../src/node/consensus/system-group.ts'
import { KvClient } from '../../src/node/kv/kv-client.ts'
import { SystemMap } from '../../src/node/kv/system-map.ts'
import { silentLog } from '../../src/node/log.ts'
import type { Machine } from '../../src/node/machine.ts'
import { Violation } from './scenario.ts'
import { SimMachine } from './sim-machine.ts'
import type { Ending, SimPeerOptions } from './sim-peer.ts'
import type { World } from './world.ts'

export interface CatalogTownOptions {
  readonly names: readonly string[]
  readonly raft?: Partial<RaftOptions>
  readonly compaction?: CompactionOptions
  readonly machine?: Pick<SimPeerOptions, 'clock' | 'drive'>
}

/** A peer at work. */
export interface Citizen extends OpenCatalog {
  readonly name: string
  readonly node: ConsensusNode
  readonly states: CatalogStates
  readonly kv: KvClient
  readonly environment: Environment
}

const RESTART_MS = 20
const DEAD_AFTER_MS = 1_000
const networkId = new Uint8Array(32).fill(5)

/** Full members of one network, as far as agreement and the catalog go; `names[0]` founds it. */
export class CatalogTown {
  readonly world: World
  readonly machines: ReadonlyMap<string, SimMachine>
  readonly citizens: Map<string, Citizen> = new Map()
  readonly counts = { starts: 0, crashes: 0 }
  readonly #options: CatalogTownOptions
  readonly #sinceMs = new Map<string, number>()
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
    const { clock, timers, random } = machine
    const home = await machine.openHome('/home')
    const base = { clock, timers, random, disk: home.disk }
    const network = await machine.openNetwork(home, {
      networkId: 'town',
      policy: openPolicy,
      mdns: false,
      nat: {},
      onEvent: () => undefined,
      environment: base,
      listen: undefined,
    })
    const environment: Environment = { ...base, network }
    if (name === this.#options.names[0] && !this.#isMade) await markFounding(home.disk)
    const { promise: failure, reject } = Promise.withResolvers<never>()
    const keyValue = await home.openKeyValue('catalog')
    let states: CatalogStates | undefined
    const part = new CatalogPart({
      environment,
      keyValue,
      stampMs: () => clock.wallMs(),
      systemStates,
      failed: reject,
    })
    const system = await SystemGroup.open({
      environment,
      home,
      afterTurn: machine.afterTurn,
      networkId,
      raft: this.#options.raft ?? {},
      compaction: this.#options.compaction ?? {},
      admits: () => true,
      roster: () => this.#roster(),
      describe: () => ({ name: '', zone: '' }),
      decided: () => undefined,
      led: () => undefined,
      states: async snapshots => {
        const opened = await part.openStates(snapshots)
        states = part.states
        return opened
      },
      changed: part.changed,
      log: silentLog,
      failed: reject,
    })
    this.#isMade = true
    const members = (): readonly string[] => this.#options.names.filter(other => other !== name)
    const group = new SystemMap(system, environment, members)
    const kv = new KvClient({ group, clock, timers })
    const open = part.start({ node: system.node, network: system.network, kv })
    if (states === undefined) throw new Error('the states are open')
    this.citizens.set(name, { name, node: system.node, states, kv, environment, ...open })
    await failure
    await sleep(timers, 0)
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
        failing: [],
        flapsPerHour: 0,
      }
    })
  }
}
