import assert from 'node:assert/strict'
import { test } from 'node:test'

import { codeOf } from '../../src/base/errors.ts'
import { clockTable } from '../../src/cli/clock-table.ts'
import { parseServers } from '../../src/cli/parse.ts'
import type { ClockReport } from '../../src/index.ts'

const report: ClockReport = {
  status: 'SYNCED',
  basis: 'utc',
  atMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  offsetMs: -0.0123,
  boundMs: 0.456,
  driftPpm: -12.3456,
  driftErrorPpm: 15,
  lastSyncMs: 7_000,
  pollEveryMs: 16_000,
  sources: [
    {
      kind: 'server',
      name: 'ntp.example',
      verdict: 'selected',
      offsetMs: 0.1,
      delayMs: 0.2,
      boundMs: 0.3,
    },
    { kind: 'server', name: 'busy.example', verdict: 'unusable', refusal: 'rate' },
    {
      kind: 'peer',
      name: '12D3',
      verdict: 'falseticker',
      offsetMs: 600_000,
      delayMs: 1,
      boundMs: 1,
      status: 'SYNCED',
    },
  ],
  rejectedStamps: 4,
  contradictions: 0,
  disturbances: 2,
  lastDisturbance: { what: 'sleep', agoMs: 61_000 },
  stamps: { isReady: true, waitMs: 0 },
}

test('what a clock says is shown, and who says so', () => {
  assert.equal(
    clockTable(report),
    `CLOCK       SYNCED
time        2026-01-02T03:04:05.678Z
bound       0.456 ms against UTC
offset      -0.012 ms, being worked off
drift       -12.346 ppm, give or take 15.0
last sync   0:07 ago
polls       every 0:16
timestamps  given out
rejected    4 timestamps
disturbed   2 times, sleep 1:01 ago

SOURCE        KIND    VERDICT         STATUS  OFFSET     DELAY     BOUND
ntp.example   server  selected                +0.100 ms  0.200 ms  0.300 ms
busy.example  server  unusable: rate
12D3          peer    falseticker     SYNCED  +10:00     1.000 ms  1.000 ms`,
  )
})

test('what is not known is said', () => {
  const text = clockTable({
    ...report,
    basis: 'network',
    boundMs: null,
    lastSyncMs: null,
    lastDisturbance: null,
    sources: [],
    stamps: { isReady: false, waitMs: 20 },
  })
  assert.match(text, /bound +not known/)
  assert.match(text, /last sync +never/)
  assert.match(text, /timestamps +not yet/)
  assert.match(text, /disturbed +never/)
  assert.match(text, /no sources/)
})

test('servers are a list of hosts', () => {
  assert.deepEqual(parseServers('a.example, 192.0.2.1:99,[2001:db8::1]:123'), [
    'a.example',
    '192.0.2.1:99',
    '[2001:db8::1]:123',
  ])
  for (const text of ['', 'a,,b', 'a b', 'http://a', 'a,a', 'a:port']) {
    assert.throws(
      () => parseServers(text),
      error => codeOf(error) === 'CONFIG_INVALID',
    )
  }
})
