import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'

import { Prng } from '../../../src/base/prng.ts'
import { rejectsWith } from '../../support/expect.ts'
import { bytesOf, StoreTown, streamOf } from '../../support/store-town.ts'

const random = new Prng(3)
const MiB = 1_048_576
const sizes = [0, 1, 4_096, 4_097, 65_519, 65_520, 65_521, 131_041, MiB, 16 * MiB - 1, 16 * MiB]
const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')
const place = { bucket: 'films', key: 'a film' }

for (const size of [...sizes, 16 * MiB + 1, 40 * MiB])
  test(`an object of ${size} bytes comes back as it was, everywhere, whole and in parts`, () =>
    StoreTown.play(6, async town => {
      const bytes = random.bytes(size)
      const written = await town.store('a').put(place, streamOf(bytes))
      assert.equal(written.etag, md5(bytes))
      assert.equal(written.sizeBytes, size)
      for (const name of ['a', 'f']) {
        const reading = await town.store(name).get(place)
        assert.equal(reading.etag, written.etag)
        assert.ok(Buffer.from(bytes).equals(await bytesOf(reading.body)), `read at ${name}`)
      }
      for (const _ of size > 0 ? [1, 2, 3, 4, 5] : []) {
        const from = random.below(size)
        const to = from + 1 + random.below(Math.min(size - from, 300_000))
        const reading = await town.store('b').get(place, { from, to })
        assert.deepEqual([reading.from, reading.to], [from, to])
        const wanted = Buffer.from(bytes.subarray(from, to))
        assert.ok(wanted.equals(await bytesOf(reading.body)), `bytes ${from} to ${to}`)
      }
      assert.deepEqual(town.faults, [])
      await town.town.world.sleep(1_000)
      const placement = await town.store('c').placement(place)
      assert.equal(placement.isInline, size <= 4_096)
      const held = await town.held()
      assert.equal(held.leased, 0, 'everything that is held is listed')
      const listed = placement.segments.flatMap(({ fragments }) => fragments)
      assert.equal(held.kept, listed.length)
      assert.ok(listed.every(({ state }) => state === 'alive'))
      for (const { k, m, sizeBytes } of placement.segments)
        assert.deepEqual([k, m], [sizeBytes <= 65_536 ? 1 : 4, 2])
    }))

test('one peer alone keeps what it is given, and several spread it as their number says', async () => {
  const bytes = random.bytes(200_000)
  for (const [count, scheme] of [
    [1, [1, 0]],
    [2, [1, 1]],
    [3, [2, 1]],
    [4, [2, 2]],
    [6, [4, 2]],
  ] as const)
    await StoreTown.play(count, async town => {
      await town.store('a').put(place, bytes)
      const { segments } = await town.store('a').placement(place)
      assert.deepEqual([segments[0]?.k, segments[0]?.m], scheme)
      assert.equal(segments[0]?.fragments[0]?.peer, 'a', 'a column of data is at hand')
      const last = NAMES_OF(count)
      const reading = await town.store(last).get(place)
      assert.ok(Buffer.from(bytes).equals(await bytesOf(reading.body)))
    })
})

const NAMES_OF = (count: number): string => ['a', 'b', 'c', 'd', 'e', 'f'][count - 1] as string

test('bad names, ranges and keys have their own errors and change nothing', () =>
  StoreTown.play(3, async town => {
    const store = town.store('a')
    await rejectsWith('INVALID_COMMAND', store.put({ bucket: 'X', key: 'k' }, new Uint8Array(1)))
    await rejectsWith('INVALID_COMMAND', store.put({ bucket: 'films', key: '' }, new Uint8Array(1)))
    const none = { bucket: 'nothing', key: 'k' }
    await rejectsWith('NO_SUCH_BUCKET', store.put(none, new Uint8Array(1)))
    await rejectsWith('NO_SUCH_BUCKET', store.put(none, new Uint8Array(1_000_000)))
    await rejectsWith('NO_SUCH_KEY', store.get(place))
    await store.put(place, new Uint8Array(100_000))
    await rejectsWith('RANGE_UNSATISFIABLE', store.get(place, { from: 100_000 }))
    await assert.rejects(store.get(place, { from: 5, to: 3 }), RangeError)
    await assert.rejects(store.get(place, { from: 0.5 }), RangeError)
    const short = { encryptionKey: new Uint8Array(31) }
    await assert.rejects(store.put(place, new Uint8Array(1), short), RangeError)
    const promised = store.put(place, streamOf(new Uint8Array(5_000)), { sizeBytes: 6_000 })
    await rejectsWith('MALFORMED', promised)
    const more = store.put(place, streamOf(new Uint8Array(700_000)), { sizeBytes: 600_000 })
    await rejectsWith('MALFORMED', more)
    assert.equal((await store.head(place)).sizeBytes, 100_000)
    await town.town.world.sleep(1_000)
    const { kept } = await town.held()
    assert.equal(kept, 3)
  }))

test('an object under a key of its own is read with that key only', () =>
  StoreTown.play(3, async town => {
    const encryptionKey = random.bytes(32)
    for (const size of [0, 10, 100_000]) {
      const bytes = random.bytes(size)
      await town.store('a').put(place, bytes, { encryptionKey })
      const info = await town.store('b').head(place)
      assert.equal(info.needsKey, true)
      assert.deepEqual(info.headers, {})
      assert.ok(
        Buffer.from(bytes).equals(
          await bytesOf((await town.store('b').get(place, { encryptionKey })).body),
        ),
      )
      await rejectsWith('KEY_NEEDED', town.store('b').get(place))
      if (size === 0) continue
      await rejectsWith(
        'KEY_WRONG',
        town.store('b').get(place, { encryptionKey: random.bytes(32) }),
      )
      assert.equal(
        (await town.store('b').placement(place)).isInline,
        false,
        'not for voters to read',
      )
    }
  }))

test('conditions hold or nothing happens', () =>
  StoreTown.play(3, async town => {
    const store = town.store('a')
    const first = await store.put(place, random.bytes(100_000), { ifNoneMatch: '*' })
    await rejectsWith(
      'PRECONDITION_FAILED',
      store.put(place, random.bytes(100_000), { ifNoneMatch: '*' }),
    )
    await rejectsWith(
      'PRECONDITION_FAILED',
      store.put(place, random.bytes(10), { ifMatch: 'other' }),
    )
    await rejectsWith('PRECONDITION_FAILED', store.get(place, { ifMatch: 'other' }))
    await rejectsWith('PRECONDITION_FAILED', store.get(place, { ifNoneMatch: first.etag }))
    assert.equal((await store.get(place, { ifMatch: first.etag })).etag, first.etag)
    await store.put(place, random.bytes(100_000), { ifMatch: first.etag })
    await rejectsWith('PRECONDITION_FAILED', store.delete(place, { ifMatch: first.etag }))
    await store.delete(place)
    await rejectsWith('NO_SUCH_KEY', store.get(place))
  }))

test('what is only known at the end of a body is settled before it is stored', () =>
  StoreTown.play(3, async town => {
    const bytes = random.bytes(300_000)
    const told: number[] = []
    await town.store('a').put(place, streamOf(bytes), {
      headers: { 'content-type': 'video/mp4' },
      settle: ({ md5: hash, sizeBytes }) => ({
        checksums: { sha256: `${hash} ${sizeBytes}` },
        tags: { late: 'yes' },
      }),
      onProgress: ({ bytes: sent }) => told.push(sent),
    })
    const info = await town.store('b').head(place)
    assert.deepEqual(info.headers, { 'content-type': 'video/mp4' })
    assert.deepEqual(info.tags, { late: 'yes' })
    assert.deepEqual(info.checksums, { sha256: `${md5(bytes)} 300000` })
    assert.equal(told.at(-1), 300_000)
    const refused = town.store('a').put({ bucket: 'films', key: 'other' }, streamOf(bytes), {
      settle: () => Promise.reject(new Error('wrong checksum')),
    })
    await assert.rejects(refused, /wrong checksum/)
    await rejectsWith('NO_SUCH_KEY', town.store('a').head({ bucket: 'films', key: 'other' }))
  }))

test('an upload is put together from parts, some of them copied', () =>
  StoreTown.play(6, async town => {
    const store = town.store('a')
    const source = random.bytes(3 * MiB)
    await store.put({ bucket: 'films', key: 'source' }, source)
    const small = random.bytes(1_000)
    await store.put({ bucket: 'films', key: 'small' }, small)
    const upload = await store.createUpload(place, { headers: { 'content-type': 'x' } })
    const [one, four] = [random.bytes(17 * MiB), random.bytes(5)]
    const parts = [
      await store.putPart(upload, 1, one),
      await store.copyPart(
        upload,
        2,
        { bucket: 'films', key: 'source' },
        { from: 100, to: 2 * MiB },
      ),
      await store.copyPart(upload, 3, { bucket: 'films', key: 'small' }, { from: 10 }),
      await town.store('b').putPart(upload, 4, streamOf(four)),
      await store.putPart(upload, 5, four),
    ]
    assert.equal(parts[0]?.etag, md5(one))
    assert.deepEqual(
      (await store.parts(upload)).map(({ part }) => part),
      [1, 2, 3, 4, 5],
    )
    assert.deepEqual((await store.upload(upload)).settings.headers, { 'content-type': 'x' })
    const { uploads } = await store.uploads('films')
    assert.deepEqual(
      uploads.map(({ upload: name }) => name),
      [upload.upload],
    )
    await rejectsWith('NO_SUCH_UPLOAD', store.upload({ ...upload, upload: '0'.repeat(32) }))
    await rejectsWith('NO_SUCH_UPLOAD', store.parts({ ...upload, upload: 'x' }))
    await rejectsWith('INVALID_PART', store.putPart(upload, 0, one))
    const wanted = Buffer.concat([one, source.subarray(100, 2 * MiB), small.subarray(10), four])
    const written = await store.completeUpload(upload, parts.slice(0, 4))
    assert.match(written.etag, /^[0-9a-f]{32}-4$/)
    assert.equal(written.sizeBytes, wanted.length)
    assert.ok(wanted.equals(await bytesOf((await town.store('c').get(place)).body)))
    const range = { from: 17 * MiB - 10, to: 19 * MiB }
    const reading = await town.store('d').get(place, range)
    assert.ok(wanted.subarray(range.from, range.to).equals(await bytesOf(reading.body)))
    const sizesOfParts = (await store.partsOf(place)).map(({ sizeBytes }) => sizeBytes)
    assert.deepEqual(sizesOfParts, [17 * MiB, 2 * MiB - 100, 990, 5])
    const pages = []
    for (let after: number | undefined; ;) {
      const page = await store.placement(place, { after, limit: 2 })
      pages.push(...page.segments.map(({ segment }) => segment))
      if (page.next === undefined) break
      after = page.next
    }
    assert.deepEqual(pages, [0, 1, 2, 3, 4])
    const other = await store.createUpload({ bucket: 'films', key: 'given up' })
    await store.putPart(other, 1, one)
    await store.abortUpload(other)
    await rejectsWith('NO_SUCH_UPLOAD', store.parts(other))
  }))

test('a copy moves no bytes and lives on when its source is deleted', () =>
  StoreTown.play(3, async town => {
    const store = town.store('a')
    for (const size of [100, 500_000]) {
      const bytes = random.bytes(size)
      await store.put(place, bytes, { headers: { 'content-type': 'a' }, tags: { t: '1' } })
      await town.town.world.sleep(500)
      const before = await town.held()
      const to = { bucket: 'films', key: `copy of ${size}` }
      const copied = await store.copy(place, to, { headers: { 'content-type': 'b' } })
      assert.equal(copied.sizeBytes, size)
      assert.deepEqual(await town.held(), before)
      await store.delete(place)
      const reading = await town.store('b').get(to)
      assert.deepEqual([reading.headers, reading.tags], [{ 'content-type': 'b' }, { t: '1' }])
      assert.ok(Buffer.from(bytes).equals(await bytesOf(reading.body)))
    }
  }))

test('versions, tags, locks, documents and lists are as the catalog has them', () =>
  StoreTown.play(3, async town => {
    const store = town.store('a')
    await store.changeBucket('films', { versioning: 'enabled', hasLock: true })
    assert.equal((await store.bucket('films')).hasLock, true)
    const first = await store.put(place, random.bytes(10))
    const second = await store.put(place, random.bytes(20))
    assert.equal((await store.head(place, { version: first.version })).sizeBytes, 10)
    await store.setTags(place, { a: 'b' }, { version: second.version })
    assert.deepEqual((await store.head(place)).tags, { a: 'b' })
    await store.setLock(place, { hasLegalHold: true }, { version: second.version })
    await rejectsWith('OBJECT_LOCKED', store.delete(place, { version: second.version }))
    const marker = await store.delete(place)
    assert.equal(marker.isMarker, true)
    await rejectsWith('NO_SUCH_KEY', store.head(place))
    const { versions } = await store.listVersions('films')
    assert.deepEqual(
      versions.map(({ isMarker, isLatest }) => [isMarker, isLatest]),
      [
        [true, true],
        [false, false],
        [false, false],
      ],
    )
    await store.setDocument('films', 'policy', Uint8Array.of(1, 2))
    assert.deepEqual(await store.document('films', 'policy'), Uint8Array.of(1, 2))
    const keys = ['x/1', 'x/2', 'y/1', 'z', 'ä']
    for (const key of keys) await store.put({ bucket: 'films', key }, new Uint8Array(3))
    const names = []
    for await (const entry of store.list('films', { delimiter: '/', limit: 1 }))
      names.push(entry.type === 'prefix' ? entry.prefix : entry.key)
    assert.deepEqual(names, ['x/', 'y/', 'z', 'ä'])
    const page = await store.listPage('films', { delimiter: '/', limit: 2 })
    const rest = await store.listPage('films', { delimiter: '/', after: page.next })
    assert.deepEqual(
      rest.objects.map(({ key }) => key),
      ['z', 'ä'],
    )
    assert.deepEqual(rest.prefixes, [])
    await rejectsWith('BUCKET_NOT_EMPTY', store.deleteBucket('films'))
    await store.createBucket('empty')
    const buckets = []
    for await (const { name } of store.buckets()) buckets.push(name)
    assert.deepEqual(buckets.toSorted(), ['empty', 'films'])
    assert.equal((await store.usage('films')).objects, 5)
    await store.deleteBucket('empty')
    await rejectsWith('NO_SUCH_BUCKET', store.bucket('empty'))
  }))
