import assert from 'node:assert/strict'
import { test } from 'node:test'

import { type StateFacts, stateOf } from '../../../src/gateway/console/state-sentence.ts'
import type { HealthView } from '../../../src/index.ts'

const well: HealthView = {
  segments: 100,
  tolerance: 2,
  margins: [{ margin: 2, segments: 100 }],
  missing: [],
  isWhole: true,
  countedMsAgo: 10,
  groupsHeard: 1,
  groupsTotal: 1,
  repair: {
    waiting: 0,
    running: 0,
    short: 0,
    repairedSegments: 0,
    repairedBytes: 0,
    lastMinute: 0,
    lastMinuteMs: 0,
    graceMs: 60_000,
  },
  audits: { ok: 0, wrong: 0, unknown: 0, offline: 0 },
  audited: [],
}
const facts: StateFacts = {
  health: well,
  isStorageMember: false,
  objects: 1204,
  peersAlive: 6,
  groupTolerance: 2,
  graceLeftMs: 0,
}
const missing = [{ fragments: 1, segments: 37 }]
const repairing = { ...well.repair, waiting: 33, running: 4, lastMinute: 20, lastMinuteMs: 22_000 }
const short: HealthView = { ...well, tolerance: 1, missing }

const cases: readonly (readonly [Partial<StateFacts>, string, string])[] = [
  [{}, 'healthy', 'All 1,204 objects can lose any 2 peers'],
  [{ groupTolerance: 1 }, 'healthy', 'All 1,204 objects can lose any one peer'],
  [{ objects: null }, 'healthy', 'Everything stored can lose any 2 peers'],
  [{ objects: 1 }, 'healthy', 'The one object can lose any 2 peers'],
  [{ groupTolerance: 0 }, 'at risk', 'All 1,204 objects can lose no peer'],
  [
    { groupTolerance: 0, peersAlive: 1 },
    'at risk',
    'All 1,204 objects are on one peer only: let another one join',
  ],
  [
    { objects: 0, health: { ...well, segments: 0, tolerance: null, margins: [] } },
    'healthy',
    'Nothing is stored yet; 6 peers are ready',
  ],
  [
    { health: { ...short, repair: repairing } },
    'repairing',
    '37 segments are one fragment short; repair done in about 41 s',
  ],
  [
    { health: { ...short, repair: { ...repairing, lastMinute: 0 } } },
    'repairing',
    '37 segments are one fragment short; repair is under way',
  ],
  [
    { health: short, graceLeftMs: 42_000 },
    'degraded',
    '37 segments are one fragment short; repair begins in 42 s, unless they come back',
  ],
  [
    { health: { ...short, repair: { ...well.repair, short: 37 } } },
    'degraded',
    '37 segments are one fragment short, and there are too few peers',
  ],
  [
    { health: { ...short, tolerance: 0, missing: [{ fragments: 2, segments: 1 }] } },
    'at risk',
    'One segment is up to 2 fragments short; repair is about to begin',
  ],
  [
    { health: { ...short, margins: [{ margin: -1, segments: 3 }] } },
    'lost',
    '3 segments cannot be read: too many fragments are away',
  ],
  [{ groupTolerance: -1 }, 'at risk', 'A group has lost its majority: what it has stands still'],
  [
    { groupTolerance: -1, health: { ...well, groupsHeard: 0 } },
    'at risk',
    'A group has lost its majority: what it has stands still',
  ],
  [{ health: { ...well, isWhole: false } }, 'unknown', 'What is stored is being counted'],
  [
    { health: { ...well, groupsHeard: 0 } },
    'unknown',
    'How safe the data is cannot be told: nobody who leads answers',
  ],
  [
    { health: undefined },
    'unknown',
    'How safe the data is cannot be told: nobody who leads answers',
  ],
  [
    { isStorageMember: true },
    'unknown',
    'This peer only holds fragments: it cannot see what is stored',
  ],
]
for (const [given, level, sentence] of cases)
  test(`a network that is ${level} says "${sentence}"`, () => {
    const state = stateOf({ ...facts, ...given })
    assert.deepEqual([state.level, state.sentence], [level, sentence])
  })
