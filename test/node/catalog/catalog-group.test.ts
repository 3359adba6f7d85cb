import assert from 'node:assert/strict'
import { test } from 'node:test'

import { toUtf8 } from '../../../src/base/bytes.ts'
import { createBucket, deleteKey, putInline } from '../../catalog/support.ts'
import { CatalogTown } from '../../sim/catalog-town.ts'
import { World } from '../../sim/world.ts'
import { rejectsWith } from '../../support/expect.ts'

const names = ['a', 'b', 'c', 'd', 'e']

/** Peers with a catalog that has voters on three of them, or more. */
async function inTown(
  story: (town: CatalogTown) => Promise<void>,
  { count = 4, seed = 1, snapshotEntries = 8_192, splitObjects = Infinity } = {},
): Promise<void> {
  const world = new World(seed)
  const town = new CatalogTown(world, {
    names: names.slice(0, count),
    compaction: { snapshotEntries, keptEntries: 2 },
    splitObjects,
  })
  await world.play(async () => {
    for (const name of names.slice(0, count)) town.start(name)
    await town.until('everybody is at work', 10_000, () => town.citizens.size === count)
    const voters = Math.min(3, count - 1 + (count % 2))
    await town.until('the catalog has its voters', 30_000, () => {
      const group = town.leaderOf(1)?.node.group(1)
      return (group?.configuration.voters.length ?? 0) >= voters
    })
    await story(town)
  })
}

const place = { bucket: 'aaa', key: 'k' }

const textAt = async (town: CatalogTown, name: string, key: string): Promise<string> => {
  const { catalog } = town.citizen(name)
  const { bytes } = await catalog.ask('object', { bucket: 'aaa', key, version: undefined })
  return toUtf8(bytes ?? new Uint8Array(0))
}

test('any peer reads what any other wrote, with or without a replica of its own', () =>
  inTown(async town => {
    const all = names.slice(0, 4)
    await town.citizen('d').catalog.propose(createBucket('aaa'))
    for (const name of all) {
      await town.citizen(name).catalog.propose(putInline({ ...place, key: name }, `of ${name}`))
    }
    for (const reader of all) {
      for (const writer of all) assert.equal(await textAt(town, reader, writer), `of ${writer}`)
    }
    const { catalog } = town.citizen('d')
    await rejectsWith('BUCKET_EXISTS', catalog.propose(createBucket('aaa')))
    await catalog.propose(deleteKey({ ...place, key: 'a' }))
    const gone = town.citizen('b').catalog.ask('object', { ...place, key: 'a', version: undefined })
    await rejectsWith('NO_SUCH_KEY', gone)
    assert.deepEqual(await catalog.groups(), [1])
  }))

test('all that was agreed on is there after a power cut of all at once', () =>
  inTown(
    async town => {
      const { catalog } = town.citizen('b')
      await catalog.propose(createBucket('aaa'))
      for (let at = 0; at < 30; at++) await catalog.propose(putInline(place, `${at}`))
      for (const name of ['a', 'b', 'c']) town.crash(name, 'power')
      for (const name of ['a', 'b', 'c']) town.start(name)
      await town.until('they are back', 10_000, () => town.citizens.size === 3)
      assert.equal(await textAt(town, 'c', 'k'), '29')
    },
    { count: 3, snapshotEntries: 10 },
  ))

test('a range is split while it is used, and what was in it is found in both halves', () =>
  inTown(async town => {
    const { catalog, ranges } = town.citizen('d')
    await catalog.propose(createBucket('aaa'))
    const keys = Array.from('abcdefghij')
    for (const key of keys) await catalog.propose(putInline({ ...place, key }, key))
    const child = await ranges.split({ bucket: 'aaa', key: 'f' })
    assert.equal(child, 2)
    for (const key of keys) assert.equal(await textAt(town, 'a', key), key)
    for (const key of keys) {
      await town.citizen('b').catalog.propose(putInline({ ...place, key }, `${key}${key}`))
    }
    const list = { bucket: 'aaa', prefix: '', delimiter: '', after: new Uint8Array(0) }
    const page = await town.citizen('c').catalog.listObjects({ ...list, limit: 5 })
    assert.equal(page.objects.map(({ key }) => key).join(''), 'abcde')
    assert.ok(page.next !== undefined)
    const rest = await catalog.listObjects({ ...list, after: page.next, limit: 10 })
    assert.equal(rest.objects.map(({ key }) => key).join(''), 'fghij')
    assert.equal(rest.next, undefined)
    assert.equal((await catalog.usage('aaa')).objects, 10)
    assert.deepEqual(await catalog.groups(), [1, 2])
    await rejectsWith('INVALID_COMMAND', ranges.split({ bucket: 'aaa', key: 'f' }))
    await rejectsWith('NOT_LEADER', ranges.halve(2))
    const led = town.leaderOf(2)
    assert.equal(await led?.ranges.halve(2), 3)
    for (const key of keys) assert.equal(await textAt(town, 'd', key), `${key}${key}`)
  }))

test('a bucket in several ranges is changed and deleted in all of them', () =>
  inTown(async town => {
    const { catalog, ranges } = town.citizen('d')
    await catalog.propose(createBucket('aaa'))
    await catalog.propose(putInline({ ...place, key: 'a' }, 'x'))
    await catalog.propose(putInline({ ...place, key: 'z' }, 'x'))
    await ranges.split({ bucket: 'aaa', key: 'm' })
    const same = { hasLock: false, retention: undefined, isFrozen: false, ifRevision: undefined }
    await catalog.propose({ type: 'changeBucket', bucket: 'aaa', versioning: 'enabled', ...same })
    for (const key of ['a', 'z']) await catalog.propose(putInline({ ...place, key }, 'y'))
    assert.equal((await catalog.usage('aaa')).versions, 4)
    for (const { key, id } of (await catalog.listVersions(versionsOf('aaa'))).versions) {
      if (key === 'a') await catalog.propose(deleteKey({ ...place, key }, id))
    }
    await rejectsWith('BUCKET_NOT_EMPTY', catalog.propose({ type: 'deleteBucket', bucket: 'aaa' }))
    await catalog.propose(putInline({ ...place, key: 'z' }, 'it takes objects as before'))
    for (const { key, id } of (await catalog.listVersions(versionsOf('aaa'))).versions) {
      await catalog.propose(deleteKey({ ...place, key }, id))
    }
    await catalog.propose({ type: 'deleteBucket', bucket: 'aaa' })
    const late = town.citizen('a').catalog.propose(putInline({ ...place, key: 'z' }, 'y'))
    await rejectsWith('NO_SUCH_BUCKET', late)
    await catalog.propose(createBucket('aaa'))
    await catalog.propose(putInline({ ...place, key: 'z' }, 'y'))
  }))

test('a peer whose replica was removed asks the others, and keeps nothing of it', () =>
  inTown(async town => {
    const { catalog } = town.citizen('d')
    await catalog.propose(createBucket('aaa'))
    await catalog.propose(putInline(place, 'x'))
    const leader = town.leaderOf(1)
    const group = leader?.node.group(1)
    assert.ok(leader !== undefined && group !== undefined)
    const [out] = group.configuration.voters.filter(voter => voter !== group.replica)
    const left = group.configuration.voters.filter(voter => voter !== out)
    const gone = out?.split('/', 1)[0] ?? ''
    town.exclude(gone)
    await leader.node.change(1, { voters: left, learners: [] })
    await town.world.sleep(2_000)
    await leader.catalog.propose(putInline(place, 'y'))
    assert.equal(await textAt(town, gone, 'k'), 'y')
    await town.until('its replica is gone', 90_000, () => {
      return town.citizen(gone).node.group(1) === undefined
    })
    assert.deepEqual(town.citizen(gone).states.groups, [])
    assert.equal(await textAt(town, gone, 'k'), 'y')
  }))

test('a range that holds too much is split by itself', () =>
  inTown(
    async town => {
      const { catalog } = town.citizen('a')
      for (const bucket of ['aaa', 'bbb']) {
        await catalog.propose(createBucket(bucket))
        for (let at = 0; at < 6; at++) {
          await catalog.propose(putInline({ bucket, key: `k${at}` }, `${at}`))
        }
      }
      await town.until('there are two ranges', 120_000, async () => {
        return (await catalog.groups()).length === 2
      })
      for (const bucket of ['aaa', 'bbb']) {
        const { objects } = await catalog.listObjects(versionsOf(bucket))
        assert.equal(objects.length, 6)
      }
      await town.world.sleep(130_000)
      assert.equal((await catalog.groups()).length, 2, 'each half holds little enough')
    },
    { count: 1, splitObjects: 8 },
  ))

const versionsOf = (bucket: string) => ({
  bucket,
  prefix: '',
  delimiter: '',
  after: new Uint8Array(0),
  afterVersion: undefined,
  limit: 100,
})
