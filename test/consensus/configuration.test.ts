import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import {
  complaintAbout,
  configurationOf,
  decodeConfiguration,
  encodeConfiguration,
  enter,
  isJoint,
  isVoter,
  leave,
  replicasOf,
} from '../../src/consensus/configuration.ts'
import { isQuorum } from '../../src/consensus/quorum.ts'
import { failsWith } from '../support/expect.ts'

const names = ['a', 'b', 'c', 'd', 'e']
const voters = fc.uniqueArray(fc.constantFrom(...names), { minLength: 1 })
const membership = fc
  .tuple(voters, fc.uniqueArray(fc.constantFrom(...names)))
  .map(([some, others]) => ({
    voters: some,
    learners: others.filter(other => !some.includes(other)),
  }))

test('a configuration is sorted, and says who votes and who only listens', () => {
  const configuration = configurationOf({ voters: ['c', 'a', 'b'], learners: ['e', 'd'] })
  assert.deepEqual(configuration.voters, ['a', 'b', 'c'])
  assert.deepEqual(replicasOf(configuration), names)
  assert.ok(isVoter(configuration, 'b'))
  assert.ok(!isVoter(configuration, 'd'))
})

test('a membership that makes no sense is refused with the reason', () => {
  const cases: [string[], string[], RegExp][] = [
    [[], [], /at least one voter/],
    [['a'], ['a'], /cannot be voter and learner/],
    ['a b c d e f g h i j'.split(' '), [], /at most 9 voters/],
    [['z'], 'a b c d e f g h i j k l m n o p q'.split(' '), /at most 16 learners/],
  ]
  for (const [some, learners, reason] of cases) {
    assert.match(complaintAbout({ voters: some, learners }) ?? '', reason)
    assert.throws(() => configurationOf({ voters: some, learners }), RangeError)
  }
})

test('voters change in two steps, learners in one', () => {
  const from = configurationOf({ voters: ['a', 'b', 'c'], learners: [] })
  const joint = enter(from, { voters: ['b', 'c', 'd'], learners: ['a'] })
  assert.deepEqual(joint, { voters: ['b', 'c', 'd'], outgoing: ['a', 'b', 'c'], learners: ['a'] })
  assert.ok(isJoint(joint))
  // A voter that is to be a learner votes until the change is over.
  assert.ok(isVoter(joint, 'a'))
  assert.deepEqual(leave(joint), { voters: ['b', 'c', 'd'], outgoing: [], learners: ['a'] })
  assert.ok(!isJoint(enter(from, { voters: ['c', 'b', 'a'], learners: ['d'] })))
})

test('whatever the walk, deciding before a step and after it has a replica in common', () => {
  const isIn = (bits: number) => (name: string) => (bits & (1 << names.indexOf(name))) !== 0
  const subsets = Array.from({ length: 2 ** names.length }, (_, bits) => bits)
  fc.assert(
    fc.property(membership, membership, (first, second) => {
      const from = configurationOf(first)
      const joint = enter(from, second)
      for (const [before, after] of [
        [from, joint],
        [joint, leave(joint)],
      ] as const) {
        const quorums = subsets.filter(bits => isQuorum(after, isIn(bits)))
        for (const bits of subsets.filter(some => isQuorum(before, isIn(some)))) {
          assert.ok(quorums.every(other => (other & bits) !== 0))
        }
      }
    }),
    { numRuns: 200 },
  )
})

test('a configuration survives encoding', () => {
  fc.assert(
    fc.property(membership, membership, (first, second) => {
      const joint = enter(configurationOf(first), second)
      assert.deepEqual(decodeConfiguration(encodeConfiguration(joint)), joint)
    }),
  )
})

test('bytes that are no configuration are refused', () => {
  const bytes = encodeConfiguration(configurationOf({ voters: ['a', 'b'], learners: ['c'] }))
  for (let size = 0; size < bytes.length; size++) {
    failsWith('MALFORMED', () => decodeConfiguration(bytes.subarray(0, size)))
  }
  const unsorted = [2, 1, 98, 1, 97, 0, 0]
  const twice = [2, 1, 97, 1, 97, 0, 0]
  const tooMany = [99, 0, 0]
  for (const wrong of [unsorted, twice, tooMany, [...bytes, 0]]) {
    failsWith('MALFORMED', () => decodeConfiguration(Uint8Array.from(wrong)))
  }
})
