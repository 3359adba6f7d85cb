import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { fromUtf8 } from '../../../src/base/bytes.ts'
import {
  decodeHealth,
  encodeHealth,
  type HealthShare,
} from '../../../src/node/upkeep/health-share.ts'
import { joinedHealth } from '../../../src/node/upkeep/health-view.ts'

const share = (groups: HealthShare['groups']): HealthShare => ({
  groups,
  repair: {
    waiting: 1,
    running: 2,
    short: 3,
    repairedSegments: 4,
    repairedBytes: 5,
    lastMinute: 6,
    lastMinuteMs: 7,
    graceMs: 60_000,
  },
  audits: { ok: 1, wrong: 0, unknown: 0, offline: 2 },
  audited: [
    { seat: 1, counts: { ok: 1, wrong: 0, unknown: 0, offline: 2 }, last: 'offline', lastMsAgo: 9 },
  ],
})

const group = (number: number, margin: number, countedMsAgo: number | null = 5) => ({
  group: number,
  segments: 10,
  margins: [[margin, 10]] as const,
  missing: [],
  countedMsAgo,
})

test('what a leader says of health comes out as it went in', () => {
  const said = share([group(1, -2), group(2, 3, null)])
  assert.deepEqual(decodeHealth(encodeHealth(said)), said)
})

test('what is no word of health is none, whatever it is', () => {
  const good = JSON.parse(JSON.stringify(share([group(1, 2)]))) as Record<string, unknown>
  for (const bad of [
    { groups: 'many' },
    { groups: [{}] },
    { groups: [{ ...group(1, 2), margins: [[1]] }] },
    { groups: [{ ...group(1, 2), margins: [['x', 1]] }] },
    { groups: Array.from({ length: 10_001 }, () => group(1, 2)) },
    { repair: {} },
    { audits: { ok: -1 } },
    { audited: [[1, 0, 0, 0, 0, 9, 0]] },
  ])
    assert.equal(decodeHealth(fromUtf8(JSON.stringify({ ...good, ...bad }))), undefined)
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string({ unit: 'binary' })), text => {
      assert.equal(decodeHealth(fromUtf8(text.toWellFormed())), undefined)
    }),
  )
})

test('health is that of all groups, each by the word of its leader alone', () => {
  const leaders = new Map([
    [1, 'a'],
    [2, 'b'],
  ])
  const heard = [
    { from: 'a', share: share([group(1, 2), group(2, -5)]) },
    { from: 'b', share: share([group(2, 1, 50)]) },
  ]
  const view = joinedHealth(leaders, heard, seat => (seat === 1 ? 'x' : undefined))
  assert.deepEqual(
    [view.segments, view.tolerance, view.isWhole, view.countedMsAgo],
    [20, 1, true, 50],
  )
  assert.deepEqual(view.margins, [
    { margin: 1, segments: 10 },
    { margin: 2, segments: 10 },
  ])
  assert.deepEqual([view.repair.waiting, view.repair.graceMs], [2, 60_000])
  assert.deepEqual(view.audited[0]?.counts, { ok: 2, wrong: 0, unknown: 0, offline: 4 })
})

test('health is not whole while a leader is silent, unknown, or has not counted', () => {
  const one = [{ from: 'a', share: share([group(1, 2)]) }]
  const look = (
    leaders: readonly (readonly [number, string | undefined])[],
    heard = one,
  ): boolean => joinedHealth(new Map(leaders), heard, () => undefined).isWhole
  assert.equal(look([[1, 'a']]), true)
  assert.equal(
    look([
      [1, 'a'],
      [2, 'b'],
    ]),
    false,
  )
  assert.equal(
    look([
      [1, 'a'],
      [2, undefined],
    ]),
    false,
  )
  assert.equal(look([[1, 'a']], [{ from: 'a', share: share([group(1, 2, null)]) }]), false)
})
