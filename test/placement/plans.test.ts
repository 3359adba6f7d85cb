import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { Prng } from '../../src/base/prng.ts'
import { Pace } from '../../src/placement/pace.ts'
import { type PeerView, zoneOf } from '../../src/placement/peer-view.ts'
import { planRebalance } from '../../src/placement/rebalance-plan.ts'
import { schemeChange } from '../../src/placement/scheme-change.ts'
import type { SegmentView } from '../../src/placement/segment-view.ts'

const plain = { isReplicated: false, peers: 20 }
const changes = [
  ['a scheme that is the target', [4, 2], [4, 2], { type: 'keep' }],
  ['more parity', [4, 2], [4, 3], { type: 'raise', from: 6, to: 7 }],
  ['less parity', [4, 3], [4, 2], { type: 'keep' }],
  ['one peer becoming two', [1, 0], [1, 1], { type: 'raise', from: 1, to: 2 }],
  ['two peers becoming three', [1, 1], [2, 1], { type: 'recut', k: 2, m: 1 }],
  ['three peers becoming four', [2, 1], [2, 2], { type: 'raise', from: 3, to: 4 }],
  ['four peers becoming five', [2, 2], [3, 2], { type: 'recut', k: 3, m: 2 }],
  ['a gain below fifteen percent', [6, 3], [7, 3], { type: 'keep' }],
  ['more safety at more cost', [10, 2], [6, 4], { type: 'recut', k: 6, m: 4 }],
  ['leaner but less safe', [2, 2], [10, 1], { type: 'keep' }],
] as const
for (const [what, [k, m], [wantedK, wantedM], expected] of changes) {
  test(`${what} means to ${expected.type}`, () =>
    assert.deepEqual(schemeChange({ k, m }, { k: wantedK, m: wantedM }, plain), expected))
}

test('a segment too small to be cut follows the parity alone', () => {
  const change = schemeChange({ k: 1, m: 1 }, { k: 4, m: 2 }, { isReplicated: true, peers: 6 })
  assert.deepEqual(change, { type: 'raise', from: 2, to: 3 })
})

test('a segment with more fragments than there are peers becomes smaller', () => {
  const fewer = { isReplicated: false, peers: 4 }
  const change = schemeChange({ k: 5, m: 3 }, { k: 2, m: 2 }, fewer)
  assert.deepEqual(change, { type: 'recut', k: 2, m: 2 })
  assert.deepEqual(schemeChange({ k: 2, m: 2 }, { k: 2, m: 2 }, fewer), { type: 'keep' })
})

test('background work rests longer while the foreground suffers, and not at all once it does not', () => {
  const pace = new Pace()
  pace.stepTook(100, 0)
  assert.equal(pace.restUntilMs, 0)
  for (let round = 0; round < 20; round++) pace.foreground(3)
  assert.equal(pace.multiple, 16)
  pace.stepTook(100, 1_000)
  assert.equal(pace.restUntilMs, 2_600)
  pace.foreground(1.3)
  assert.equal(pace.multiple, 16)
  for (let round = 0; round < 20; round++) pace.foreground(1)
  assert.equal(pace.multiple, 0)
  pace.stepTook(100, 5_000)
  assert.equal(pace.restUntilMs, 5_000)
})

interface Network {
  readonly peers: readonly PeerView[]
  readonly segments: readonly SegmentView[]
}

/** Peers, two of them new and empty, and segments over the others. */
function network(seed: number): Network {
  const random = new Prng(seed)
  const count = 6 + random.below(6)
  const used = new Map<number, number>()
  const segments = Array.from({ length: 200 }, (_, at) => {
    const seats = random
      .shuffle(Array.from({ length: count - 2 }, (__, seat) => seat + 1))
      .slice(0, 3)
    for (const seat of seats) used.set(seat, (used.get(seat) ?? 0) + 100)
    return { id: String(at), revision: 1, k: 2, fragmentBytes: 100, seats }
  })
  const peers = Array.from({ length: count }, (_, at): PeerView => {
    const capacityBytes = 20_000 + random.below(10_000)
    const freeBytes = capacityBytes - (used.get(at + 1) ?? 0)
    return {
      seat: at + 1,
      state: 'alive',
      zone: random.pick(['', 'a', 'b']),
      capacityBytes,
      freeBytes,
    }
  })
  return { peers, segments }
}

test('a rebalance evens peers out, within bounds, and hurts no segment', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), seed => {
      const { peers, segments } = network(seed)
      const movesMax = 300
      const plan = planRebalance(peers, segments, {
        random: new Prng(seed),
        tolerance: 0.02,
        movesMax,
      })
      assert.ok(plan.moves.length <= movesMax)
      assert.equal(plan.bytes, plan.moves.length * 100)
      assert.ok(plan.after.fullest <= plan.before.fullest)
      assert.ok(plan.after.emptiest >= plan.before.emptiest)
      assert.equal(new Set(plan.moves.map(({ segment }) => segment.id)).size, plan.moves.length)
      for (const { segment, index, from, to } of plan.moves) {
        assert.equal(segment.seats[index], from)
        assert.ok(!segment.seats.includes(to))
        const crowd = (seats: readonly number[]): number => {
          const zones = seats.map(seat => zoneOf(peers[seat - 1] as PeerView))
          return Math.max(...zones.map(zone => zones.filter(other => other === zone).length))
        }
        const moved = segment.seats.with(index, to)
        assert.ok(crowd(moved) <= crowd(segment.seats), 'no zone gets more of it than one had')
      }
    }),
    { numRuns: 150 },
  )
})

test('a new peer attracts data, and a plan that was carried out leaves nothing to do', () => {
  const peers: PeerView[] = [1, 2, 3, 4].map(seat => ({
    seat,
    state: 'alive',
    zone: '',
    capacityBytes: 10_000,
    freeBytes: seat === 4 ? 10_000 : 4_000,
  }))
  const segments = Array.from({ length: 180 }, (_, at) => ({
    id: String(at),
    revision: 1,
    k: 1,
    fragmentBytes: 100,
    seats: [1 + (at % 3)],
  }))
  const plan = planRebalance(peers, segments, { random: new Prng(1) })
  assert.ok(plan.moves.length > 20)
  assert.ok(plan.moves.every(({ to }) => to === 4))
  const freed = new Map<number, number>()
  for (const { from, to } of plan.moves) {
    freed.set(from, (freed.get(from) ?? 0) + 100)
    freed.set(to, (freed.get(to) ?? 0) - 100)
  }
  const moved = new Map(plan.moves.map(({ segment, to }) => [segment.id, to]))
  const next = planRebalance(
    peers.map(peer => ({ ...peer, freeBytes: peer.freeBytes + (freed.get(peer.seat) ?? 0) })),
    segments.map(segment => ({
      ...segment,
      seats: [moved.get(segment.id) ?? segment.seats[0] ?? 0],
    })),
    { random: new Prng(2) },
  )
  assert.equal(next.moves.length, 0)
})
