import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Authority, type AuthorityEffect } from '../../../src/node/admission/authority.ts'
import { signerOf } from '../../../src/node/admission/ed25519.ts'

const INVITES_MAX = 1000
const NOW_MS = 1e12

/** An authority with this many invites, of which the first `usedUp` are. */
function authorityWith(invites: number, usedUp: number): Authority {
  return new Authority({
    self: 'founder',
    networkId: new Uint8Array(32),
    signer: signerOf(new Uint8Array(32).fill(1)),
    books: {
      lastSerial: invites,
      invites: Array.from({ length: invites }, (_, index) => ({
        ...invite(index),
        usedBy: index < usedUp ? ['somebody'] : [],
      })),
    },
    lastSerialSeen: 0,
    statusOf: () => ({ state: 'unknown' }),
  })
}

const invite = (index: number) =>
  ({
    id: Uint8Array.of(index >> 8, index & 255, 0, 0, 0, 0, 0, 0),
    secret: new Uint8Array(16),
    role: 'full',
    uses: 1,
    zone: '',
    expiresAtMs: NOW_MS + 1000,
  }) as const

const outcomeOf = (effects: readonly AuthorityEffect[]): string | undefined => effects.at(-1)?.type

test('invites that are used up make room for new ones, and open ones do not', () => {
  const full = authorityWith(INVITES_MAX, 0)
  assert.equal(outcomeOf(full.step({ type: 'invite', invite: invite(5000) }, NOW_MS)), 'refuse')
  const used = authorityWith(INVITES_MAX, 1)
  assert.equal(outcomeOf(used.step({ type: 'invite', invite: invite(5000) }, NOW_MS)), 'done')
  assert.equal(outcomeOf(used.step({ type: 'invite', invite: invite(5001) }, NOW_MS)), 'refuse')
  assert.equal(used.invites.length, INVITES_MAX)
})
