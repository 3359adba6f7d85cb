import assert from 'node:assert/strict'
import { test } from 'node:test'

import { configurationOf } from '../../src/consensus/configuration.ts'
import {
  planRecovery,
  type RecoveryPlan,
  type RecoveryRefusal,
  type Survivor,
  TERM_LEAP,
} from '../../src/consensus/recovery.ts'

const five = configurationOf({ voters: ['a', 'b', 'c', 'd', 'e'], learners: [] })

const survivor = (replica: string, changes: Partial<Survivor> = {}): Survivor => ({
  group: 0,
  replica,
  term: 3,
  last: { index: 10, term: 3 },
  commit: 9,
  configuration: five,
  isDamaged: false,
  ...changes,
})

function planned(...survivors: Survivor[]): RecoveryPlan {
  const plan = planRecovery(survivors)
  assert.ok('replica' in plan, JSON.stringify(plan))
  return plan
}

function refused(...survivors: Survivor[]): RecoveryRefusal {
  const plan = planRecovery(survivors)
  assert.ok('refused' in plan)
  return plan.refused
}

test('the plan names what it takes, what is lost, and what begins anew', () => {
  const plan = planned(survivor('b', { term: 7 }), survivor('d', { last: { index: 12, term: 3 } }))
  assert.deepEqual(plan, {
    group: 0,
    replica: 'd',
    last: { index: 12, term: 3 },
    term: 7 + TERM_LEAP,
    lost: ['a', 'c', 'e'],
    wiped: ['b'],
    undecided: 3,
  })
})

test('a later term beats a longer log', () => {
  const longer = survivor('a', { last: { index: 99, term: 3 } })
  assert.equal(planned(longer, survivor('b', { last: { index: 5, term: 4 } })).replica, 'b')
})

test('everybody plans the same, whatever the order', () => {
  const both = [survivor('b'), survivor('a')]
  assert.deepEqual(planRecovery(both.toReversed()), planRecovery(both))
  assert.equal(planned(...both).replica, 'a')
})

test('a damaged log is not taken, but its term is outdone', () => {
  const damaged = survivor('a', { isDamaged: true, term: 50, last: { index: 99, term: 50 } })
  const plan = planned(damaged, survivor('b'))
  assert.equal(plan.replica, 'b')
  assert.equal(plan.term, 50 + TERM_LEAP)
  assert.deepEqual(plan.wiped, ['a'])
  assert.deepEqual(plan.lost, ['c', 'd', 'e'])
})

test('half a joint configuration without a majority is enough to be stuck', () => {
  const configuration = {
    ...configurationOf({ voters: ['a', 'b', 'c'], learners: [] }),
    outgoing: ['c', 'd', 'e'],
  }
  const plan = planned(...['a', 'b', 'c'].map(name => survivor(name, { configuration })))
  assert.deepEqual(plan.lost, ['d', 'e'])
})

test('a learner may be all that is left', () => {
  assert.equal(planned(survivor('x')).replica, 'x')
})

test('a group that can help itself is left alone', () => {
  const refusal = refused(survivor('a'), survivor('b'), survivor('c'))
  assert.deepEqual(refusal, { reason: 'majority survives', have: 3, need: 3 })
})

const refusals: [string, Survivor[]][] = [
  ['nothing survives', []],
  ['all are damaged', [survivor('a', { isDamaged: true })]],
  ['not one group', [survivor('a'), survivor('b', { group: 1 })]],
  ['not one group', [survivor('a'), survivor('a')]],
  [
    'no configuration',
    [survivor('a', { configuration: { voters: [], outgoing: [], learners: [] } })],
  ],
]
refusals.forEach(([reason, survivors], at) => {
  test(`nothing is planned where ${reason} (${at})`, () => {
    assert.equal(refused(...survivors).reason, reason)
  })
})
