import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isJoint } from '../../../src/consensus/configuration.ts'
import { GroupSteward, type RosterPeer } from '../../../src/node/consensus/group-steward.ts'
import { peerOf } from '../../../src/node/consensus/replica-name.ts'
import { GROUP, MapGroup } from './map-group.ts'

const PEERS = ['a', 'b', 'c', 'd']

/** Peers of whom one founds the group, and a steward on each; the roster sees what is. */
class Stewarded {
  readonly group = new MapGroup(8, 50, PEERS)
  readonly reasons: string[] = []
  readonly #downSinceMs = new Map<string, number>()
  readonly #over = new AbortController()

  async play(story: () => Promise<void>): Promise<void> {
    const { world } = this.group
    await world.play(async () => {
      for (const name of PEERS) this.group.start(name)
      await world.sleep(1_000)
      await this.group.node('a').found(GROUP)
      const stewards = PEERS.map(name => this.#steward(name))
      await story()
      this.#over.abort()
      await Promise.all(stewards)
    })
  }

  /** On which peers the voters are, as whoever leads knows. */
  voters(): string[] {
    const leads = PEERS.map(name => this.group.nodes.get(name)?.group(GROUP)).find(
      replica => replica?.role === 'leader' && this.group.peer(peerOf(replica.replica)).isRunning,
    )
    assert.ok(leads !== undefined && !isJoint(leads.configuration), 'somebody leads, at rest')
    return leads.configuration.voters.map(peerOf).toSorted()
  }

  crash(name: string): void {
    this.group.peer(name).crash('process')
    this.#downSinceMs.set(name, this.group.world.nowMs)
  }

  start(name: string): void {
    this.#downSinceMs.delete(name)
    this.group.start(name)
  }

  /** Asks the steward of whichever process this peer is now. */
  async #steward(name: string): Promise<void> {
    const { world } = this.group
    let steward: GroupSteward | undefined
    let node = this.group.nodes.get(name)
    while (!this.#over.signal.aborted) {
      await world.sleep(1_000)
      if (!this.group.peer(name).isRunning) continue
      if (steward === undefined || node !== this.group.nodes.get(name)) {
        node = this.group.node(name)
        steward = new GroupSteward({
          node,
          group: GROUP,
          clock: { monotonicMs: () => world.nowMs, wallMs: () => world.nowMs },
          roster: () => PEERS.map(peer => this.#seen(peer)),
          told: ({ decision }) => {
            if (decision !== undefined) this.reasons.push(decision.reason.code)
          },
        })
      }
      // A peer that crashes meanwhile never answers.
      await Promise.race([steward.look(), world.sleep(5_000)])
    }
  }

  #seen(peer: string): RosterPeer {
    const downSinceMs = this.#downSinceMs.get(peer)
    const { nowMs } = this.group.world
    return {
      peer,
      zone: peer,
      state: downSinceMs === undefined ? 'alive' : 'dead',
      stateMs: nowMs - (downSinceMs ?? 0),
      upMs: nowMs,
      score: 0.5,
      failing: [],
      flapsPerHour: 0,
    }
  }
}

test('a network of four gets three voters within seconds of its founding', async () => {
  const town = new Stewarded()
  await town.play(async () => {
    await town.group.world.sleep(20_000)
    assert.equal(town.voters().length, 3)
    assert.deepEqual(town.reasons, ['ADD_LEARNER', 'ADD_LEARNER', 'GROW'])
    await town.group.put('a', 'k')
  })
})

test('a dead voter is replaced within a minute and a half, and nothing is lost', async () => {
  const town = new Stewarded()
  await town.play(async () => {
    const { group } = town
    await group.world.sleep(20_000)
    await group.put('a', 'k')
    const victim = town.voters().find(name => name !== 'a') ?? ''
    town.crash(victim)
    await group.world.sleep(90_000)
    assert.equal(town.voters().length, 3)
    assert.ok(!town.voters().includes(victim))
    assert.ok(town.reasons.includes('REPLACE_DEAD'))
    assert.equal(await group.get('a', 'k'), 'value of k')
  })
})

test('a peer that comes back without its disk loses its old seat for good', async () => {
  const town = new Stewarded()
  await town.play(async () => {
    const { group } = town
    await group.world.sleep(20_000)
    await group.put('a', 'k')
    const victim = town.voters().find(name => name !== 'a') ?? ''
    const seat = group
      .node('a')
      .group(GROUP)
      ?.configuration.voters.find(id => peerOf(id) === victim)
    town.crash(victim)
    group.peer(victim).loseDisk()
    town.start(victim)
    await group.world.sleep(60_000)
    assert.ok(town.reasons.includes('REPLACE_WIPED'), town.reasons.join(' '))
    assert.equal(town.voters().length, 3)
    const { voters = [] } = group.node('a').group(GROUP)?.configuration ?? {}
    assert.ok(seat !== undefined && !voters.includes(seat))
    assert.equal(await group.get('a', 'k'), 'value of k')
  })
})
