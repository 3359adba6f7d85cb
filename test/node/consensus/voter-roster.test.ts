import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { RosterEntry } from '../../../src/membership/roster.ts'
import { noVitals } from '../../../src/membership/vitals.ts'
import type { Role } from '../../../src/node/admission/member-record.ts'
import { voterRoster, zoneOf } from '../../../src/node/consensus/voter-roster.ts'

const entry = (peer: string, more: Partial<RosterEntry> = {}): RosterEntry => ({
  peer,
  isSelf: false,
  state: 'alive',
  sinceMs: 5,
  why: '',
  incarnation: 1,
  addresses: ['/ip4/10.1.2.3/tcp/1'],
  zone: '',
  version: '1',
  protocol: { min: 1, max: 1, current: 1 },
  meta: new Uint8Array(0),
  vitals: noVitals,
  vitalsAgeMs: 0,
  rttMs: 1,
  responsiveness: 1,
  healthMean: 0,
  flaps: 0,
  isFlapping: false,
  availability: 1,
  uptimeMs: 7,
  score: 0.5,
  ...more,
})

function rosterOf(entries: readonly RosterEntry[], roles: Record<string, Role>, voters = 1) {
  return voterRoster(
    {
      roster: () => entries,
      certificateOf: peer => {
        const role = roles[peer]
        if (role === undefined) return undefined
        return { kind: 'certificate', peer, role, zone: 'z', serial: 1, notAfterMs: 1 }
      },
      protocol: 1,
    },
    voters,
  )
}

test('only full members are candidates', () => {
  const entries = ['full', 'storage', 'banned'].map(name => entry(name))
  const found = rosterOf(entries, { full: 'full', storage: 'storage' })
  assert.deepEqual(
    found.map(({ peer, zone, state, stateMs, upMs }) => [peer, zone, state, stateMs, upMs]),
    [['full', 'z', 'alive', 5, 7]],
  )
})

test('who has left counts as dead', () => {
  assert.equal(rosterOf([entry('a', { state: 'left' })], { a: 'full' })[0]?.state, 'dead')
})

test('an incompatible peer never votes; a disturbed clock counts once there are three', () => {
  const other = entry('a', { protocol: { min: 2, max: 3, current: 3 } })
  assert.deepEqual(rosterOf([other], { a: 'full' })[0]?.failing, ['protocol'])
  const clock = { status: 'DISRUPTED' as const, offsetUs: 0, boundUs: 0 }
  const disturbed = entry('a', { vitals: { ...noVitals, clock } })
  assert.deepEqual(rosterOf([disturbed], { a: 'full' }, 1)[0]?.failing, [])
  assert.deepEqual(rosterOf([disturbed], { a: 'full' }, 3)[0]?.failing, ['clock'])
})

test('a zone is its label, or the part of the network', () => {
  assert.equal(zoneOf('rack', ['/ip4/10.1.2.3/tcp/1']), 'rack')
  assert.equal(zoneOf('', ['/dns4/x/tcp/1', '/ip4/10.1.2.3/tcp/1']), '10.1.2')
  assert.equal(zoneOf('', ['/ip6/2001:db8:1:2::3/tcp/1']), '2001:db8:1')
  assert.equal(zoneOf('', []), '')
})

test('who is slow votes only where too few others are fast', () => {
  const names = ['a', 'b', 'c', 'd']
  const roles = Object.fromEntries(names.map(name => [name, 'full' as const]))
  const slow = { vitals: { ...noVitals, loopLagMs: 80, diskSyncMs: 30 } }
  const failingOf = (slowPeers: string): (readonly string[] | undefined)[] => {
    const entries = names.map(name => entry(name, slowPeers.includes(name) ? slow : {}))
    return rosterOf(entries, roles, 3).map(({ failing }) => failing)
  }
  assert.deepEqual(failingOf('d'), [[], [], [], ['loop lag', 'disk sync']])
  // A machine that is too small for all must not keep a seat empty.
  assert.deepEqual(failingOf('cd'), [[], [], [], []])
  assert.deepEqual(failingOf('abcd'), [[], [], [], []])
})
