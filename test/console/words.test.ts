import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, test } from 'node:test'

import { barOf, halfAxisMs } from '../../console/logic/clock-axis.ts'
import { commandsFor } from '../../console/logic/commands.ts'
import { eventText, kindOf, weightOf } from '../../console/logic/event-text.ts'
import { spread } from '../../console/logic/peer-map.ts'
import { previewKind } from '../../console/logic/preview.ts'
import { reasonText } from '../../console/logic/reasons.ts'
import type { LoggedEvent } from '../../src/gateway/console/views/live.ts'

describe('commands that are shown', () => {
  const keys = ['a/b.txt', `it's "x" $(touch /tmp/never) \`y\``, '-rf', 'a b\u202e\u2066c', '\\']
  for (const key of keys)
    test(`a shell takes ${JSON.stringify(key)} as the key that it is`, () => {
      const place = {
        program: 'printf %s\\\\n',
        origin: 'http://h',
        dataDirectory: '/d d',
        bucket: 'b',
        key,
      }
      const { holdfast, curl } = commandsFor(place)
      const [get] = holdfast
      const words = execFileSync('sh', ['-c', get?.text ?? ''])
        .toString()
        .split('\n')
      assert.deepEqual(words.slice(0, 2), ['get', `b/${key}`])
      assert.equal(words.at(-2), '/d d')
      assert.ok(curl.every(({ text }) => !text.includes(' $(touch')))
    })
})

const event = (fields: object): LoggedEvent => ({ id: '1', at: '', type: 'state', ...fields })

describe('events in words', () => {
  const cases = [
    [
      { type: 'peer', peer: 'p', state: 'dead', why: 'silence' },
      'P is dead: silence.',
      'bad',
      'Peers',
    ],
    [{ type: 'leader', group: 1 }, 'Group 1 has no leader that is known.', 'warn', 'Consensus'],
    [{ type: 'leader', group: 1, leader: 'q' }, 'Q leads group 1.', 'idle', 'Consensus'],
    [
      { type: 'members', group: 0, reason: { code: 'ADD_LEARNER' } },
      'Group 0 changes its members (add learner).',
      'idle',
      'Consensus',
    ],
    [
      { type: 'admitted', peer: 'p', role: 'full', zone: 'z' },
      'P was admitted as full member, zone z.',
      'good',
      'Peers',
    ],
    [
      { type: 'clock', from: 'SYNCED', to: 'HOLDOVER' },
      'The clock went from synced to holdover.',
      'idle',
      'Clock',
    ],
    [{ type: 'failed', error: 'disk' }, 'This peer failed: disk.', 'bad', 'This peer'],
  ] as const
  for (const [fields, text, weight, kind] of cases)
    test(text, () => {
      const told = event(fields)
      assert.equal(
        eventText(told, peer => peer.toUpperCase()),
        text,
      )
      assert.deepEqual([weightOf(told), kindOf(told)], [weight, kind])
    })
})

test('a reason that is not known is told by its code', () => {
  assert.equal(reasonText({ code: 'NEW_ONE' }), 'NEW_ONE')
  assert.equal(
    reasonText({ code: 'REPLACE_DEAD', replica: 'a', by: 'b', deadMs: 61_000, silentMs: 1 }),
    'a by b: dead for 1 min',
  )
})

test('the axis of clocks is as wide as the widest interval, in round steps', () => {
  assert.equal(halfAxisMs([]), 0.5)
  assert.equal(halfAxisMs([{ offsetMs: -3, boundMs: 0.5 }]), 5)
  assert.equal(halfAxisMs([{ offsetMs: 90, boundMs: null }]), 100)
  assert.deepEqual(barOf({ offsetMs: 0, boundMs: 1 }, 2), { from: 0.25, to: 0.75, middle: 0.5 })
  assert.equal(barOf({ offsetMs: 0, boundMs: null }, 2), undefined)
})

test('what an object may hold decides how it is shown, and a picture with scripts is text', () => {
  assert.equal(previewKind('a.mp4', undefined), 'video')
  assert.equal(previewKind('a', 'video/mp4; codecs=x'), 'video')
  assert.equal(previewKind('a.svg', 'image/svg+xml'), 'text')
  assert.equal(previewKind('a.txt', 'application/octet-stream'), 'text')
  assert.equal(previewKind('a.txt', 'application/pdf'), undefined)
  assert.equal(previewKind('a.exe', ''), undefined)
})

test('on the map a near peer is nearer, and the one that looks is in the middle', () => {
  const rows = [
    { peer: 'me', isSelf: true, zone: 'a' },
    { peer: 'near', isSelf: false, zone: 'a', rttMs: 0.2 },
    { peer: 'far', isSelf: false, zone: 'b', rttMs: 200 },
    { peer: 'unknown', isSelf: false, zone: 'b' },
  ]
  const { spots, sectors } = spread(rows, 'latency')
  const radius = (peer: string): number => {
    const spot = spots.find(({ row }) => row.peer === peer)
    return Math.hypot(spot?.x ?? NaN, spot?.y ?? NaN)
  }
  assert.equal(radius('me'), 0)
  assert.ok(radius('near') < radius('far') && radius('far') < radius('unknown'))
  assert.deepEqual(
    sectors.map(({ zone }) => zone),
    ['a', 'b'],
  )
})
