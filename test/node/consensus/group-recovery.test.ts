import assert from 'node:assert/strict'
import { test } from 'node:test'

import { codeOf } from '../../../src/base/errors.ts'
import { planRecovery, type RecoveryPlan, type Survivor } from '../../../src/consensus/recovery.ts'
import { applyRecovery, inspectGroups } from '../../../src/node/consensus/group-recovery.ts'
import { GROUP, MapGroup, NAMES } from './map-group.ts'

for (const snapshotEntries of [1_000, 4]) {
  const how = snapshotEntries === 4 ? 'with snapshots' : 'from the log alone'
  test(`one of three goes on alone with what was acknowledged, ${how}`, async () => {
    const group = new MapGroup(5, snapshotEntries)
    await group.world.play(async () => {
      await group.found()
      const keys = Array.from({ length: 10 }, (_, at) => `k${at}`)
      for (const key of keys) await group.put('a', key)
      await group.world.sleep(1_000)
      for (const name of NAMES) group.peer(name).crash('power')

      const survivors = await group.offline('b', inspectGroups)
      const plan = planFor(survivors)
      assert.equal(plan.lost.length, 2)
      const name = await group.offline('b', (wal, states, { random }) =>
        applyRecovery(wal, states, plan, random),
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
  const group = new MapGroup(5, 1_000)
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
      group.offline('b', (wal, states, { random }) => applyRecovery(wal, states, each, random))
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
