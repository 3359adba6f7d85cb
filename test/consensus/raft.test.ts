import assert from 'node:assert/strict'
import { test } from 'node:test'

import { describeMessage } from '../../src/consensus/describe.ts'
import type { Entry, EntryKind } from '../../src/consensus/entry.ts'
import type { Body } from '../../src/consensus/message.ts'
import type { RaftOptions } from '../../src/consensus/raft-options.ts'
import { Cluster } from './cluster.ts'

/** A group whose members have long started; the messages of `self` are what a test looks at. */
function groupOf(voters: string, options: Partial<RaftOptions> = {}): Cluster {
  const cluster = new Cluster({ voters: voters.split(' '), learners: [] }, { options })
  cluster.pass(300)
  return cluster
}

/** Gives a message to a replica and returns what is on the wire because of it. */
function tell(cluster: Cluster, from: string, to: string, body: Body): string[] {
  cluster.drop()
  cluster.step(to, { type: 'message', message: { from, to, ...body } })
  return cluster.wire.map(describeMessage)
}

const entry = (index: number, term: number, kind: EntryKind = 'command'): Entry => ({
  index,
  term,
  kind,
  data: new Uint8Array(1),
})

const append = (term: number, previous: [number, number], entries: Entry[], commit = 0): Body => ({
  type: 'append',
  term,
  previous: { index: previous[0], term: previous[1] },
  entries,
  commit,
})

const vote = (term: number, index: number, lastTerm: number): Body => ({
  type: 'vote',
  term,
  last: { index, term: lastTerm },
  isTransfer: false,
})

/** A follower b with entries 1/1 2/1 3/2, heard of its leader long ago. */
function followerWithLog(): Cluster {
  const cluster = groupOf('a b c')
  tell(cluster, 'a', 'b', append(2, [0, 0], [entry(1, 1), entry(2, 1), entry(3, 2)]))
  cluster.crash('b')
  cluster.start('b')
  cluster.of('b').nowMs += 300
  for (let ticks = 0; ticks < 30; ticks++) {
    cluster.of('b').nowMs += 10
    cluster.step('b', { type: 'tick' })
  }
  cluster.drop()
  return cluster
}

test('votes go to a log that ends in a later term, or in the same and is not shorter (§5.4.1)', () => {
  const cases: [index: number, term: number, isGranted: boolean][] = [
    [3, 2, true],
    [9, 2, true],
    [1, 3, true],
    [2, 2, false],
    [9, 1, false],
    [0, 0, false],
  ]
  for (const [index, term, isGranted] of cases) {
    const answer = isGranted ? 'yes' : 'no'
    const heard = tell(followerWithLog(), 'c', 'b', vote(7, index, term))
    assert.deepEqual(heard, [`b→c voteAnswer 7 ${answer}`], `${index}/${term}`)
  }
})

test('a replica votes for one candidate a term, and again for the same one (§5.2)', () => {
  const cluster = followerWithLog()
  assert.deepEqual(tell(cluster, 'c', 'b', vote(7, 3, 2)), ['b→c voteAnswer 7 yes'])
  assert.deepEqual(tell(cluster, 'a', 'b', vote(7, 9, 2)), ['b→a voteAnswer 7 no'])
  assert.deepEqual(tell(cluster, 'c', 'b', vote(7, 3, 2)), ['b→c voteAnswer 7 yes'])
  assert.deepEqual(tell(cluster, 'a', 'b', vote(8, 9, 2)), ['b→a voteAnswer 8 yes'])
})

test('a vote is remembered over a crash', () => {
  const cluster = followerWithLog()
  tell(cluster, 'c', 'b', vote(7, 3, 2))
  cluster.crash('b')
  cluster.start('b')
  assert.deepEqual(tell(cluster, 'a', 'b', vote(7, 9, 2)), ['b→a voteAnswer 7 no'])
})

test('a replica that starts protects a leader it may have promised something to', () => {
  const cluster = followerWithLog()
  cluster.crash('b')
  cluster.start('b')
  assert.deepEqual(tell(cluster, 'c', 'b', vote(7, 9, 2)), [])
  assert.equal(cluster.raft('b').term, 2)
})

test('an append that is old cuts nothing off (§5.3)', () => {
  const cluster = followerWithLog()
  tell(cluster, 'a', 'b', append(2, [0, 0], [entry(1, 1)]))
  assert.deepEqual(cluster.raft('b').last, entry(3, 2))
})

test('a matching append commits what it vouches for, whatever follows in the log', () => {
  const cluster = followerWithLog()
  const heard = tell(cluster, 'a', 'b', append(3, [2, 1], [], 3))
  // Entry 3 is of an earlier leader, and this one has said nothing about it.
  assert.equal(cluster.raft('b').commit, 2)
  assert.deepEqual(heard, ['b→a appendAnswer 3 hit 2'])
})

test('a heartbeat commits no more than it says', () => {
  const cluster = followerWithLog()
  tell(cluster, 'a', 'b', { type: 'heartbeat', term: 3, commit: 1, round: 1 })
  assert.equal(cluster.raft('b').commit, 1)
})

test('what lies below the base of a log fits, for it is committed', () => {
  const cluster = followerWithLog()
  tell(cluster, 'a', 'b', { type: 'heartbeat', term: 3, commit: 3, round: 1 })
  cluster.compact('b', 2)
  assert.equal(cluster.raft('b').inside.state.log.base.index, 2)
  const heard = tell(cluster, 'a', 'b', append(3, [1, 1], [entry(2, 1), entry(3, 2), entry(4, 3)]))
  assert.deepEqual(heard, ['b→a appendAnswer 3 hit 4'])
  // An old message says no less than what is known to be common.
  assert.deepEqual(tell(cluster, 'a', 'b', append(3, [0, 0], [entry(1, 1)])), [
    'b→a appendAnswer 3 hit 2',
  ])
})

test('an append that does not fit is refused with the place where the logs may agree', () => {
  const cluster = followerWithLog()
  const heard = tell(cluster, 'a', 'b', append(9, [9, 1], [entry(10, 9)]))
  assert.deepEqual(heard, ['b→a appendAnswer 9 miss 9 hint 2/1'])
  assert.deepEqual(cluster.raft('b').last, entry(3, 2))
})

test('whoever leads an old term is told so, and stops leading', () => {
  const cluster = followerWithLog()
  tell(cluster, 'c', 'b', vote(7, 3, 2))
  assert.deepEqual(tell(cluster, 'a', 'b', append(6, [3, 2], [])), [
    'b→a heartbeatAnswer 7 round 0',
  ])
  const old = groupOf('a b c')
  old.campaign('a')
  old.settle()
  tell(old, 'b', 'a', { type: 'heartbeatAnswer', term: 7, round: 0 })
  assert.deepEqual([old.raft('a').role, old.raft('a').term], ['follower', 7])
})

test('a leader follows the leader of a later term', () => {
  const cluster = groupOf('a b c')
  cluster.campaign('a')
  cluster.settle()
  tell(cluster, 'b', 'a', append(7, [1, 1], [entry(2, 7)], 2))
  assert.deepEqual([cluster.raft('a').role, cluster.raft('a').leader], ['follower', 'b'])
  assert.equal(cluster.raft('a').commit, 2)
})

test('a candidate follows whoever has won the term', () => {
  const cluster = groupOf('a b c')
  cluster.campaign('a')
  cluster.settle(({ type }) => type === 'preVote' || type === 'preVoteAnswer')
  assert.equal(cluster.raft('a').role, 'candidate')
  tell(cluster, 'b', 'a', append(1, [0, 0], [entry(1, 1)]))
  assert.deepEqual([cluster.raft('a').role, cluster.raft('a').leader], ['follower', 'b'])
})

test('a second leader in one term stops the replica: somebody voted twice', () => {
  const cluster = groupOf('a b c')
  cluster.campaign('a')
  cluster.settle()
  assert.throws(() => tell(cluster, 'b', 'a', append(1, [0, 0], [])), /one leader/)
})

test('late grants of a pre-vote are no votes', () => {
  const cluster = groupOf('a b c')
  cluster.campaign('a')
  cluster.settle(({ type }) => type === 'preVote' || type === 'preVoteAnswer')
  cluster.drop()
  for (const from of ['b', 'c']) {
    tell(cluster, from, 'a', { type: 'preVoteAnswer', term: 1, isGranted: true })
    tell(cluster, from, 'a', { type: 'preVoteAnswer', term: 2, isGranted: true })
  }
  assert.equal(cluster.raft('a').role, 'candidate')
})

test('a pre-vote changes neither term nor vote nor patience of those who grant it', () => {
  const cluster = groupOf('a b c')
  const before = cluster.raft('b').inside.state
  const { term, heardMs } = before
  const last = { index: 0, term: 0 }
  assert.deepEqual(tell(cluster, 'a', 'b', { type: 'preVote', term: 1, last }), [
    'b→a preVoteAnswer 1 yes',
  ])
  const after = cluster.raft('b').inside.state
  assert.deepEqual([after.term, after.vote, after.heardMs], [term, undefined, heardMs])
})

test('two of three elect, be the one that is gone the last leader', () => {
  const cluster = groupOf('a b c')
  cluster.campaign('a')
  cluster.settle()
  cluster.crash('a')
  for (let rounds = 0; rounds < 100 && cluster.raft('b').role !== 'leader'; rounds++) {
    cluster.pass(10, ['b', 'c'])
    cluster.settle()
    if (cluster.raft('c').role === 'leader') return
  }
  assert.equal(cluster.raft('b').role, 'leader')
})

test('a replica that is alone leads at once', () => {
  const cluster = new Cluster({ voters: ['a'], learners: [] })
  cluster.pass(10)
  assert.equal(cluster.raft('a').role, 'leader')
  cluster.propose('a', Uint8Array.of(1))
  assert.equal(cluster.of('a').applied.length, 2)
})

test('a learner takes everything, answers votes, and never stands', () => {
  const cluster = new Cluster({ voters: ['a'], learners: ['b'] })
  cluster.pass(300)
  cluster.settle()
  cluster.propose('a', Uint8Array.of(1))
  for (let rounds = 0; rounds < 2; rounds++) {
    cluster.pass(60)
    cluster.settle()
  }
  assert.equal(cluster.raft('b').commit, 2)
  cluster.pass(2_000, ['b'])
  assert.deepEqual([cluster.raft('b').role, cluster.raft('b').term], ['follower', 1])
  cluster.drop()
  assert.deepEqual(tell(cluster, 'c', 'b', vote(5, 2, 1)), ['b→c voteAnswer 5 yes'])
})

test('what was said to an earlier replica of this name is not heard', () => {
  const cluster = groupOf('a b c')
  cluster.step('b', {
    type: 'message',
    message: { from: 'a', to: 'b of old', ...append(4, [0, 0], [entry(1, 4)]) },
  })
  assert.equal(cluster.raft('b').term, 0)
})

test('a membership that makes no sense, or is what it is, is refused', () => {
  const cluster = groupOf('a b c')
  const refused: string[] = []
  cluster.watch = (_, effect) => {
    if (effect.type === 'refused') refused.push(effect.reason)
  }
  cluster.change('a', { voters: ['a'], learners: [] })
  cluster.campaign('a')
  cluster.settle()
  cluster.change('a', { voters: [], learners: [] })
  cluster.change('a', { voters: ['c', 'b', 'a'], learners: [] })
  cluster.change('a', { voters: ['a', 'b', 'c'], learners: ['a'] })
  assert.deepEqual(refused, ['not leader', 'pointless', 'pointless', 'pointless'])
})

test('time in which a replica slept does not make it stand for election', () => {
  const cluster = groupOf('a b c')
  cluster.campaign('a')
  cluster.settle()
  const b = cluster.of('b')
  b.nowMs += 60_000
  cluster.step('b', { type: 'tick' })
  cluster.step('b', { type: 'tick' })
  assert.equal(cluster.raft('b').role, 'follower')
})

test('a leader that slept has no lease when it wakes', () => {
  const cluster = groupOf('a b c', { leaseMs: 250 })
  cluster.campaign('a')
  cluster.settle()
  cluster.pass(60)
  cluster.settle()
  const answered: number[] = []
  cluster.watch = (_, effect) => {
    if (effect.type === 'readReady') answered.push(...effect.ids)
  }
  cluster.read('a')
  assert.equal(answered.length, 1)
  cluster.of('a').nowMs += 400
  cluster.read('a')
  assert.equal(answered.length, 1)
})
