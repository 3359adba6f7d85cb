import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromUtf8 } from '../../src/base/bytes.ts'
import type { Command, Doomed } from '../../src/catalog/commands.ts'
import {
  commonPrefixOf,
  endOfDays,
  type Expiry,
  LifecycleJudge,
  type LifecycleRule,
  rulesIn,
} from '../../src/catalog/lifecycle.ts'
import { listVersions, type VersionEntry } from '../../src/catalog/query-objects.ts'
import { checkInvariants } from './invariants.ts'
import { codeOf, createBucket, deleteKey, description, Host, putInline } from './support.ts'

const DAY_MS = 86_400_000
const place = { bucket: 'diary', key: 'a' }
const ruleOf = (rule: Partial<LifecycleRule>): LifecycleRule => ({
  id: '',
  isEnabled: true,
  prefix: '',
  tags: [],
  ...rule,
})

interface Scene {
  readonly host: Host
  readonly all: () => readonly VersionEntry[]
  readonly judged: (rule: Partial<LifecycleRule>) => Expiry
  /** How many ended. */
  readonly carryOut: (expiry: Expiry) => number
}

function scene(more: Partial<Extract<Command, { type: 'createBucket' }>> = {}): Scene {
  const host = new Host()
  host.do(createBucket('diary', more))
  const asked = { bucket: 'diary', prefix: '', delimiter: '', after: new Uint8Array(0), limit: 99 }
  const all = () => host.see(listVersions({ ...asked, afterVersion: undefined })).versions
  return {
    host,
    all,
    judged(rule) {
      const judge = new LifecycleJudge([ruleOf(rule)], host.nowMs)
      const said = [...all().map(entry => judge.see(entry)), judge.end()]
      const [first] = said.filter(each => each !== undefined)
      assert.ok(first !== undefined, 'something is over')
      return first
    },
    carryOut(expiry) {
      const result = host.do({ type: 'expire', bucket: 'diary', ...expiry })
      checkInvariants(host.store.rows)
      assert.ok(result.type === 'expired', codeOf(result))
      return result.count
    },
  }
}

for (const [sinceMs, days, endMs] of [
  [0, 1, DAY_MS],
  [1, 1, 2 * DAY_MS],
  [DAY_MS - 1, 1, 2 * DAY_MS],
  [10.5 * DAY_MS, 3, 14 * DAY_MS],
] as const)
  test(`${days} days from ${sinceMs} end at ${endMs}`, () => {
    assert.equal(endOfDays(sinceMs, days), endMs)
  })

for (const [prefixes, common] of [
  [['logs/', 'logs/a', 'lo'], 'lo'],
  [['a', ''], ''],
  [['a'], 'a'],
  [['a', 'b'], ''],
] as const)
  test(`${JSON.stringify(prefixes)} have ${JSON.stringify(common)} in common`, () => {
    assert.equal(commonPrefixOf(prefixes.map(prefix => ruleOf({ prefix }))), common)
  })

for (const document of ['', 'null', '{}', '[null, 3, {}]', '[{"prefix":"","tags":[]}]', '\xff'])
  test(`${JSON.stringify(document)} holds no rules`, () => {
    assert.deepEqual(rulesIn(fromUtf8(document)), [])
  })

test('what was judged ends, and only once', () => {
  const { host, all, judged, carryOut } = scene()
  host.do(putInline(place, 'x'))
  host.nowMs += 2 * DAY_MS
  const expiry = judged({ expireDays: 1 })
  assert.equal(carryOut(expiry), 1)
  assert.deepEqual(all(), [])
  assert.equal(carryOut(expiry), 0)
})

test('what was written after it was judged does not end', () => {
  const { host, all, judged, carryOut } = scene()
  host.do(putInline(place, 'x'))
  host.nowMs += 2 * DAY_MS
  const expiry = judged({ expireDays: 1 })
  host.do(putInline(place, 'x'))
  assert.equal(carryOut(expiry), 0)
  assert.equal(all().length, 1)
})

test('a version that became the current one again does not end as an old one', () => {
  const { host, all, judged, carryOut } = scene({ versioning: 'enabled' })
  host.do(putInline(place, 'old'))
  host.do(putInline(place, 'new'))
  host.nowMs += 2 * DAY_MS
  const expiry = judged({ noncurrentDays: 1 })
  const [newest] = all()
  host.do(deleteKey(place, newest?.id))
  assert.equal(carryOut(expiry), 0)
  assert.deepEqual(
    all().map(({ version }) => version.etag),
    ['"old"'],
  )
})

test("nothing ends before the log's own time says so", () => {
  const { host, judged, carryOut } = scene()
  host.do(putInline(place, 'x'))
  host.nowMs += 2 * DAY_MS
  const { doomed, ...expiry } = judged({ expireDays: 1 })
  const later = doomed.map((each): Doomed => ({ ...each, dueMs: host.nowMs + 1 }))
  assert.equal(carryOut({ ...expiry, doomed: later }), 0)
})

test('what has other tags by now does not end', () => {
  const { host, judged, carryOut } = scene()
  const tags = [{ name: 'keep', value: 'no' }]
  host.do(putInline(place, 'x', { description: description({ sizeBytes: 1, tags }) }))
  host.nowMs += 2 * DAY_MS
  const expiry = judged({ expireDays: 1, tags: [{ key: 'keep', value: 'no' }] })
  host.do({ type: 'setTags', ...place, version: undefined, tags: [] })
  assert.equal(carryOut(expiry), 0)
})

test('a version that is locked by now stays, and the others end', () => {
  const { host, all, judged, carryOut } = scene({ versioning: 'enabled', hasLock: true })
  for (const text of ['1', '2', '3']) host.do(putInline(place, text))
  host.nowMs += 2 * DAY_MS
  const expiry = judged({ noncurrentDays: 1 })
  const version = all()[1]?.id
  const how = { retention: undefined, bypassesGovernance: false } as const
  host.do({ type: 'setLock', ...place, version, ...how, hasLegalHold: true })
  assert.equal(carryOut(expiry), 1)
  assert.deepEqual(
    all().map(({ version: { etag } }) => etag),
    ['"3"', '"2"'],
  )
})

test('where versions are suspended a marker takes the place of the one without a name', () => {
  const { host, all, judged, carryOut } = scene({ versioning: 'suspended' })
  host.do(putInline(place, 'x'))
  host.nowMs += 2 * DAY_MS
  assert.equal(carryOut(judged({ expireDays: 1 })), 1)
  assert.deepEqual(
    all().map(({ id, version }) => [id, version.body.type]),
    [['null', 'marker']],
  )
  assert.equal(carryOut(judged({ dropsMarkers: true })), 1)
  assert.deepEqual(all(), [])
})

test('an upload ends if it is one, is open, and its time has come', () => {
  const { host } = scene()
  const content = new Uint8Array(16).fill(1)
  const name = { ...place, content }
  const untilMs = host.nowMs + 30 * DAY_MS
  host.do({ type: 'openContent', ...name, untilMs, upload: description() })
  const expire = (dueMs: number): unknown => host.do({ type: 'expireUpload', ...name, dueMs })
  assert.deepEqual(expire(host.nowMs + 1), { type: 'expired', count: 0 })
  assert.deepEqual(expire(host.nowMs), { type: 'expired', count: 1 })
  assert.deepEqual(expire(host.nowMs), { type: 'expired', count: 0 })
  checkInvariants(host.store.rows)
})
