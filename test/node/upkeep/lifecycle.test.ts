import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromUtf8 } from '../../../src/base/bytes.ts'
import type { Environment } from '../../../src/base/environment.ts'
import { NO_CONDITIONS } from '../../../src/catalog/commands.ts'
import { LIFECYCLE, type LifecycleRule } from '../../../src/catalog/lifecycle.ts'
import type { Pair, Versioning } from '../../../src/catalog/records.ts'
import { LifecycleKeeper } from '../../../src/node/upkeep/lifecycle-keeper.ts'
import { EPOCH_MS } from '../../sim/sim-clock.ts'
import { World } from '../../sim/world.ts'
import { LocalCatalog } from '../../support/local-catalog.ts'
import { type CatalogFaults, TOWN_GROUP, TownCatalog } from '../../support/town-catalog.ts'

/** Rules of buckets over days of virtual time. Leaders look every hour, as in a real network. */
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const BUCKET = 'diary'

interface Diary {
  readonly catalog: LocalCatalog
  /** Of the calls that reach the catalog. */
  readonly faults: CatalogFaults
  readonly nowMs: () => number
  readonly put: (key: string, options?: { size?: number; tags?: readonly Pair[] }) => Promise<void>
  readonly remove: (key: string) => Promise<void>
  readonly keep: (key: string, days: number) => Promise<void>
  readonly tag: (key: string, tags: readonly Pair[]) => Promise<void>
  /** `key`, `key (marker)`, the newest first. */
  readonly all: () => Promise<readonly string[]>
  readonly days: (count: number) => Promise<void>
  readonly rule: (...rules: readonly Partial<LifecycleRule>[]) => Promise<void>
}

/** Three peers, all of which believe to lead: what one decides another may have done. */
async function play(
  body: (diary: Diary) => Promise<void>,
  { versioning = 'off', hasLock = false }: { versioning?: Versioning; hasLock?: boolean } = {},
): Promise<void> {
  const world = new World(1)
  const wallMs = (): number => Math.floor(EPOCH_MS + world.nowMs)
  const catalog = await LocalCatalog.open({ wallMs })
  const faults = { refused: 0, unanswered: 0 }
  await world.play(async () => {
    const made = { owner: '', versioning, hasLock, retention: undefined }
    await catalog.propose({ type: 'createBucket', bucket: BUCKET, ...made })
    for (const name of ['a', 'b', 'c']) {
      const options = { faults, leads: () => true, onListed: async () => undefined }
      const program = async (environment: Environment): Promise<never> => {
        const reached = new TownCatalog(catalog, { ...options, environment, listeners: new Set() })
        const { clock, timers } = environment
        const group = { group: TOWN_GROUP, catalog: reached, clock, timers, everyMs: HOUR_MS }
        return new LifecycleKeeper(group).run(new AbortController().signal)
      }
      world.addPeer(name, { program }).start()
    }
    await body(diaryOf(world, catalog, faults))
  })
}

function diaryOf(world: World, catalog: LocalCatalog, faults: CatalogFaults): Diary {
  const place = (key: string) => ({ bucket: BUCKET, key, version: undefined })
  const list = async () => {
    const asked = { bucket: BUCKET, prefix: '', delimiter: '', limit: 1_000 }
    const first = { after: new Uint8Array(0), afterVersion: undefined }
    return (await catalog.listVersions({ ...asked, ...first })).versions
  }
  return {
    catalog,
    faults,
    nowMs: () => Math.floor(EPOCH_MS + world.nowMs),
    async put(key, { size = 1, tags = [] } = {}) {
      const bytes = new Uint8Array(size)
      const said = { sizeBytes: size, etag: 'e', headers: [], checksums: [], tags }
      const description = { ...said, retention: undefined, hasLegalHold: false }
      const body = { type: 'inline', bytes } as const
      const command = { type: 'putObject', bucket: BUCKET, key } as const
      await catalog.propose({ ...command, conditions: NO_CONDITIONS, description, body })
    },
    async remove(key) {
      const how = { conditions: NO_CONDITIONS, bypassesGovernance: false }
      await catalog.propose({ type: 'deleteObject', ...place(key), ...how })
    },
    async keep(key, days) {
      const [entry] = (await list()).filter(each => each.key === key)
      const untilMs = (entry?.version.stamp.ms ?? 0) + days * DAY_MS
      const retention = { mode: 'compliance', untilMs } as const
      const how = { hasLegalHold: undefined, bypassesGovernance: false }
      await catalog.propose({
        type: 'setLock',
        ...place(key),
        version: entry?.id,
        retention,
        ...how,
      })
    },
    async tag(key, tags) {
      await catalog.propose({ type: 'setTags', ...place(key), tags })
    },
    all: async () =>
      (await list()).map(({ key, version }) =>
        version.body.type === 'marker' ? `${key} (marker)` : key,
      ),
    days: count => world.sleep(count * DAY_MS),
    async rule(...rules) {
      const whole = rules.map((rule, at) => ({ id: `${at}`, isEnabled: true, ...nothing, ...rule }))
      const document = fromUtf8(JSON.stringify(whole))
      await catalog.propose({ type: 'setDocument', bucket: BUCKET, name: LIFECYCLE, document })
    },
  }
}

const nothing = { prefix: '', tags: [] }

test('an object ends at the midnight after its days, and not before', () =>
  play(async ({ put, all, days, rule }) => {
    await rule({ prefix: 'log/', expireDays: 3 })
    await put('log/a')
    await put('other')
    await days(2.9)
    assert.deepEqual(await all(), ['log/a', 'other'])
    await days(1.2)
    assert.deepEqual(await all(), ['other'])
  }))

test('what was written again begins anew', () =>
  play(async ({ put, all, days, rule }) => {
    await rule({ expireDays: 3 })
    await put('a')
    await days(2)
    await put('a')
    await days(2.5)
    assert.deepEqual(await all(), ['a'])
    await days(2)
    assert.deepEqual(await all(), [])
  }))

test('a rule ends what has its tags and its size, and nothing else', () =>
  play(async ({ put, all, days, rule }) => {
    await rule({
      tags: [{ key: 'keep', value: 'no' }],
      sizeAbove: 10,
      sizeBelow: 20,
      expireDays: 1,
    })
    const tags = [{ name: 'keep', value: 'no' }]
    await put('over', { size: 11, tags })
    await put('too large', { size: 20, tags })
    await put('too small', { size: 10, tags })
    await put('untagged', { size: 11 })
    await days(3)
    assert.deepEqual(await all(), ['too large', 'too small', 'untagged'])
  }))

test('on its date a rule ends all there is, and what comes later', () =>
  play(async ({ nowMs, put, all, days, rule }) => {
    await rule({ expireAtMs: nowMs() + 2 * DAY_MS })
    await put('a')
    await days(1)
    assert.deepEqual(await all(), ['a'])
    await days(1.2)
    assert.deepEqual(await all(), [])
    await put('b')
    await days(0.1)
    assert.deepEqual(await all(), [])
  }))

test('where versions are kept an object ends behind a marker, then for good, then the marker', () =>
  play(
    async ({ put, all, days, rule }) => {
      await rule({ expireDays: 1, noncurrentDays: 3 })
      await put('a')
      await days(2.1)
      assert.deepEqual(await all(), ['a (marker)', 'a'])
      await days(4.1)
      assert.deepEqual(await all(), [])
    },
    { versioning: 'enabled' },
  ))

test('so many noncurrent versions stay as a rule says, however old', () =>
  play(
    async ({ put, all, days, rule }) => {
      await rule({ noncurrentDays: 1, noncurrentKept: 2 })
      for (let count = 0; count < 100; count++) await put('a')
      await days(3)
      assert.deepEqual(await all(), ['a', 'a', 'a'])
    },
    { versioning: 'enabled' },
  ))

test('a marker goes once nothing is behind it, if a rule says so', () =>
  play(
    async ({ put, remove, all, days, rule }) => {
      await rule({ dropsMarkers: true })
      await put('a')
      await remove('a')
      await remove('never there')
      await days(0.1)
      assert.deepEqual(await all(), ['a (marker)', 'a'])
    },
    { versioning: 'enabled' },
  ))

test('what is locked stays until its lock is over', () =>
  play(
    async ({ put, remove, keep, all, days, rule }) => {
      await rule({ noncurrentDays: 1 })
      await put('a')
      await keep('a', 6)
      await remove('a')
      await days(4)
      assert.deepEqual(await all(), ['a (marker)', 'a'])
      await days(3.5)
      assert.deepEqual(await all(), ['a (marker)'])
    },
    { versioning: 'enabled', hasLock: true },
  ))

test('an upload that nobody completes is given up', () =>
  play(async ({ catalog, nowMs, days, rule }) => {
    await rule({ prefix: 'up/', abortDays: 2 })
    const upload = { sizeBytes: 0, etag: '', headers: [], checksums: [], tags: [] }
    const open = async (key: string, first: number): Promise<void> => {
      const content = new Uint8Array(16).fill(first)
      const untilMs = nowMs() + 30 * DAY_MS
      const described = { ...upload, retention: undefined, hasLegalHold: false }
      const name = { bucket: BUCKET, key, content }
      await catalog.propose({ type: 'openContent', ...name, untilMs, upload: described })
    }
    await open('up/a', 1)
    await open('elsewhere', 2)
    const uploads = async () => {
      const { items } = await catalog.listUploads(BUCKET, { after: undefined, limit: 9 })
      return items.map(({ key }) => key)
    }
    await days(1.5)
    assert.deepEqual(await uploads(), ['elsewhere', 'up/a'])
    await days(2)
    assert.deepEqual(await uploads(), ['elsewhere'])
  }))

test('a tag that was taken away in the last moment saves what it was on', () =>
  play(async ({ put, tag, all, days, rule }) => {
    const tags = [{ name: 'keep', value: 'no' }]
    await rule({ tags: [{ key: 'keep', value: 'no' }], expireDays: 1 })
    await put('a', { tags })
    await days(0.5)
    await tag('a', [{ name: 'keep', value: 'yes' }])
    await days(3)
    assert.deepEqual(await all(), ['a'])
    await tag('a', tags)
    await days(0.1)
    assert.deepEqual(await all(), [])
  }))

test('rules that were taken away end nothing any more', () =>
  play(async ({ put, all, days, rule }) => {
    await rule({ expireDays: 2 })
    await put('a')
    await days(1)
    await rule({ expireDays: 2, isEnabled: false })
    await days(5)
    assert.deepEqual(await all(), ['a'])
  }))

test('more objects than a page has end, though many calls fail', () =>
  play(async ({ faults, put, all, days, rule }) => {
    await rule({ expireDays: 1 })
    for (let count = 0; count < 600; count++) await put(`a/${count}`)
    await days(1)
    faults.refused = 0.2
    faults.unanswered = 0.2
    await days(1.5)
    assert.deepEqual(await all(), [])
  }))
