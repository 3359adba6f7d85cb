import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Datagrams } from '../../src/net/datagrams.ts'
import { unreachable } from '../../src/net/failures.ts'
import { Refusals } from '../../src/net/refusals.ts'
import { systemClock } from '../../src/node/system.ts'

test('a datagram is no reason to search for a peer', () => {
  const opened: string[] = []
  const datagrams = new Datagrams({
    links: {
      self: 'me',
      isKnown: peer => peer === 'known',
      rttMs: () => undefined,
      open: async peer => {
        opened.push(peer)
        throw unreachable(peer)
      },
    },
    protocol: 'dgram',
    clock: systemClock,
    refusals: new Refusals(systemClock, () => undefined),
    mayReceive: () => true,
  })
  for (const peer of ['lost', 'known', 'lost']) datagrams.send(peer, 'news', Uint8Array.of(1))
  assert.deepEqual(opened, ['known'])
})
