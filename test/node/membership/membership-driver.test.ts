import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { Environment } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import type { MembershipChange } from '../../../src/membership/core-types.ts'
import { profiles } from '../../../src/membership/profile.ts'
import { noVitals } from '../../../src/membership/vitals.ts'
import { startMembership } from '../../../src/node/membership/membership-driver.ts'
import type { MembershipService } from '../../../src/node/membership/membership-service.ts'
import { description } from '../../membership/support.ts'
import { sealOf } from '../../sim/membership/sim-seal.ts'
import type { SimPeer } from '../../sim/sim-peer.ts'
import { World } from '../../sim/world.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f']

/** Peers that run the service in the simulated world and join through the first. */
class Cluster {
  readonly world = new World(1)
  readonly refusals: string[] = []
  readonly failures: unknown[] = []
  /** Wake-ups so far. */
  wakes = 0
  readonly #services = new Map<string, MembershipService>()
  readonly #environments = new Map<string, Environment>()

  constructor(names: readonly string[] = NAMES) {
    for (const name of names) {
      this.world.addPeer(name, {
        program: async environment => {
          this.#environments.set(name, environment)
          const service = await startMembership({
            environment,
            network: 'test',
            description,
            seal: sealOf(name),
            profile: profiles.fast,
            turns: {
              // As in a real loop, other events come between the timer and the verdict.
              afterPoll: callback => {
                this.wakes++
                environment.timers.after(5, callback)
              },
              watchLag: () => () => undefined,
            },
            onRefused: ({ from, reason }) => this.refusals.push(`${from}: ${reason}`),
            onFailure: error => this.failures.push(error),
          })
          this.#services.set(name, service)
          service.join(names.slice(0, 1))
          await new Promise(() => undefined)
        },
      })
      this.peer(name).start()
    }
  }

  peer(name: string): SimPeer {
    return this.world.peers.get(name) as SimPeer
  }

  service(name: string): MembershipService {
    return this.#services.get(name) as MembershipService
  }

  environment(name: string): Environment {
    return this.#environments.get(name) as Environment
  }

  states(observer: string): string {
    return this.service(observer)
      .roster()
      .map(({ peer, state }) => `${peer} ${state}`)
      .join(', ')
  }
}

/** Plays it once everybody knows everybody. */
const play = (
  story: (cluster: Cluster) => Promise<void>,
  cluster: Cluster = new Cluster(),
): Promise<void> =>
  cluster.world.play(async () => {
    await cluster.world.sleep(3_000)
    await story(cluster)
  })

test('peers that join through one know each other in seconds', () =>
  play(async cluster => {
    for (const name of NAMES) {
      assert.equal(cluster.states(name), NAMES.map(peer => `${peer} alive`).join(', '))
    }
  }))

test('a killed process is dead to all within five seconds, and back when it restarts', () =>
  play(async cluster => {
    const changes: MembershipChange[] = []
    cluster.service('e').onChange(change => changes.push(change))
    cluster.peer('b').crash('process')
    await cluster.world.sleep(5_000)
    for (const name of ['a', 'c', 'd', 'e', 'f']) {
      assert.equal(cluster.service(name).peer('b')?.state, 'dead')
    }
    cluster.peer('b').start()
    await cluster.world.sleep(5_000)
    assert.equal(cluster.service('e').peer('b')?.state, 'alive')
    assert.deepEqual(
      changes.map(({ kind, peer, incarnation }) => `${kind} ${peer} ${incarnation}`),
      ['SUSPECT b 1', 'DEAD b 1', 'ALIVE b 65'],
    )
  }))

test('a process that stood still for a second is nobody dead', () =>
  play(async cluster => {
    const changes: MembershipChange[] = []
    for (const name of NAMES) cluster.service(name).onChange(change => changes.push(change))
    cluster.peer('c').pause()
    await cluster.world.sleep(1_000)
    cluster.peer('c').resume()
    await cluster.world.sleep(10_000)
    assert.ok(!changes.some(({ kind }) => kind === 'DEAD'))
  }))

test('one who leaves has left, to all, and is missed by nobody', () =>
  play(async cluster => {
    await cluster.service('c').leave()
    await cluster.world.sleep(10_000)
    assert.equal(cluster.states('a'), 'a alive, b alive, c left, d alive, e alive, f alive')
  }))

test('leaving twice is leaving once, and after a stop it is over at once', () =>
  play(async cluster => {
    const service = cluster.service('c')
    await Promise.all([service.leave(), service.leave(), service.stop()])
    await service.leave()
  }))

test('what a peer says of itself gets around', () =>
  play(async cluster => {
    cluster.service('a').describe({ ...description, zone: 'moon' })
    cluster.service('a').setVitals({ ...noVitals, load: 0.5, freeBytes: 1_000 })
    await cluster.world.sleep(10_000)
    const seen = cluster.service('f').peer('a')
    assert.equal(seen?.zone, 'moon')
    assert.equal(seen?.vitals?.freeBytes, 1_000)
    assert.equal(seen?.incarnation, 2)
  }))

test('a description that is too large is refused, and nothing changes', () =>
  play(async cluster => {
    const service = cluster.service('a')
    const meta = new Uint8Array(600)
    assert.throws(() => service.describe({ ...description, meta }), { code: 'TOO_LARGE' })
    await cluster.world.sleep(1_000)
    assert.equal(service.peer('a')?.incarnation, 1)
    assert.deepEqual(cluster.failures, [])
  }))

test('nonsense is refused with a reason, told at most once in ten seconds', () =>
  play(async cluster => {
    const { network } = cluster.environment('b')
    for (let times = 0; times < 50; times++) {
      network.sendDatagram('a', 'membership/gossip', new Uint8Array([99]))
      await cluster.world.sleep(20)
    }
    await cluster.world.sleep(100)
    assert.equal(cluster.refusals.length, 1)
    assert.match(cluster.refusals[0] ?? '', /^b: Cannot decode message: type 99/)
  }))

test('a comparison that makes no sense is answered with a code', () =>
  play(async cluster => {
    const { network } = cluster.environment('b')
    const request = { body: new Uint8Array(9), deadlineMs: 1_000 }
    const answer = network.request('a', 'membership/sync/1', request)
    await assert.rejects(answer, error => codeOf(error) === 'MALFORMED')
  }))

test('an expelled peer is struck from the roster', () =>
  play(async cluster => {
    cluster.service('a').expel('b')
    assert.equal(cluster.service('a').peer('b'), undefined)
  }))

test('wake-ups do not multiply when answers come between timer and verdict', () => {
  const cluster = new Cluster()
  // A round trip takes just as long as the timeout, and a little.
  Object.assign(cluster.world.network.defaults, { latencyMs: 100, jitterMs: 1 })
  return play(async () => {
    const before = cluster.wakes
    await cluster.world.sleep(60_000)
    const first = cluster.wakes - before
    await cluster.world.sleep(120_000)
    const middle = cluster.wakes
    await cluster.world.sleep(60_000)
    assert.ok(cluster.wakes - middle < first * 1.2, `${first}, then ${cluster.wakes - middle}`)
  }, cluster)
})

test('after a stop nothing is sent and nobody is answered', () =>
  play(async cluster => {
    await cluster.service('b').stop()
    await cluster.world.sleep(10_000)
    assert.equal(cluster.service('a').peer('b')?.state, 'dead')
  }))

test('a rotten incarnation file is overcome: the network remembers', () =>
  play(async cluster => {
    cluster.service('b').describe({ ...description, zone: 'new' })
    await cluster.world.sleep(1_000)
    cluster.peer('b').crash('process')
    cluster.peer('b').loseDisk()
    cluster.peer('b').start()
    await cluster.world.sleep(10_000)
    assert.equal(cluster.service('f').peer('b')?.state, 'alive')
    assert.equal(cluster.service('f').peer('b')?.incarnation, 3)
  }))

test('a disk that fails stops the service and is told', async () => {
  const cluster = new Cluster([])
  const failures: unknown[] = []
  await cluster.world.play(async () => {
    cluster.world
      .addPeer('x', {
        program: async environment => {
          environment.disk.replace = () => Promise.reject(new Error('no disk'))
          const started = startMembership({
            environment,
            network: 'test',
            description,
            seal: sealOf('x'),
            turns: { afterPoll: callback => callback(), watchLag: () => () => undefined },
            onFailure: error => failures.push(error),
          })
          await assert.rejects(started, /no disk/)
        },
      })
      .start()
    await cluster.world.sleep(1_000)
  })
  assert.equal(failures.length, 1)
})
