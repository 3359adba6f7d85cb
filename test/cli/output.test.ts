import assert from 'node:assert/strict'
import { test } from 'node:test'

import { asJson, asText } from '../../src/cli/log-output.ts'
import { formatTable } from '../../src/cli/table.ts'
import { peersTable, statusTable } from '../../src/cli/view-commands.ts'
import type { LogLine, NodeStatus, PeerView } from '../../src/index.ts'

const line: LogLine = {
  atMs: 1_800_000_000_000,
  level: 'warn',
  message: 'refused',
  fields: { peer: 'x', why: 'it is banned', list: ['a', 'b'], nothing: undefined },
}

test('a line is JSON whose keys no field can take', () => {
  const spoilt = { ...line, fields: { ...line.fields, level: 'info', time: 'never' } }
  const parsed = JSON.parse(asJson(spoilt)) as Record<string, unknown>
  assert.deepEqual([parsed['level'], parsed['peer'], parsed['why']], ['warn', 'x', 'it is banned'])
  assert.equal(parsed['time'], '2027-01-15T08:00:00.000Z')
})

test('a line for people has its fields behind it', () => {
  assert.match(
    asText(line, false),
    /^\d\d:\d\d:\d\d WARN {2}refused peer=x why="it is banned" list=a,b\n$/,
  )
  assert.match(asText(line, true), /\p{C}\[33mWARN \p{C}\[0m/u)
})

const hostile = 'evil\u001B[2J\u202Ename\n'

test('what peers call themselves cannot steer the terminal', () => {
  const said = asText({ ...line, fields: { name: hostile } }, false)
  assert.doesNotMatch(said.slice(0, -1), /\p{C}/u)
  assert.doesNotMatch(formatTable(['NAME'], [[hostile]]).slice(5), /\p{C}/u)
})

const view: PeerView = {
  peer: 'id-of-a',
  isSelf: false,
  name: 'a',
  state: 'alive',
  sinceMs: 61_000,
  why: 'it answered',
  membership: 'member',
  role: 'full',
  zone: 'rack',
  version: '0.1.0',
  addresses: ['/ip4/10.0.0.1/tcp/4801/p2p/id-of-a'],
  isConnected: true,
  rttMs: 1.234,
  score: 0.5,
  clock: { status: 'SYNCED', offsetMs: 0, boundMs: 1 },
  seat: 1,
  drain: undefined,
  space: undefined,
  load: undefined,
  stability: undefined,
}

test('peers are a table', () => {
  const banned: PeerView = { ...view, name: '', membership: 'banned', role: undefined, zone: '' }
  assert.equal(
    peersTable([view, { ...banned, sinceMs: undefined, rttMs: undefined, addresses: [] }]),
    [
      'NAME  STATE   SINCE  ROLE  ZONE  RTT     CLOCK   PEER     ADDRESS',
      'a     alive   1:01   full  rack  1.2 ms  SYNCED  id-of-a  /ip4/10.0.0.1/tcp/4801',
      '?     banned                             SYNCED  id-of-a',
    ].join('\n'),
  )
})

test('a status is a table', () => {
  const status: NodeStatus = {
    version: '0.1.0',
    state: 'running',
    peer: 'id-of-a',
    name: 'a',
    network: 'ff',
    role: 'full',
    zone: '',
    isAuthority: true,
    dataDirectory: '/data',
    addresses: ['one', 'two'],
    startedAt: '2027-01-15T08:00:00.000Z',
    uptimeMs: 5000,
    certificateUntil: undefined,
    peers: { alive: 2, suspect: 0, dead: 1, left: 0, unknown: 0, banned: 0 },
    connections: 1,
    refusals: {},
  }
  const text = statusTable(status)
  assert.match(text, /^role +full, holds the key of the network$/m)
  assert.match(text, /^peers +2 alive, 1 dead$/m)
  assert.match(text, /^addresses +one\n +two$/m)
})
