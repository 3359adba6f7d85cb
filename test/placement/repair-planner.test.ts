import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { JOBS_RUNNING_MAX, REPAIR_GRACE_MS } from '../../src/placement/repair-planner.ts'
import { Network } from './network.ts'

test('a short absence moves nothing where segments can wait', () => {
  const network = new Network(1, 8)
  network.addSegments(50, 3, 3)
  network.set(1, 'dead')
  network.pass(30_000)
  network.set(1, 'alive')
  network.pass(200_000)
  assert.equal(network.count('build'), 0)
  assert.equal(network.planner.jobs.length, 0)
})

test('a suspect is nobody to repair for', () => {
  const network = new Network(2, 8)
  network.addSegments(50, 2, 1)
  network.set(1, 'suspect')
  network.pass(300_000)
  assert.equal(network.count('build'), 0)
})

test('a death is repaired after its grace', () => {
  const network = new Network(3, 8)
  network.addSegments(50, 3, 3)
  network.set(1, 'dead')
  network.pass(REPAIR_GRACE_MS - 1)
  assert.equal(network.count('build'), 0)
  network.pass(60_000)
  assert.equal(network.missing(), 0)
})

test('segments that may lose no more than one are repaired at once, and those alone', () => {
  const network = new Network(4, 9)
  network.addSegments(30, 2, 2)
  network.addSegments(30, 2, 4)
  network.set(1, 'dead')
  network.pass(20_000)
  for (const { seats, k } of network.segments.values()) {
    const left = seats.filter(seat => network.has(seat)).length
    if (seats.length === 4) assert.equal(left, 4)
    assert.ok(left >= k + 2)
  }
  assert.ok(network.missing() > 0, 'the others wait for their peer')
})

test('a peer that left for good has no grace', () => {
  const network = new Network(5, 8)
  network.addSegments(50, 3, 3)
  network.set(1, 'gone')
  network.pass(30_000)
  assert.equal(network.missing(), 0)
})

test('the segment with the fewest survivors goes first', () => {
  const network = new Network(6, 12)
  network.addSegments(100, 2, 5)
  for (const seat of [1, 2, 3]) network.set(seat, 'gone')
  const margins = (): number[] =>
    network.log.flatMap(effect =>
      effect.type === 'build' ? [effect.survivors.length - effect.segment.k] : [],
    )
  // The first few may start before the lists are in.
  network.pass(100_000)
  const started = margins().slice(JOBS_RUNNING_MAX * 4)
  const inversions = started.filter((margin, at) => margin < (started[at - 1] ?? 0)).length
  assert.ok(started.length > 40)
  assert.ok(inversions <= started.length / 5, `${inversions} of ${started.length}`)
  assert.equal(network.missing(), 0)
})

test('a peer that comes back calls its repairs off, also those under way', () => {
  const network = new Network(7, 8)
  network.addSegments(60, 2, 2)
  network.set(1, 'dead')
  network.pass(60)
  assert.ok(network.planner.jobs.some(({ state }) => state !== 'waiting'))
  network.set(1, 'alive')
  assert.ok(network.count('cancel') > 0)
  const placed = network.count('place')
  network.pass(100_000)
  assert.ok(network.count('place') <= placed + JOBS_RUNNING_MAX)
  assert.equal(network.planner.jobs.length, 0)
})

test('a drained peer ends up with nothing, while it serves', () => {
  const network = new Network(8, 8)
  network.addSegments(60, 3, 2)
  network.set(1, 'draining')
  network.pass(200_000)
  assert.ok(network.count('drained') > 0)
  assert.equal(network.missing(), 0)
})

test('too few peers are said, and the repair goes on once there are more', () => {
  const network = new Network(9, 5)
  network.addSegments(20, 3, 2)
  network.set(1, 'gone')
  network.pass(60_000)
  const short = network.log.find(({ type }) => type === 'short')
  assert.deepEqual(short, {
    type: 'short',
    segment: (short as { segment: string }).segment,
    have: 0,
    need: 1,
  })
  assert.equal(network.count('build'), 0)
  const newcomer = { seat: 6, zone: '', freeBytes: 1e9, capacityBytes: 1e9 } as const
  network.peers.set(6, { ...newcomer, state: 'alive' })
  network.set(6, 'alive')
  network.pass(100_000)
  assert.equal(network.missing(), 0)
})

test('repairs that are not urgent give way to the foreground', () => {
  const took = (ratio: number): number => {
    const network = new Network(10, 10)
    network.addSegments(100, 3, 5)
    for (let round = 0; round < 10; round++) network.tell({ type: 'foreground', ratio })
    network.set(1, 'gone')
    while (network.missing() > 0 && network.nowMs < 10_000_000) network.pass(1_000)
    return network.nowMs
  }
  assert.ok(took(5) > 4 * took(1))
})

test('moves of a plan are proven and placed like repairs', () => {
  const network = new Network(11, 8)
  network.addSegments(10, 2, 1)
  network.set(1, 'alive')
  const moves = [...network.segments.values()].map(segment => {
    const to = [...network.peers.keys()].find(seat => !segment.seats.includes(seat)) as number
    return { segment, index: 0, from: segment.seats[0] as number, to }
  })
  network.isMoving = true
  network.tell({ type: 'moves', moves })
  network.pass(60_000)
  for (const { segment, to } of moves) assert.equal(network.segments.get(segment.id)?.seats[0], to)
})

test('whatever happens to peers, all is whole again once enough of them stay', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 31 }), seed => new Network(seed, 10).playChaos(15)),
    { numRuns: 40 },
  )
})
