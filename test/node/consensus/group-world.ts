import type { Environment } from '../../../src/base/environment.ts'
import type { RaftOptions } from '../../../src/consensus/raft-options.ts'
import { ConsensusNode } from '../../../src/node/consensus/consensus-node.ts'
import { inMemory } from '../../../src/node/consensus/memory-state.ts'
import type { CompactionOptions, RaftGroup } from '../../../src/node/consensus/raft-group.ts'
import { Wal } from '../../../src/storage/wal.ts'
import {
  decodePosition,
  encodeNumber,
  NumbersMachine,
} from '../../sim/scenarios/consensus-machine.ts'
import type { SimDriveOptions } from '../../sim/sim-drive.ts'
import type { Ending, SimPeer } from '../../sim/sim-peer.ts'
import { World } from '../../sim/world.ts'

export const GROUP = 0

export interface GroupWorldOptions {
  readonly raft?: Partial<RaftOptions>
  readonly compaction?: CompactionOptions
  readonly drive?: SimDriveOptions
}

/** Peers in a quiet world, each with its log and replicas; `a` founds group 0, others are invited. */
export class GroupWorld {
  readonly world: World
  readonly nodes: Map<string, ConsensusNode> = new Map()
  readonly environments: Map<string, Environment> = new Map()
  readonly machines: Map<string, NumbersMachine> = new Map()
  readonly peers: Map<string, SimPeer> = new Map()
  /** What ended each process that ended by itself. */
  readonly failures: Map<string, unknown> = new Map()

  constructor(names: string, options: GroupWorldOptions = {}) {
    this.world = new World(1)
    for (const name of names) {
      const program = (environment: Environment): Promise<void> =>
        this.#program(name, environment, options)
      const { drive = {} } = options
      this.peers.set(name, this.world.addPeer(name, { program, drive }))
    }
  }

  /** Starts everybody, lets all be voters of the group, and then plays. */
  play<Result>(story: () => Promise<Result>): Promise<Result> {
    return this.world.play(async () => {
      for (const name of this.peers.keys()) await this.start(name)
      const [founder = ''] = this.peers.keys()
      await this.node(founder).found(GROUP)
      await this.until(() => this.group(founder).role === 'leader')
      await this.gather([...this.peers.keys()])
      return story()
    })
  }

  /** Makes replicas on these peers the voters. */
  async gather(names: readonly string[]): Promise<void> {
    const leader = this.leader
    const voters = []
    for (const name of names) voters.push(await leader.invite(name, GROUP))
    const { configuration } = leader.group(GROUP) as RaftGroup
    if (voters.toSorted().join() === configuration.voters.join()) return
    await leader.change(GROUP, { voters, learners: [] })
    await this.until(() => leader.group(GROUP)?.configuration.outgoing.length === 0)
  }

  async start(name: string): Promise<void> {
    this.begin(name)
    await this.until(() => this.nodes.has(name))
  }

  /** Starts a process, and does not wait until it has opened anything. */
  begin(name: string): void {
    this.peer(name).start(error => {
      this.failures.set(name, error)
      this.nodes.delete(name)
    })
  }

  crash(name: string, ending: Ending = 'process'): void {
    this.nodes.delete(name)
    this.peer(name).crash(ending)
  }

  peer(name: string): SimPeer {
    return this.peers.get(name) as SimPeer
  }

  node(name: string): ConsensusNode {
    return this.nodes.get(name) as ConsensusNode
  }

  group(name: string): RaftGroup {
    return this.node(name).group(GROUP) as RaftGroup
  }

  /** The name of the peer that leads. */
  get leaderName(): string {
    const found = [...this.nodes].find(([, node]) => node.group(GROUP)?.role === 'leader')
    if (found === undefined) throw new Error('nobody leads')
    return found[0]
  }

  get leader(): ConsensusNode {
    return this.node(this.leaderName)
  }

  /** Has a number agreed on, and returns its place. */
  async propose(name: string, number: number, deadlineMs = 2_000): Promise<number> {
    const answer = await this.node(name).propose(GROUP, encodeNumber(number), { deadlineMs })
    return decodePosition(answer).index
  }

  async until(holds: () => boolean, withinMs = 20_000): Promise<void> {
    const endMs = this.world.nowMs + withinMs
    while (!holds()) {
      if (this.world.nowMs > endMs) throw new Error(`not within ${withinMs} ms: ${String(holds)}`)
      await this.world.sleep(5)
    }
  }

  async #program(
    name: string,
    environment: Environment,
    { raft = {}, compaction = {} }: GroupWorldOptions,
  ): Promise<void> {
    const { disk, timers, random } = environment
    const networkId = new Uint8Array(32).fill(1)
    const settings = { segmentBytes: 65_536, frameBytesMax: 16_384 }
    const wal = await Wal.open({ disk, timers, random, networkId, ...settings })
    const { promise, reject } = Promise.withResolvers<never>()
    const node = await ConsensusNode.open({
      environment,
      wal,
      states: inMemory(group => {
        const machine = new NumbersMachine()
        if (group === GROUP) this.machines.set(name, machine)
        return machine
      }),
      raft,
      compaction,
      failed: reject,
    })
    this.environments.set(name, environment)
    this.nodes.set(name, node)
    await promise
  }
}
