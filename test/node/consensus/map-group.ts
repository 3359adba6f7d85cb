import assert from 'node:assert/strict'

import { fromUtf8, toUtf8 } from '../../../src/base/bytes.ts'
import type { Environment } from '../../../src/base/environment.ts'
import { sleep } from '../../../src/base/waiting.ts'
import { KvMachine } from '../../../src/consensus/kv-machine.ts'
import { SessionMachine } from '../../../src/consensus/session-machine.ts'
import { ConsensusNode } from '../../../src/node/consensus/consensus-node.ts'
import { inMemory } from '../../../src/node/consensus/memory-state.ts'
import { RemoteGroup, serveGroups } from '../../../src/node/consensus/remote-group.ts'
import type { ReplicaStates } from '../../../src/node/consensus/replica-state.ts'
import { SnapshotStore } from '../../../src/node/consensus/snapshot-store.ts'
import { KvClient } from '../../../src/node/kv/kv-client.ts'
import { Wal } from '../../../src/storage/wal.ts'
import type { SimPeer } from '../../sim/sim-peer.ts'
import { World } from '../../sim/world.ts'

export const GROUP = 0
export const NAMES: readonly string[] = ['a', 'b', 'c']
const networkId = new Uint8Array(32).fill(9)
const small = { segmentBytes: 1 << 20, frameBytesMax: 1 << 17 }

const mapStates = inMemory(() => new SessionMachine(new KvMachine()))

const openWal = ({ disk, timers, random }: Environment): Promise<Wal> =>
  Wal.open({ disk, timers, random, networkId, ...small })

/** Three peers of a simulated world with a replicated map. */
export class MapGroup {
  readonly world: World
  readonly nodes: Map<string, ConsensusNode> = new Map()
  readonly clients: Map<string, KvClient> = new Map()
  /** What a peer does when it starts next. */
  program: (environment: Environment) => Promise<void> = environment => this.serve(environment)
  readonly #snapshotEntries: number

  constructor(seed: number, snapshotEntries: number, names: readonly string[] = NAMES) {
    this.world = new World(seed)
    this.#snapshotEntries = snapshotEntries
    for (const name of names) {
      this.world.addPeer(name, { program: environment => this.program(environment) })
    }
  }

  async serve(environment: Environment): Promise<void> {
    const { promise: failure, reject } = Promise.withResolvers<never>()
    const node = await ConsensusNode.open({
      environment,
      wal: await openWal(environment),
      states: mapStates,
      compaction: { snapshotEntries: this.#snapshotEntries, keptEntries: 1 },
      failed: reject,
    })
    const { clock, timers, network } = environment
    this.nodes.set(network.self, node)
    const group = {
      propose: (command: Uint8Array, options: object) => node.propose(GROUP, command, options),
      query: (question: Uint8Array, options: object) => node.query(GROUP, question, options),
      queryStale: (question: Uint8Array) => node.queryStale(GROUP, question),
    }
    serveGroups(network, node)
    this.clients.set(network.self, new KvClient({ group, clock, timers }))
    await failure
  }

  node(name: string): ConsensusNode {
    const node = this.nodes.get(name)
    assert.ok(node !== undefined)
    return node
  }

  /** A peer that has no replica and uses the map through those that do. */
  addGuest(name: string): void {
    const program = async ({ network, clock, timers }: Environment): Promise<void> => {
      const group = new RemoteGroup({ group: GROUP, network, timers, clock, members: () => NAMES })
      this.clients.set(name, new KvClient({ group, clock, timers }))
      await sleep(timers, 1e9)
    }
    this.world.addPeer(name, { program })
    this.start(name)
  }

  peer(name: string): SimPeer {
    const peer = this.world.peers.get(name)
    assert.ok(peer !== undefined)
    return peer
  }

  start(name: string): void {
    this.peer(name).start()
  }

  async found(): Promise<void> {
    for (const name of NAMES) this.start(name)
    await this.world.sleep(1_000)
    await this.node('a').found(GROUP)
    await this.world.sleep(2_000)
    const [b, c] = [
      await this.node('a').invite('b', GROUP),
      await this.node('a').invite('c', GROUP),
    ]
    const self = this.node('a').group(GROUP)?.replica ?? ''
    await this.node('a').change(GROUP, { voters: [self], learners: [b, c] })
    await this.world.sleep(1_000)
    await this.node('a').change(GROUP, { voters: [self, b, c], learners: [] })
    await this.world.sleep(1_000)
  }

  client(name: string): KvClient {
    const client = this.clients.get(name)
    assert.ok(client !== undefined)
    return client
  }

  async put(name: string, key: string): Promise<void> {
    await this.client(name).put(key, fromUtf8(`value of ${key}`))
  }

  async get(name: string, key: string): Promise<string | undefined> {
    const entry = await this.client(name).get(key)
    return entry && toUtf8(entry.value)
  }

  /** Runs something on the disk of a peer that is down, in the peer's place. */
  async offline<Result>(
    name: string,
    work: (wal: Wal, states: ReplicaStates, environment: Environment) => Promise<Result>,
  ): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    this.program = async environment => {
      const wal = await openWal(environment)
      work(wal, mapStates(await SnapshotStore.open(environment.disk)), environment).then(
        resolve,
        reject,
      )
      await sleep(environment.timers, 60_000)
    }
    this.start(name)
    try {
      return await promise
    } finally {
      this.peer(name).crash('process')
      this.program = environment => this.serve(environment)
    }
  }
}
