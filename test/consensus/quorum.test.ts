import assert from 'node:assert/strict'
import { test } from 'node:test'

import { isQuorum, majorityOf, outcomeOf, reachedByQuorum } from '../../src/consensus/quorum.ts'

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g']

/** Every way to choose among the first `count` names, as bit sets. */
const subsets = (count: number): number[] => Array.from({ length: 2 ** count }, (_, bits) => bits)
const namesOf = (bits: number): string[] => names.filter((_, at) => (bits & (1 << at)) !== 0)
const isIn = (bits: number) => (name: string) => (bits & (1 << names.indexOf(name))) !== 0
const configuration = (voters: string[], outgoing: string[] = []) => ({
  voters,
  outgoing,
  learners: [],
})

test('any two quorums of up to seven voters meet, and fewer than half are none', () => {
  for (let count = 1; count <= 7; count++) {
    const voters = configuration(names.slice(0, count))
    const quorums = subsets(count).filter(bits => isQuorum(voters, isIn(bits)))
    assert.ok(quorums.every(a => quorums.every(b => (a & b) !== 0)))
    const smallest = Math.min(...quorums.map(bits => namesOf(bits).length))
    assert.equal(smallest, majorityOf(count))
    assert.equal(smallest, Math.floor(count / 2) + 1)
    // As small as it can be: without one more of them there is no majority either way.
    assert.ok(2 * (smallest - 1) <= count)
  }
})

test('every quorum of a joint configuration meets every quorum of both halves', () => {
  for (const voterBits of subsets(5).slice(1)) {
    for (const outgoingBits of subsets(5).slice(1)) {
      const voters = namesOf(voterBits)
      const outgoing = namesOf(outgoingBits)
      for (const bits of subsets(5)) {
        const isBoth =
          isQuorum(configuration(voters), isIn(bits)) &&
          isQuorum(configuration(outgoing), isIn(bits))
        assert.equal(isQuorum(configuration(voters, outgoing), isIn(bits)), isBoth)
      }
    }
  }
})

test('the value a quorum reached is the largest that enough voters have', () => {
  for (let count = 1; count <= 7; count++) {
    const voters = names.slice(0, count)
    // All ways to give each voter 0, 1 or 2.
    for (let code = 0; code < 3 ** count; code++) {
      const valueOf = (name: string): number => Math.floor(code / 3 ** names.indexOf(name)) % 3
      const reached = reachedByQuorum(configuration(voters), valueOf)
      const enough = (least: number): boolean =>
        voters.filter(name => valueOf(name) >= least).length > count / 2
      assert.ok(enough(reached))
      assert.ok(!enough(reached + 1))
    }
  }
})

test('a joint quorum has reached no more than its slower half', () => {
  const values: Record<string, number> = { a: 9, b: 9, c: 1, d: 5, e: 4 }
  const valueOf = (name: string): number => values[name] ?? 0
  assert.equal(reachedByQuorum(configuration(['a', 'b', 'c']), valueOf), 9)
  assert.equal(reachedByQuorum(configuration(['c', 'd', 'e']), valueOf), 4)
  assert.equal(reachedByQuorum(configuration(['a', 'b', 'c'], ['c', 'd', 'e']), valueOf), 4)
})

test('an election is won, lost or open just as the votes that are missing allow', () => {
  for (const outgoing of [[], ['c', 'd', 'e']]) {
    const voters = configuration(['a', 'b', 'c'], outgoing)
    for (let code = 0; code < 3 ** 5; code++) {
      const votes = new Map<string, boolean>()
      for (const [at, name] of names.slice(0, 5).entries()) {
        const vote = Math.floor(code / 3 ** at) % 3
        if (vote < 2) votes.set(name, vote === 1)
      }
      const isWon = isQuorum(voters, name => votes.get(name) === true)
      const canWin = isQuorum(voters, name => votes.get(name) ?? true)
      assert.equal(outcomeOf(voters, votes), isWon ? 'won' : canWin ? 'pending' : 'lost')
    }
  }
})
