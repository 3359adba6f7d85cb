import assert from 'node:assert/strict'
import { test } from 'node:test'

import { bucketsTable } from '../../src/cli/buckets-command.ts'
import { eventsIn, eventText } from '../../src/cli/events-command.ts'
import { formatBytes, formatTime } from '../../src/cli/format.ts'
import { pageTable, versionTable } from '../../src/cli/ls-command.ts'
import { peerLabels } from '../../src/cli/peer-labels.ts'
import { placementTable } from '../../src/cli/placement-command.ts'
import {
  drainPlanText,
  rebalanceText,
  repairsTable,
  upkeepText,
} from '../../src/cli/upkeep-commands.ts'
import type { FragmentPlacement, ObjectPlacement, PeerView } from '../../src/index.ts'

const modified = '2026-05-01T12:00:00.000Z'
const shown = formatTime(modified)
const listed = { key: 'd/a', version: 'v', sizeBytes: 1500, etag: 'e', modified }

test('a list shows folders first, below what was asked for', () => {
  const page = { objects: [listed], prefixes: ['d/b/'], next: undefined }
  assert.equal(
    pageTable(page, 'd/', true),
    ['SIZE     MODIFIED             KEY', `${' '.repeat(30)}b/`, `1.50 kB  ${shown}  a`].join('\n'),
  )
  assert.equal(pageTable({ ...page, prefixes: [] }, 'd/', false), `1.50 kB  ${shown}  a`)
  assert.equal(pageTable({ objects: [], prefixes: [], next: undefined }, '', true), 'nothing there')
})

test('versions show which is the latest and what was deleted', () => {
  const versions = [
    { ...listed, isLatest: true, isMarker: true },
    { ...listed, isLatest: false, isMarker: false },
  ]
  const lines = versionTable({ versions, prefixes: [], next: undefined }, true).split('\n')
  assert.match(lines[1] ?? '', /^deleted .* latest +v +d\/a$/)
  assert.match(lines[2] ?? '', /^1\.50 kB .* v +d\/a$/)
})

test('no buckets yet: it says how to get one', () => {
  assert.match(bucketsTable([]), /holdfast put/)
})

const peer = (id: string, name: string): PeerView => ({ peer: id, name }) as PeerView
const label = peerLabels([
  peer('id-of-anna-1', 'anna'),
  peer('id-of-bert-2', 'bert'),
  peer('id-of-same-3', 'same'),
  peer('id-of-same-4', 'same'),
  peer('id-of-evil-5', 'e\u001B[2J'),
])

test('peers go by their names where these tell them apart', () => {
  assert.deepEqual(['id-of-anna-1', 'id-of-same-3', 'id-of-same-4', 'unknown-id-9'].map(label), [
    'anna',
    'same~same-3',
    'same~same-4',
    'n-id-9',
  ])
  assert.doesNotMatch(label('id-of-evil-5'), /\p{C}/u)
})

const fragment = (
  index: number,
  state: FragmentPlacement['state'],
  holder?: string,
): FragmentPlacement => ({
  index,
  kind: index < 2 ? 'data' : 'parity',
  id: `f${index}`,
  sizeBytes: 1,
  peer: holder,
  state,
  verified: undefined,
  isRepairing: false,
})

const placement = (fragments: readonly FragmentPlacement[], margin: number): ObjectPlacement => ({
  bucket: 'sea',
  key: 'a',
  version: 'v',
  sizeBytes: 5_000_000,
  isInline: false,
  modified: new Date(0),
  next: undefined,
  segmentsTotal: 1,
  segments: [
    { segment: 0, from: 0, to: 5_000_000, sizeBytes: 5_000_000, k: 2, m: 2, fragments, margin },
  ],
})

test('a placement is a matrix of segments and fragments, with what its marks mean', () => {
  const fragments = [
    fragment(0, 'alive', 'id-of-anna-1'),
    fragment(1, 'suspect', 'id-of-bert-2'),
    fragment(2, 'dead', 'id-of-same-3'),
    fragment(3, 'owed'),
  ]
  assert.equal(
    placementTable(placement(fragments, 0), label),
    [
      'sea/a  5.00 MB in 1 segment',
      '',
      'SEGMENT  SIZE     SCHEME  0     1      2              3  MAY LOSE',
      '0        5.00 MB  2+2     anna  bert?  *same~same-3!  .  0',
      '',
      '* parity, ? does not answer at the moment, ! is dead, . not there yet',
      'readable; none of what it needs may be lost',
    ].join('\n'),
  )
})

test('a placement says how much more may be lost, or that it is too much already', () => {
  const two = [fragment(0, 'alive', 'id-of-anna-1'), fragment(1, 'gone')]
  assert.match(placementTable(placement(two, -1), label), /not readable now/)
  assert.match(placementTable(placement(two, 2), label), /any 2 more fragments/)
  assert.match(placementTable({ ...placement(two, 1), isInline: true }, label), /every voter/)
  assert.match(placementTable({ ...placement(two, 1), segments: [] }, label), /no bytes/)
})

test('repairs are a table with what proves them', () => {
  const repair = {
    number: 1,
    at: modified,
    kind: 'repair',
    bucket: 'sea',
    key: 'a',
    segment: 2,
    fragments: [{ index: 3, peer: 'id-of-bert-2' }],
    bytesRead: 8,
    bytesWritten: 4_000_000,
    tookMs: 1240,
    outcome: 'done',
    reason: '',
    proofs: [{ index: 3, cell: 1, nonce: 'n', answer: 'a' }],
    by: 'id-of-anna-1',
  } as const
  const lines = repairsTable([repair, { ...repair, outcome: 'failed', reason: 'no room' }], label)
  assert.match(lines, /repair {2}done {5}sea\/a +2 +3→bert +4\.00 MB +1\.2 s +anna +1 proven/)
  assert.match(lines, /failed .* no room$/)
  assert.match(repairsTable([], label), /nothing had to be/)
})

test('upkeep tells what is short and what was wrong', () => {
  const upkeep = {
    waiting: 2,
    running: 1,
    short: 0,
    repairedSegments: 3,
    repairedBytes: 1e6,
    audits: { ok: 5, wrong: 0, unknown: 0, offline: 0 },
    scrub: { fragments: 7, findings: 0 },
    garbage: 0,
  }
  assert.match(upkeepText(upkeep), /1 running, 2 waiting; 3 segments done \(1\.00 MB\)\n.*5 audits/)
  const bad = { ...upkeep, short: 4, scrub: { fragments: 7, findings: 2 } }
  assert.match(upkeepText(bad), /4 for which there are too few peers[^]*2 were wrong/)
})

test('a rebalance tells what moves, and what that changes', () => {
  const view = {
    moves: 4,
    bytes: 4e6,
    before: { fullest: 0.9, emptiest: 0.1 },
    after: { fullest: 0.5, emptiest: 0.49 },
  }
  assert.match(
    rebalanceText(view, true),
    /^4 fragments \(4\.00 MB\) would move\n[^]*90\.0 % +10\.0 %/,
  )
  assert.match(rebalanceText({ ...view, moves: 0 }, false), /nothing to move/)
})

test('events are read from however they arrive, and told in one line', async () => {
  const text =
    'retry: 1\n\nid: e-1\ndata: {"id":"e-1","at":"x","type":"peer","peer":"ü\\u001b"}\n\n'
  const bytes = Buffer.from(text)
  async function* stream(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7)
  }
  const events = []
  for await (const event of eventsIn(stream())) events.push(event)
  assert.equal(events.length, 1)
  assert.deepEqual(events.map(eventText), ['?  peer  peer=ü\uFFFD'])
})

test('a plan of a drain says what would move, and whether there is room for it', () => {
  const plan = {
    fragments: 12,
    bytes: 3_000_000,
    isPartial: false,
    fits: true,
    freeBytesElsewhere: 9_000_000,
    peersElsewhere: 4,
  }
  const room = `4 other peers have ${formatBytes(9_000_000)} free`
  const moves = `12 fragments, ${formatBytes(3_000_000)}, would move`
  assert.equal(drainPlanText(plan), `${moves}; ${room}`)
  assert.equal(
    drainPlanText({ ...plan, isPartial: true, fits: false }),
    `at least ${moves}; ${room}, and cannot take them`,
  )
})
