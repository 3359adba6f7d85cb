import assert from 'node:assert/strict'
import { test } from 'node:test'

import { HoldfastError } from '../../src/base/errors.ts'
import { resolvePeer } from '../../src/node/peer-views.ts'
import type { PeerView } from '../../src/node/views.ts'

const viewOf = (peer: string, name: string, isSelf = false): PeerView => ({
  peer,
  name,
  isSelf,
  state: 'unknown',
  sinceMs: undefined,
  why: '',
  membership: 'member',
  role: 'full',
  zone: '',
  version: '',
  addresses: [],
  isConnected: false,
  rttMs: undefined,
  score: undefined,
  clock: undefined,
  seat: undefined,
  drain: undefined,
  space: undefined,
  load: undefined,
  stability: undefined,
})

const peers = [
  viewOf('1', 'me', true),
  viewOf('2', 'ann'),
  viewOf('3', 'bob'),
  viewOf('4', 'bob'),
  viewOf('5', '2'),
  viewOf('6', ''),
]

test('a peer is meant by its id before a name, and by a name that only it has', () => {
  assert.equal(resolvePeer(peers, '2'), '2')
  assert.equal(resolvePeer(peers, 'ann'), '2')
  assert.equal(resolvePeer(peers, 'nobody'), 'nobody')
  assert.equal(resolvePeer(peers, 'me'), '1')
  assert.throws(
    () => resolvePeer(peers, 'bob'),
    (error: unknown) => error instanceof HoldfastError && error.code === 'AMBIGUOUS',
  )
})

test('no name is not the name of a peer that has not said its own yet', () => {
  assert.equal(resolvePeer(peers, ''), '')
})
