import assert from 'node:assert/strict'
import { test } from 'node:test'

import { allowsLeases, type Health, judge } from '../../src/clock/status.ts'

const limits = {
  syncedBoundMs: 50,
  unsyncedBoundMs: 250,
  silentPollsMax: 3,
  dividedPollsMax: 10,
  rootAgeMaxMs: 300_000,
}

const well: Health = {
  goodPolls: 3,
  freshPolls: 3,
  boundMs: 5,
  silentPolls: 0,
  dividedPolls: 0,
  rootAgeMs: 1_000,
  isOutvoted: false,
}

const cases = [
  ['all is well', {}, 'SYNCED'],
  ['two polls are too few to know anything', { goodPolls: 2 }, 'INIT'],
  ['nothing was confirmed since a disturbance', { freshPolls: 2 }, 'DISRUPTED'],
  ['a start is not a disturbance', { goodPolls: 0, freshPolls: 0 }, 'INIT'],
  ['three polls were silent', { silentPolls: 3 }, 'HOLDOVER'],
  ['the chain to a true source is old', { rootAgeMs: 300_001 }, 'HOLDOVER'],
  ['the bound is wide', { boundMs: 51 }, 'HOLDOVER'],
  ['the bound is useless', { boundMs: 251 }, 'UNSYNCED'],
  ['sources have been at odds for long', { dividedPolls: 10 }, 'UNSYNCED'],
  ['sources have been at odds for a while', { dividedPolls: 9, silentPolls: 9 }, 'HOLDOVER'],
  ['most peers are elsewhere', { isOutvoted: true }, 'UNSYNCED'],
] as const
for (const [what, change, status] of cases) {
  test(`${status} when ${what}`, () => assert.equal(judge({ ...well, ...change }, limits), status))
}

test('leases are for those who know the time, or did until lately', () => {
  const allowed = (['INIT', 'SYNCED', 'HOLDOVER', 'UNSYNCED', 'DISRUPTED'] as const).filter(
    allowsLeases,
  )
  assert.deepEqual(allowed, ['SYNCED', 'HOLDOVER'])
})
