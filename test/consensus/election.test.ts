import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { Prng } from '../../src/base/prng.ts'
import { configurationOf } from '../../src/consensus/configuration.ts'
import type { ElectionPeer } from '../../src/consensus/election-input.ts'
import { Election, type ElectionOutcome } from '../../src/consensus/election.ts'
import { Town } from '../sim/scenarios/election-town.ts'

const HOUR_MS = 3_600_000

/** A leader `a` that looks at its peers; each is alive, old and steady unless said otherwise. */
class Desk {
  readonly election: Election
  nowMs = 0
  voters: string[]
  learners: string[] = []
  isChanging = false
  readonly peers: Map<string, ElectionPeer> = new Map()
  readonly silentMs: Map<string, number> = new Map()
  readonly lag: Map<string, number> = new Map()

  constructor(names: string, voters: string, options: { votersMax?: 1 | 3 | 5 | 7 } = {}) {
    this.election = new Election(options)
    this.voters = voters.split('')
    for (const name of names) this.peer(name, {})
  }

  peer(name: string, changes: Partial<ElectionPeer>): void {
    const steady: ElectionPeer = {
      replica: name,
      former: [],
      zone: name,
      state: 'alive',
      stateMs: HOUR_MS,
      upMs: HOUR_MS,
      score: 0.5,
      failing: [],
      flapsPerHour: 0,
    }
    this.peers.set(name, { ...(this.peers.get(name) ?? steady), ...changes })
  }

  /** Dead for so long, and silent for as long. */
  die(name: string, deadMs: number, silentMs: number = deadMs): void {
    this.peer(name, { state: 'dead', stateMs: deadMs })
    this.silentMs.set(name, silentMs)
  }

  observe(): ElectionOutcome {
    const names = [...this.peers.keys(), ...this.voters, ...this.learners]
    return this.election.step(
      {
        type: 'observe',
        peers: [...this.peers.values()],
        group: {
          self: 'a',
          isLeader: true,
          isChanging: this.isChanging,
          configuration: configurationOf({ voters: this.voters, learners: this.learners }),
          progress: new Map(
            names.map(name => [
              name,
              { lag: this.lag.get(name) ?? 0, silentMs: this.silentMs.get(name) ?? 0 },
            ]),
          ),
        },
      },
      this.nowMs,
    )
  }

  /** Observes every second for so long and returns what was decided, as text; decisions happen. */
  run(seconds: number): string[] {
    const decisions: string[] = []
    for (let second = 0; second < seconds; second++) {
      const { decision } = this.observe()
      if (decision !== undefined) {
        decisions.push(`${decision.reason.code} ${decision.membership.voters.toSorted().join('')}`)
        this.voters = [...decision.membership.voters]
        this.learners = [...decision.membership.learners]
      }
      this.nowMs += 1_000
    }
    return decisions
  }

  /** The codes of what stands in the way, at rest. */
  holds(): string[] {
    return this.observe().holds.map(({ code }) => code)
  }
}

test('a group at rest is left alone', () => {
  const desk = new Desk('abcd', 'abc')
  assert.deepEqual(desk.run(1_300), [])
  assert.deepEqual(desk.observe(), { decision: undefined, holds: [], target: 3 })
})

const sizes = [
  [1, 1],
  [2, 1],
  [3, 3],
  [4, 3],
  [5, 5],
  [20, 5],
] as const
for (const [peers, voters] of sizes) {
  test(`${peers} peers make ${voters} voters`, () => {
    const desk = new Desk('abcdefghijklmnopqrst'.slice(0, peers), 'a')
    desk.run(60)
    assert.equal(desk.voters.length, voters)
  })
}

test('seven voters only by option, and only among nine', () => {
  const desk = new Desk('abcdefghi', 'a', { votersMax: 7 })
  desk.run(60)
  assert.equal(desk.voters.length, 7)
  assert.equal(new Desk('abcdefgh', 'abcde', { votersMax: 7 }).observe().target, 5)
})

test('a new network of three has three voters within seconds, however young', () => {
  const desk = new Desk('abc', 'a')
  for (const name of 'abc') desk.peer(name, { upMs: 0 })
  assert.deepEqual(desk.run(8), ['ADD_LEARNER a', 'ADD_LEARNER a', 'GROW abc'])
})

test('the log of a single voter gets a copy', () => {
  const desk = new Desk('ab', 'a')
  assert.deepEqual(desk.run(700), ['ADD_LEARNER a'])
  assert.deepEqual(desk.learners, ['b'])
})

test('a learner takes no seat before it has the log', () => {
  const desk = new Desk('abc', 'a')
  for (const name of 'bc') desk.lag.set(name, 1_001)
  desk.run(60)
  assert.deepEqual(desk.holds(), ['CATCHING_UP'])
  assert.deepEqual(desk.voters, ['a'])
  for (const name of 'bc') desk.lag.set(name, 1_000)
  assert.deepEqual(desk.run(5), ['GROW abc'])
})

const deaths = [
  ['dead for 59 s', 59_000, 59_000, 'abc'],
  ['dead for 60 s', 60_000, 60_000, 'abd'],
  ['dead for long, but heard 29 s ago', 600_000, 29_000, 'abc'],
  ['dead for long, heard 30 s ago', 600_000, 30_000, 'abd'],
] as const
for (const [what, deadMs, silentMs, voters] of deaths) {
  test(`a voter that is ${what} ${voters === 'abc' ? 'keeps its seat' : 'is replaced'}`, () => {
    const desk = new Desk('abcd', 'abc')
    // Both live, so that one death can be borne by the four others.
    desk.peer('e', {})
    desk.voters = 'abcef'.split('')
    desk.peer('f', {})
    desk.peer('g', {})
    desk.die('c', deadMs, silentMs)
    const decisions = desk.run(20)
    assert.ok(decisions.includes('ADD_LEARNER abcef'))
    assert.equal(
      decisions.some(text => text.startsWith('REPLACE_DEAD')),
      voters === 'abd',
    )
  })
}

test('where no death could be borne a voter is replaced after half the time', () => {
  const desk = new Desk('abcd', 'abc')
  desk.die('c', 30_000)
  assert.deepEqual(desk.run(5), ['ADD_LEARNER abc', 'REPLACE_DEAD abd'])
})

test('a voter is replaced in one step, never shrunk first', () => {
  const desk = new Desk('abc', 'abc')
  desk.die('c', HOUR_MS)
  assert.deepEqual(desk.run(60), [])
  assert.ok(desk.holds().includes('NO_CANDIDATE'))
})

test('a voter whose peer has another store is replaced at once, by itself if need be', () => {
  const desk = new Desk('ab', 'abc')
  desk.peer('d', { former: ['c'], upMs: 0 })
  assert.deepEqual(desk.run(5), ['ADD_LEARNER abc', 'REPLACE_WIPED abd'])
})

test('nothing is decided while a change is under way, or for nothing twice', () => {
  const desk = new Desk('abcd', 'abc')
  desk.die('c', HOUR_MS)
  desk.isChanging = true
  assert.deepEqual(desk.holds(), ['CHANGING'])
  desk.isChanging = false
  assert.ok(desk.observe().decision !== undefined)
  assert.deepEqual(desk.holds(), ['CHANGING'])
  desk.nowMs += 10_000
  assert.ok(desk.observe().decision !== undefined)
})

test('nothing is decided on the way from one set of voters to another', () => {
  const desk = new Desk('abcd', 'abc')
  desk.die('c', HOUR_MS)
  const joint = { voters: ['a', 'b', 'd'], outgoing: ['a', 'b', 'c'], learners: [] }
  const progress = new Map([...desk.peers.keys()].map(name => [name, { lag: 0, silentMs: 0 }]))
  const group = { self: 'a', isLeader: true, isChanging: false, configuration: joint, progress }
  const peers = [...desk.peers.values()]
  const { decision, holds } = desk.election.step({ type: 'observe', peers, group }, 0)
  assert.equal(decision, undefined)
  assert.deepEqual(holds, [{ code: 'CHANGING' }])
})

test('nothing is decided that would need a majority that is not healthy', () => {
  const desk = new Desk('abcd', 'abc')
  desk.die('b', HOUR_MS)
  desk.die('c', HOUR_MS)
  assert.deepEqual(desk.run(30), ['ADD_LEARNER abc'])
  assert.ok(desk.holds().includes('QUORUM_AT_RISK'))
})

test('a voter that comes and goes makes way and stays as learner', () => {
  const desk = new Desk('abcd', 'abc')
  desk.peer('c', { flapsPerHour: 7 })
  assert.deepEqual(desk.run(59), [])
  assert.deepEqual(desk.run(30), ['ADD_LEARNER abc', 'DEMOTE_FLAPPING abd'])
  assert.deepEqual(desk.learners, ['c'])
})

test('who comes and goes, fails a demand, is suspect or young gets no seat', () => {
  for (const fault of [
    { flapsPerHour: 7 },
    { failing: ['clock'] },
    { state: 'suspect' as const },
    { upMs: 599_000 },
  ]) {
    const desk = new Desk('abcdefg', 'abcde')
    desk.peer('f', fault)
    desk.peer('g', fault)
    desk.peer('e', { flapsPerHour: 7 })
    assert.deepEqual(desk.run(120), [], JSON.stringify(fault))
  }
})

test('a steadier peer gets a seat only after ten minutes of being so', () => {
  const desk = new Desk('abcd', 'abc')
  desk.peer('d', { score: 0.61 })
  assert.deepEqual(desk.run(600), [])
  assert.deepEqual(desk.run(20), ['ADD_LEARNER abc', 'SWAP acd'])
})

test('a peer that is steadier by less than a fifth, or now and then, gets no seat', () => {
  const desk = new Desk('abcd', 'abc')
  desk.peer('d', { score: 0.59 })
  assert.deepEqual(desk.run(1_300), [])
  for (let round = 0; round < 4; round++) {
    desk.peer('d', { score: 0.9 })
    assert.deepEqual(desk.run(590), [])
    desk.peer('d', { score: 0.5 })
    assert.deepEqual(desk.run(2), [])
  }
})

test('swaps keep ten minutes between them', () => {
  const desk = new Desk('abcde', 'abc', { votersMax: 3 })
  desk.peer('d', { score: 0.9 })
  desk.peer('e', { score: 0.9 })
  assert.equal(desk.run(1_150).filter(text => text.startsWith('SWAP')).length, 1)
  assert.equal(desk.run(150).filter(text => text.startsWith('SWAP')).length, 1)
})

test('voters are spread over three zones as soon as there are three', () => {
  const desk = new Desk('abcde', 'abc', { votersMax: 3 })
  for (const name of 'abce') desk.peer(name, { zone: 'x' })
  desk.peer('d', { zone: 'y' })
  assert.deepEqual(desk.run(120), [])
  desk.peer('e', { zone: 'z' })
  const decisions = desk.run(300)
  assert.deepEqual(
    decisions.filter(text => text.startsWith('SPREAD')),
    ['SPREAD_ZONES acd', 'SPREAD_ZONES ade'],
  )
})

test('a seat stays empty rather than give one zone of three the majority', () => {
  const desk = new Desk('abcdef', 'abcde')
  for (const name of ['a', 'b', 'f']) desk.peer(name, { zone: 'x' })
  for (const name of ['c', 'd']) desk.peer(name, { zone: 'y' })
  desk.die('c', HOUR_MS)
  assert.deepEqual(desk.run(30), [])
  assert.ok(desk.holds().includes('NO_CANDIDATE'))
  desk.peer('f', { zone: 'y' })
  assert.deepEqual(desk.run(30), ['ADD_LEARNER abcde', 'REPLACE_DEAD abdef'])
})

test('deaths shrink the group only after a day', () => {
  const desk = new Desk('abcdef', 'abcde')
  for (const name of 'ef') desk.die(name, 23 * HOUR_MS)
  assert.deepEqual(desk.run(120), [])
  for (const name of 'ef') desk.die(name, 24 * HOUR_MS)
  assert.deepEqual(desk.run(1), ['SHRINK acd'])
})

test('a learner nobody needs is let go after ten minutes, a dead one after one', () => {
  const desk = new Desk('abcd', 'abc')
  desk.learners = ['d']
  assert.deepEqual(desk.run(601), ['DROP_LEARNER abc'])
  desk.learners = ['d']
  desk.die('d', 60_000)
  assert.deepEqual(desk.run(12), ['DROP_LEARNER abc'])
})

test('a follower decides nothing, and a new leader begins its waiting anew', () => {
  const desk = new Desk('abcd', 'abc')
  desk.peer('d', { score: 0.9 })
  desk.run(590)
  const configuration = configurationOf({ voters: desk.voters, learners: [] })
  const group = {
    self: 'a',
    isLeader: false,
    isChanging: false,
    configuration,
    progress: new Map(),
  }
  const outcome = desk.election.step({ type: 'observe', peers: [], group }, desk.nowMs)
  assert.deepEqual(outcome.holds, [{ code: 'NOT_LEADER' }])
  assert.deepEqual(desk.run(590), [])
})

test('20 peers, a voter dying every minute for 3 hours: never without a majority', () => {
  const random = new Prng(20)
  const town = new Town(random, { peers: 20, zones: 4, lossOfDecisions: 0 })
  town.pass(60_000)
  assert.equal(town.configuration.voters.length, 5)
  for (let minute = 0; minute < 180; minute++) {
    town.kill(random.pick(town.voters.filter(({ isUp }) => isUp)))
    const rested = town.peers.filter(peer => !peer.isUp && town.nowMs - peer.sinceMs > 480_000)
    for (const peer of rested) town.start(peer)
    town.pass(60_000)
  }
  assert.ok(town.longestOutageMs <= 2_000, `${town.longestOutageMs} ms without a majority`)
  assert.ok(town.counts.replaced > 100, JSON.stringify(town.counts))
})

const numbers = fc.oneof(
  fc.constantFrom(0, -1, Number.NaN, Infinity, -Infinity, 1e300),
  fc.double({ min: 0, max: 100_000_000 }),
)
const mostlyZero = fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, numbers)
const hostilePeers: fc.Arbitrary<ElectionPeer> = fc.record({
  replica: fc.constantFrom(...'abcdefgh'.split('')),
  former: fc.array(fc.constantFrom(...'abcdefghx'.split('')), { maxLength: 2 }),
  zone: fc.constantFrom('x', 'y', 'z', ''),
  state: fc.constantFrom('alive', 'alive', 'suspect', 'dead'),
  stateMs: numbers,
  upMs: numbers,
  score: fc.oneof(numbers, fc.double({ min: 0, max: 1 })),
  failing: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, fc.constant(['clock'])),
  flapsPerHour: mostlyZero,
})

test('whatever a roster claims, decisions are sound', () => {
  const codes = new Set<string>()
  fc.assert(
    fc.property(
      fc.array(fc.array(hostilePeers, { maxLength: 12 }), { minLength: 1, maxLength: 12 }),
      fc.array(fc.tuple(mostlyZero, mostlyZero), { minLength: 9, maxLength: 9 }),
      fc.constantFrom('a', 'abc', 'abcde', 'ab'),
      (rosters, progress, voters) => {
        const desk = new Desk('', voters)
        'abcdefghx'.split('').forEach((name, at) => {
          desk.lag.set(name, progress[at]?.[0] ?? 0)
          desk.silentMs.set(name, progress[at]?.[1] ?? 0)
        })
        for (const roster of rosters.flatMap(each => [each, each, each])) {
          desk.peers.clear()
          roster.forEach((peer, at) => desk.peers.set(String(at), peer))
          desk.nowMs += 61_000
          const { decision } = desk.observe()
          if (decision === undefined) continue
          codes.add(decision.reason.code)
          const { membership } = decision
          assert.ok(membership.voters.includes('a'), 'the leader stays')
          assert.ok(membership.voters.length <= 7)
          assert.equal(configurationOf(membership).voters.length, membership.voters.length)
          assert.ok(configurationOf(membership).learners.length <= 5)
          const news = membership.voters.filter(voter => !desk.voters.includes(voter))
          assert.ok(
            news.every(voter => desk.learners.includes(voter)),
            'learner first',
          )
          desk.voters = [...configurationOf(membership).voters]
          desk.learners = [...configurationOf(membership).learners]
        }
      },
    ),
    { numRuns: 2_000 },
  )
  assert.ok(codes.size >= 5, [...codes].join(' '))
})
