import assert from 'node:assert/strict'
import { test } from 'node:test'

import { attentionOf } from '../../../src/gateway/console/attention.ts'
import { sharedBits } from '../../../src/gateway/console/kad-place.ts'
import { peerRows } from '../../../src/gateway/console/peer-rows.ts'
import type { PeerView } from '../../../src/index.ts'

const view: PeerView = {
  peer: '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN',
  isSelf: false,
  name: '$(rm -rf ~)',
  state: 'dead',
  sinceMs: 1_000,
  why: 'no answer',
  membership: 'member',
  role: 'full',
  zone: '',
  version: '',
  addresses: [],
  isConnected: false,
  rttMs: undefined,
  score: undefined,
  clock: undefined,
  seat: 2,
  drain: undefined,
  space: undefined,
  load: undefined,
  stability: undefined,
}
const about = {
  groups: [],
  health: undefined,
  program: 'holdfast',
  isAuthority: true,
  certificateUntil: undefined,
  nowMs: 0,
}
const found = (peers: readonly PeerView[]) =>
  attentionOf({ ...about, peers: peerRows(peers, 0) }).filter(({ id }) => id !== 'alone')

test('a command to paste names a peer by its id, for its name may be another command', () => {
  const [matter] = found([view])
  assert.equal(matter?.command, `holdfast ban ${view.peer}`)
  assert.ok(matter?.what.includes(view.name))
})

test('each matter is told in the order of how pressing it is, and no more than fifty', () => {
  const space = { usedBytes: 95, freeBytes: 5 }
  const clock = { status: 'UNSYNCED', offsetMs: 0, boundMs: null } as const
  const alive: PeerView = { ...view, state: 'alive' }
  const peers = [
    { ...alive, clock },
    { ...alive, space },
    { ...alive, drain: 'drained' as const },
    { ...alive, membership: 'expired' as const },
    { ...view, membership: 'banned' as const },
    { ...view, state: 'left' as const },
    ...Array.from({ length: 60 }, () => view),
  ].map((each, at) => ({ ...each, peer: `peer ${at}` }))
  const matters = found(peers)
  assert.equal(matters.length, 50)
  assert.deepEqual(new Set(matters.map(({ level }) => level)), new Set(['warning']))
  const few = found(peers.slice(0, 6)).map(({ id }) => id)
  assert.deepEqual(few, [
    'full peer 1',
    'expired peer 3',
    'clock peer 0',
    'drained peer 2',
    'away peer 5',
  ])
})

test('places in Kademlia share as many bits as their hashes do', () => {
  assert.equal(sharedBits(view.peer, view.peer), 256)
  const other = '12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo'
  const bits = sharedBits(view.peer, other)
  assert.ok(bits >= 0 && bits < 64)
  assert.equal(sharedBits(other, view.peer), bits)
  assert.equal(typeof sharedBits('<no id>', view.peer), 'number')
})
