import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import {
  bucketsFor,
  differingBuckets,
  hashOf,
  KnowledgeHash,
} from '../../src/membership/knowledge.ts'
import { LocalHealth } from '../../src/membership/local-health.ts'
import { subjectOf } from '../../src/membership/message.ts'
import { profiles, retransmitLimit, syncIntervalMs } from '../../src/membership/profile.ts'
import { RoundTrip } from '../../src/membership/round-trip.ts'
import { RumorQueue } from '../../src/membership/rumors.ts'
import {
  failedGates,
  type GateInputs,
  medianScore,
  type StabilityInputs,
  stabilityScore,
} from '../../src/membership/stability.ts'
import { Suspicion } from '../../src/membership/suspicion.ts'
import { TrackRecord } from '../../src/membership/track-record.ts'
import { accusation, record } from './support.ts'

const HOUR_MS = 3_600_000

for (const [n, confirmations, lastsMs] of [
  // K = 0: too few others to confirm anything.
  [2, 0, 4_000],
  [3, 0, 4_000],
  // min = 4 s, max = 24 s; K = 2.
  [10, 0, 24_000],
  [10, 1, 11_381],
  [10, 2, 4_000],
  // min = 8 s.
  [100, 0, 48_000],
  [100, 2, 8_000],
] as const) {
  test(`a suspicion among ${n} with ${confirmations} confirmations lasts ${lastsMs} ms`, () => {
    const suspicion = new Suspicion(profiles.lan, { n, accuser: 'a', nowMs: 0 })
    for (let at = 0; at < confirmations; at++) suspicion.confirm(`b${at}`)
    assert.equal(Math.round(suspicion.deadlineMs), lastsMs)
  })
}

test('the same accuser is no news, nor is one more than needed', () => {
  const suspicion = new Suspicion(profiles.lan, { n: 10, accuser: 'a', nowMs: 0 })
  assert.equal(suspicion.isNews('a'), false)
  suspicion.confirm('b')
  assert.equal(suspicion.isNews('b'), false)
  suspicion.confirm('c')
  assert.equal(suspicion.isNews('d'), false)
})

test('local health stays within its bounds and counts missing nacks', () => {
  const health = new LocalHealth(7)
  health.probeSucceeded()
  assert.equal(health.points, 0)
  health.probeFailed(3, 1)
  assert.equal(health.points, 2)
  health.probeFailed(0, 0)
  assert.equal(health.points, 3)
  for (const lagMs of [200, 300, 1_500]) health.lagged(lagMs)
  assert.equal(health.points, 6)
  health.refuted()
  health.refuted()
  assert.equal(health.points, 7)
})

const all = { limit: 3, bytesMax: 10_000, countMax: 10 }

test('a newer rumour replaces the older one about the same peer', () => {
  const queue = new RumorQueue()
  queue.put(record('a', 1))
  queue.put(accusation('suspect', 'a', { accuser: 'b' }))
  assert.equal(queue.size, 1)
  assert.deepEqual(queue.take(all), [accusation('suspect', 'a', { accuser: 'b' })])
})

test('what was told least comes first, and own words before accusations', () => {
  const queue = new RumorQueue()
  queue.put(record('old'))
  queue.take(all)
  queue.put(accusation('suspect', 'x', { accuser: 'b' }))
  queue.put(record('new'))
  assert.deepEqual(queue.take(all).map(subjectOf), ['new', 'x', 'old'])
})

test('a rumour is told as often as the limit says', () => {
  const queue = new RumorQueue()
  queue.put(record('a'))
  const told = Array.from({ length: 5 }, () => queue.take(all).length)
  assert.deepEqual(told, [1, 1, 1, 0, 0])
  assert.equal(queue.size, 0)
})

test('rumours of one message keep within its bytes and number', () => {
  const queue = new RumorQueue()
  for (let at = 0; at < 50; at++) queue.put(record(`peer ${at}`))
  const { sizeBytes } = record('peer 10')
  assert.equal(queue.take({ ...all, bytesMax: 3 * (sizeBytes + 1), countMax: 99 }).length, 3)
  assert.equal(queue.take(all).length, 10)
})

test('limits grow with the logarithm of the network', () => {
  assert.deepEqual(
    [1, 9, 10, 99, 1_000].map(n => retransmitLimit(profiles.lan, n)),
    [4, 4, 8, 8, 16],
  )
  assert.deepEqual(
    [10, 32, 33, 100, 1_000].map(n => syncIntervalMs(profiles.lan, n) / 30_000),
    [1, 1, 2, 3, 6],
  )
})

test('equal knowledge has equal hashes in any order, and one change shows in one bucket', () => {
  const peers = fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(peers, names => {
      const [changed = ''] = names
      const forth = new KnowledgeHash()
      const back = new KnowledgeHash()
      for (const name of names) forth.add(hashOf(name), record(name), 'alive')
      for (const name of names.toReversed()) back.add(hashOf(name), record(name), 'alive')
      for (const buckets of [1, 4, 256]) {
        assert.deepEqual(differingBuckets(forth.fold(buckets), back.fold(buckets)), [])
      }
      back.remove(hashOf(changed), record(changed), 'alive')
      back.add(hashOf(changed), record(changed), 'suspect')
      assert.deepEqual(differingBuckets(forth.fold(16), back.fold(16)), [hashOf(changed) % 16])
    }),
  )
})

test('there are a few peers in each bucket, and a bounded number of buckets', () => {
  assert.deepEqual([1, 8, 9, 100, 1_000, 100_000].map(bucketsFor), [1, 1, 2, 16, 128, 256])
})

test('a round trip has a 99th percentile once there are samples enough', () => {
  const trip = new RoundTrip(10)
  for (let at = 0; at < 6; at++) trip.add(10)
  assert.equal(trip.p99Ms, undefined)
  trip.add(10)
  assert.equal(trip.p99Ms, 10)
  trip.add(50)
  assert.ok((trip.p99Ms ?? 0) > trip.meanMs)
})

test('availability forgets with a half-life of six hours', () => {
  const track = new TrackRecord(true, 0)
  track.died(0)
  assert.equal(track.availability(6 * HOUR_MS), 0.5)
  track.returned(6 * HOUR_MS)
  assert.equal(track.availability(12 * HOUR_MS), 0.75)
})

test('flaps forget with a half-life of half an hour', () => {
  const track = new TrackRecord(true, 0)
  track.died(0)
  track.returned(0)
  assert.equal(track.flaps(0), 1)
  assert.equal(track.flaps(HOUR_MS / 2), 0.5)
})

test('one that comes and goes ten times is flapping, until the penalty has halved', () => {
  const track = new TrackRecord(true, 0)
  for (let times = 1; times <= 10; times++) {
    track.died(0)
    track.returned(0)
    assert.equal(track.isFlapping(0), times === 10)
  }
  assert.equal(track.isFlapping(299_000), true)
  assert.equal(track.isFlapping(301_000), false)
})

const steady: StabilityInputs = {
  availability: 1,
  uptimeMs: 48 * HOUR_MS,
  flaps: 0,
  rttMs: 1,
  responsiveness: 1,
}
for (const [what, worse] of [
  ['less availability', { availability: 0.9 }],
  ['a shorter uptime', { uptimeMs: HOUR_MS }],
  ['flaps', { flaps: 1 }],
  ['distance', { rttMs: 100 }],
  ['an unknown distance', { rttMs: undefined }],
  ['late answers', { responsiveness: 0.5 }],
] as const) {
  test(`${what} lowers the stability score`, () => {
    const best = stabilityScore(steady)
    const score = stabilityScore({ ...steady, ...worse })
    assert.ok(score >= 0 && score < best && best <= 1)
  })
}

test('a minority of liars does not move the median far', () => {
  assert.equal(medianScore([0.5, 0.6, 0.55, 1, 0]), 0.55)
  assert.equal(medianScore([0.4, 0.6]), 0.5)
  assert.equal(medianScore([]), 0)
})

const fit: GateInputs = {
  uptimeMs: HOUR_MS,
  needsUptime: true,
  isCompatible: true,
  clockStatus: 'SYNCED',
  health: 0,
  loopLagMs: 10,
  diskSyncMs: 5,
  usedBytes: 10,
  freeBytes: 90,
  isDialable: true,
  isFlapping: false,
  rttMs: 2,
  electionTimeoutMs: 300,
}
for (const [gate, flaw] of [
  ['uptime', { uptimeMs: 60_000 }],
  ['protocol', { isCompatible: false }],
  ['clock', { clockStatus: 'HOLDOVER' }],
  ['health', { health: 1.1 }],
  ['loop lag', { loopLagMs: 51 }],
  ['disk sync', { diskSyncMs: 21 }],
  ['disk space', { usedBytes: 95, freeBytes: 5 }],
  ['reachability', { isDialable: false }],
  ['flapping', { isFlapping: true }],
  ['round trip', { rttMs: 31 }],
  ['round trip', { rttMs: undefined }],
] as const) {
  test(`the gate "${gate}" keeps out ${JSON.stringify(flaw)}`, () => {
    assert.deepEqual(failedGates(fit), [])
    assert.deepEqual(failedGates({ ...fit, ...flaw }), [gate])
  })
}

test('a group that is too small waives the uptime', () => {
  assert.deepEqual(failedGates({ ...fit, uptimeMs: 0, needsUptime: false }), [])
})
