import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromUtf8, toUtf8 } from '../../../src/base/bytes.ts'
import type { Environment } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import { sleep } from '../../../src/base/waiting.ts'
import { encodeKvCommand } from '../../../src/consensus/kv-command.ts'
import { KvMachine } from '../../../src/consensus/kv-machine.ts'
import { decodeKvReply, encodeKvQuestion } from '../../../src/consensus/kv-question.ts'
import { planRecovery, type RecoveryPlan, type Survivor } from '../../../src/consensus/recovery.ts'
import { ConsensusNode } from '../../../src/node/consensus/consensus-node.ts'
import { applyRecovery, inspectGroups } from '../../../src/node/consensus/group-recovery.ts'
import { SnapshotStore } from '../../../src/node/consensus/snapshot-store.ts'
import { Wal } from '../../../src/storage/wal.ts'
import type { SimPeer } from '../../sim/sim-peer.ts'
import { World } from '../../sim/world.ts'

const GROUP = 0
const NAMES = ['a', 'b', 'c']
const networkId = new Uint8Array(32).fill(9)

const openWal = ({ disk, timers, random }: Environment): Promise<Wal> =>
  Wal.open({ disk, timers, random, networkId, segmentBytes: 1 << 20, frameBytesMax: 1 << 17 })

/** Three peers with a group of three, and a key for each round. */
class Group {
  readonly world = new World(5)
  readonly nodes = new Map<string, ConsensusNode>()
  /** What a peer does when it starts next. */
  program: (environment: Environment) => Promise<void> = environment => this.serve(environment)
  readonly #snapshotEntries: number

  constructor(snapshotEntries: number) {
    this.#snapshotEntries = snapshotEntries
    for (const name of NAMES) {
      this.world.addPeer(name, { program: environment => this.program(environment) })
    }
  }

  async serve(environment: Environment): Promise<void> {
    const { promise: failure, reject } = Promise.withResolvers<never>()
    const node = await ConsensusNode.open({
      environment,
      wal: await openWal(environment),
      machine: () => new KvMachine(),
      compaction: { snapshotEntries: this.#snapshotEntries, keptEntries: 1 },
      failed: reject,
    })
    this.nodes.set(environment.network.self, node)
    await failure
  }

  node(name: string): ConsensusNode {
    const node = this.nodes.get(name)
    assert.ok(node !== undefined)
    return node
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

  async put(name: string, key: string): Promise<void> {
    const command = encodeKvCommand({ type: 'put', key, value: fromUtf8(`value of ${key}`) })
    await this.node(name).propose(GROUP, command)
  }

  async get(name: string, key: string): Promise<string | undefined> {
    const answer = await this.node(name).query(GROUP, encodeKvQuestion({ type: 'get', key }))
    const reply = decodeKvReply(answer)
    assert.ok(reply.type === 'entry')
    return reply.entry && toUtf8(reply.entry.value)
  }

  /** Runs something on the disk of a peer that is down, in the peer's place. */
  async offline<Result>(
    name: string,
    work: (wal: Wal, snapshots: SnapshotStore, environment: Environment) => Promise<Result>,
  ): Promise<Result> {
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    this.program = async environment => {
      const wal = await openWal(environment)
      work(wal, await SnapshotStore.open(environment.disk), environment).then(resolve, reject)
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

for (const snapshotEntries of [1_000, 4]) {
  const how = snapshotEntries === 4 ? 'with snapshots' : 'from the log alone'
  test(`one of three goes on alone with what was acknowledged, ${how}`, async () => {
    const group = new Group(snapshotEntries)
    await group.world.play(async () => {
      await group.found()
      const keys = Array.from({ length: 10 }, (_, at) => `k${at}`)
      for (const key of keys) await group.put('a', key)
      await group.world.sleep(1_000)
      for (const name of NAMES) group.peer(name).crash('power')

      const survivors = await group.offline('b', inspectGroups)
      const plan = planFor(survivors)
      assert.equal(plan.lost.length, 2)
      const name = await group.offline('b', (wal, snapshots, { random }) =>
        applyRecovery(wal, snapshots, plan, random),
      )
      assert.notEqual(name, plan.replica)

      group.start('b')
      await group.world.sleep(3_000)
      const replica = group.node('b').group(GROUP)
      assert.equal(replica?.role, 'leader')
      assert.deepEqual(replica.configuration.voters, [name])
      for (const key of keys) assert.equal(await group.get('b', key), `value of ${key}`)
      await group.put('b', 'after')
      assert.equal(await group.get('b', 'after'), 'value of after')
    })
  })
}

test('a plan for a replica that has changed since is refused and changes nothing', async () => {
  const group = new Group(1_000)
  await group.world.play(async () => {
    await group.found()
    for (const name of NAMES) group.peer(name).crash('process')
    const plan = planFor(await group.offline('b', inspectGroups))
    const stale: RecoveryPlan[] = [
      { ...plan, replica: 'b/0123456789abcdef' },
      { ...plan, last: { ...plan.last, index: plan.last.index - 1 } },
      { ...plan, group: 7 },
    ]
    const apply = (each: RecoveryPlan): Promise<string> =>
      group.offline('b', (wal, snapshots, { random }) =>
        applyRecovery(wal, snapshots, each, random),
      )
    for (const each of stale) {
      await assert.rejects(apply(each), error => codeOf(error) === 'PLAN_OUTDATED')
    }
    await apply(plan)
    await assert.rejects(apply(plan), error => codeOf(error) === 'PLAN_OUTDATED')
  })
})

function planFor(survivors: readonly Survivor[]): RecoveryPlan {
  const plan = planRecovery(survivors)
  assert.ok('replica' in plan, JSON.stringify(plan))
  return plan
}
