import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'

import { buildProgram, killAll } from '../../support/processes.ts'
import type { Testimony } from './clients.ts'
import { ConsensusFleet, loopback, namespaces } from './fleet.ts'
import { partitions, stories } from './stories.ts'

const PER_SECOND = 130

/** The program as peers that agree, while they are killed, frozen, emptied and cut off. */
describe('consensus of processes', () => {
  let main = ''
  before(() => {
    main = buildProgram()
  })
  after(killAll)

  test('three peers agree through kill -9, a freeze and restarts', async () => {
    const fleet = new ConsensusFleet(main, [loopback, loopback, loopback])
    await fleet.start(3)
    const clients = fleet.clients(PER_SECOND, [0, 1, 2])
    try {
      // A lost log takes longer to get over, and is left to the soak.
      for (const [name, story] of Object.entries(stories)) {
        if (name !== 'a lost log') await story(fleet)
      }
      accept(await clients.stop())
    } finally {
      clients.kill()
      await killAll()
    }
  })

  test('a minority says NO_QUORUM within its deadline', async () => {
    const fleet = new ConsensusFleet(main, [loopback, loopback, loopback])
    await fleet.start(3)
    await fleet.kill(1)
    await fleet.kill(2)
    const startMs = performance.now()
    const { status, stderr } = fleet.peers[0]?.command('kv put k v --deadline 2s') ?? {}
    // What the old leader had appended before it knew may yet come true, and it says so.
    assert.match(`${status} ${stderr}`, /^(5 .*majority|6 .*whether it was done)/s)
    const again = fleet.peers[0]?.command('kv put k v --deadline 2s')
    assert.match(`${again?.status} ${again?.stderr}`, /^5 .*majority/s)
    assert.ok(performance.now() - startMs < 8_000)
    await killAll()
  })

  test('a lost majority is recovered, and who slept through it is fenced off', async () => {
    const fleet = new ConsensusFleet(main, [loopback, loopback, loopback])
    await fleet.start(3)
    fleet.command(0, 'kv put k before')
    for (const at of [0, 1, 2]) await fleet.kill(at)
    const plan = fleet.recover([0])
    await fleet.restart(0)
    await fleet.untilVoters(1, 20_000)
    assert.equal(fleet.command(0, 'kv get k').stdout, 'before')
    fleet.command(0, 'kv put k after')

    // The old majority comes back: it must not decide anything, and says what is to be done.
    const [one, two] = [fleet.begin(1), fleet.begin(2)]
    await Promise.all([one.exited, two.exited])
    assert.match(one.log, /holdfast recover/)
    assert.equal(fleet.command(0, 'kv get k').stdout, 'after')

    for (const at of [1, 2]) fleet.apply(at, plan)
    for (const at of [1, 2]) await fleet.restart(at)
    await fleet.untilVoters(3, 40_000)
    assert.equal(fleet.command(2, 'kv get k').stdout, 'after')
    await killAll()
  })

  test('three peers agree while their leader is cut off', async t => {
    const made = namespaces(3)
    if (typeof made === 'string') {
      t.skip(made)
      return
    }
    const fleet = new ConsensusFleet(main, made.places)
    try {
      await fleet.start(3)
      const clients = fleet.clients(PER_SECOND, [0, 1, 2])
      try {
        await partitions['a leader cut off, both']?.(fleet)
        const testimony = await clients.stop()
        assert.equal(testimony.verdict.type, 'linearizable', JSON.stringify(testimony.verdict))
      } finally {
        clients.kill()
      }
    } finally {
      await killAll()
      made.remove()
    }
  })
})

function accept(testimony: Testimony): void {
  const { verdict, perSecond, doneShare, gapMs, errors } = testimony
  const told = JSON.stringify({ ...testimony, errors: [...errors] }, undefined, 1)
  assert.equal(verdict.type, 'linearizable', told)
  assert.ok(doneShare >= 0.99, told)
  assert.ok(perSecond >= 100, told)
  assert.ok(gapMs < 5_000, told)
}
