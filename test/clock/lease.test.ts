import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { Lease, LEASE_RATE_ERROR, leaseLengthMs } from '../../src/clock/lease.ts'

test('a lease counts from before the heartbeat was sent', () => {
  const lease = new Lease(1_000)
  lease.extend(500, 1)
  assert.equal(leaseLengthMs(1_000), 949)
  assert.ok(lease.holds(500 + 948.9, 1))
  assert.ok(!lease.holds(500 + 949, 1))
})

test('an older round does not shorten it', () => {
  const lease = new Lease(1_000)
  lease.extend(500, 1)
  lease.extend(100, 1)
  assert.ok(lease.holds(1_400, 1))
})

test('a disturbance voids it, and what was sent before does not renew it', () => {
  const lease = new Lease(1_000)
  lease.extend(500, 1)
  assert.ok(!lease.holds(501, 2))
  lease.extend(450, 1)
  assert.ok(!lease.holds(501, 2))
  lease.extend(600, 2)
  assert.ok(lease.holds(601, 2))
})

test('none is held or begun while the clock does not allow it', () => {
  const lease = new Lease(1_000)
  lease.extend(500, undefined)
  assert.ok(!lease.holds(501, 1))
  lease.extend(500, 1)
  assert.ok(!lease.holds(501, undefined))
  lease.end()
  assert.ok(!lease.holds(501, 1))
})

test('an election time too short for leases gives none', () => {
  const lease = new Lease(40)
  lease.extend(0, 1)
  assert.ok(!lease.holds(0, 1))
})

test('it is over here before the quickest follower elects another leader', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 10_000 }),
      fc.float({ min: -1, max: 1, noNaN: true }),
      fc.float({ min: -1, max: 1, noNaN: true }),
      (electionMs, slow, fast) => {
        const leaderRate = 1 + slow * LEASE_RATE_ERROR
        const followerRate = 1 + fast * LEASE_RATE_ERROR
        const leaseTrueMs = leaseLengthMs(electionMs) / leaderRate
        assert.ok(leaseTrueMs < electionMs / followerRate)
      },
    ),
  )
})
