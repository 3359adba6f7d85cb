import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import type { HoldfastError } from '../../src/base/errors.ts'
import { Prng } from '../../src/base/prng.ts'
import { chooseHolders } from '../../src/placement/choose-holders.ts'
import { canTake, type PeerView, zoneOf } from '../../src/placement/peer-view.ts'

const peer = (seat: number, more: Partial<PeerView> = {}): PeerView => ({
  seat,
  state: 'alive',
  zone: '',
  freeBytes: 1_000,
  capacityBytes: 1_000,
  ...more,
})

const peerArbitrary = (seat: number): fc.Arbitrary<PeerView> =>
  fc.record({
    seat: fc.constant(seat),
    state: fc.constantFrom('alive', 'alive', 'alive', 'suspect', 'draining', 'dead', 'gone'),
    zone: fc.constantFrom('', 'a', 'b', 'c'),
    freeBytes: fc.integer({ min: 0, max: 1_000 }),
    capacityBytes: fc.constant(1_000),
  })

const wishes = fc.record({
  peers: fc.tuple(...Array.from({ length: 12 }, (_, at) => peerArbitrary(at + 1))),
  count: fc.integer({ min: 1, max: 14 }),
  need: fc.integer({ min: 1, max: 5 }),
  fragmentBytes: fc.integer({ min: 1, max: 500 }),
  taken: fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 4 }),
  seed: fc.integer({ min: 0, max: 1_000 }),
})

test('holders are distinct, able, and spread over the zones as evenly as these allow', () => {
  fc.assert(
    fc.property(wishes, ({ seed, ...wish }) => {
      const { peers, count, need, fragmentBytes, taken } = wish
      const able = peers.filter(one => canTake(one, fragmentBytes) && !taken.includes(one.seat))
      const choose = (): number[] => chooseHolders({ ...wish, random: new Prng(seed) })
      if (able.length < need) {
        assert.throws(choose, (error: HoldfastError) => {
          assert.deepEqual(error.details, { code: 'TOO_FEW_PEERS', have: able.length, need })
          return true
        })
        return
      }
      const chosen = choose()
      assert.equal(chosen.length, Math.min(count, able.length))
      assert.equal(new Set(chosen).size, chosen.length)
      assert.ok(chosen.every(seat => able.some(one => one.seat === seat)))
      const zones = new Map<string, number>()
      for (const one of peers) {
        const isHolder = chosen.includes(one.seat) || taken.includes(one.seat)
        zones.set(zoneOf(one), (zones.get(zoneOf(one)) ?? 0) + Number(isHolder))
      }
      const open = able.filter(({ seat }) => !chosen.includes(seat))
      const used = peers.filter(({ seat }) => chosen.includes(seat)).map(zoneOf)
      for (const zone of used) {
        for (const other of open) {
          const [high, low] = [zones.get(zone) ?? 0, zones.get(zoneOf(other)) ?? 0]
          assert.ok(high <= low + 1, 'no zone has two more than one that could have taken one')
        }
      }
    }),
    { numRuns: 2_000 },
  )
})

test('the same seed chooses the same holders, in whatever order the peers come', () => {
  const peers = Array.from({ length: 9 }, (_, at) => peer(at + 1, { zone: 'abc'[at % 3] ?? '' }))
  const wish = { count: 5, need: 5, fragmentBytes: 10 }
  for (let seed = 0; seed < 50; seed++) {
    const random = new Prng(seed)
    const chosen = chooseHolders({ ...wish, peers, random: new Prng(seed) })
    const shuffled = random.fork('order').shuffle(peers)
    assert.deepEqual(chooseHolders({ ...wish, peers: shuffled, random: new Prng(seed) }), chosen)
  }
})

test('peers are chosen in proportion to their room', () => {
  const rooms = [100, 200, 300, 400]
  const peers = rooms.map((freeBytes, at) =>
    peer(at + 1, { zone: 'a', freeBytes, capacityBytes: 0 }),
  )
  const random = new Prng(1)
  const counts = [0, 0, 0, 0]
  const draws = 20_000
  for (let draw = 0; draw < draws; draw++) {
    const [seat = 0] = chooseHolders({ peers, count: 1, need: 1, fragmentBytes: 1, random })
    counts[seat - 1] = (counts[seat - 1] ?? 0) + 1
  }
  for (const [at, count] of counts.entries()) {
    const expected = (draws * (rooms[at] as number)) / 1_000
    // Four standard deviations of a binomial, and it is always the same seed.
    assert.ok(Math.abs(count - expected) < 4 * Math.sqrt(expected), `${count} of ${expected}`)
  }
})

test('no peer is filled to the last byte', () => {
  const full = peer(1, { freeBytes: 59, capacityBytes: 1_000 })
  const wish = { count: 1, need: 1, fragmentBytes: 10, random: new Prng(1) }
  assert.throws(() => chooseHolders({ ...wish, peers: [full] }), /0 peers can take one, need 1/)
  assert.deepEqual(chooseHolders({ ...wish, peers: [{ ...full, freeBytes: 60 }] }), [1])
})
