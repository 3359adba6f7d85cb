import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromUtf8 } from '../../src/base/bytes.ts'
import { NO_CONDITIONS } from '../../src/catalog/commands.ts'
import { positionOf } from '../../src/catalog/position.ts'
import { getUsage } from '../../src/catalog/queries.ts'
import {
  getObject,
  getSegments,
  listObjects,
  listVersions,
  type ObjectList,
} from '../../src/catalog/query-objects.ts'
import { debts, garbage, segmentsOf } from '../../src/catalog/query-upkeep.ts'
import { rowOf } from '../../src/catalog/records.ts'
import { rowAt } from '../../src/catalog/tables.ts'
import {
  blobId,
  codeOf,
  contentId,
  createBucket,
  deleteKey,
  description,
  Host,
  putBlob,
  putInline,
  segment,
} from './support.ts'

const place = { bucket: 'photos', key: 'a/b.jpg' }
const all = { after: undefined, limit: 100 }
const list = { bucket: 'photos', prefix: '', delimiter: '', after: new Uint8Array(0), limit: 100 }

function withBucket(more = {}): Host {
  const host = new Host()
  assert.equal(codeOf(host.do(createBucket('photos', more))), 'bucket')
  return host
}

test('a small object is stored in the catalog and read back', () => {
  const host = withBucket()
  assert.equal(codeOf(host.do(putInline(place, 'hello'))), 'version')
  const found = host.see(getObject(place, undefined))
  assert.deepEqual(found.bytes, fromUtf8('hello').slice())
  assert.equal(found.id, 'null')
})

test('an object of segments is found, by name and by the peers that hold it', () => {
  const host = withBucket()
  const content = contentId(1)
  const segments = [segment(2, [1, 2, 3]), segment(2, [4, 5, 0])]
  const short = putBlob(place, { content, segments, untilMs: host.nowMs + 1000 })
  assert.equal(codeOf(host.do(short)), 'TOO_FEW_PEERS')
  const better = [segment(2, [1, 2, 3]), segment(2, [4, 5, 6, 0])]
  const put = putBlob(place, { content, segments: better, untilMs: host.nowMs + 1000 })
  assert.equal(codeOf(host.do(put)), 'version')
  const name = { ...place, content, blob: blobId(1, 1) }
  assert.equal(host.see(getSegments(name, { first: 0, count: 9 })).length, 2)
  assert.equal(host.see(segmentsOf(4, all)).items.length, 1)
  assert.equal(host.see(debts(all)).items.length, 1)
  assert.equal(codeOf(host.do(deleteKey(place))), 'version')
  const collected = host.do({ type: 'collect', rows: 100 })
  assert.deepEqual(collected, { type: 'collected', rows: 4, isMore: false })
  assert.equal(host.see(segmentsOf(4, all)).items.length, 0)
  assert.equal(host.see(garbage(all)).items.length, 6)
})

test('a list groups keys by delimiter and goes on where it ended', () => {
  const host = withBucket()
  for (const key of ['a', 'b/1', 'b/2', 'c', 'd/1']) host.do(putInline({ ...place, key }, key))
  const first = host.see(listObjects({ ...list, delimiter: '/', limit: 2 }))
  assert.deepEqual([first.objects.map(({ key }) => key), first.prefixes], [['a'], ['b/']])
  assert.ok(first.next !== undefined)
  const rest = host.see(listObjects({ ...list, delimiter: '/', after: first.next }))
  assert.deepEqual([rest.objects.map(({ key }) => key), rest.prefixes], [['c'], ['d/']])
  assert.equal(rest.next, undefined)
})

test('versions stay until they are deleted by name', () => {
  const host = withBucket({ versioning: 'enabled' })
  for (const text of ['one', 'two', 'three']) host.do(putInline(place, text))
  host.do(deleteKey(place))
  const versions = () =>
    host
      .see(listVersions({ ...list, afterVersion: undefined }))
      .versions.map(({ version }) => version.etag)
  assert.deepEqual(versions(), ['', '"three"', '"two"', '"one"'])
  assert.equal(codeOf(host.ask(getObject(place, undefined))), 'answer')
  const [marker] = host.see(listVersions({ ...list, afterVersion: undefined })).versions
  host.do(deleteKey(place, marker?.id))
  assert.deepEqual(versions(), ['"three"', '"two"', '"one"'])
  assert.deepEqual(host.see(getUsage('photos')), {
    objects: 1,
    versions: 3,
    markers: 0,
    bytes: 11,
    uploads: 0,
  })
})

test('a condition is judged when the command is applied', () => {
  const host = withBucket()
  const ifAbsent = { ...NO_CONDITIONS, ifNoneMatch: ['*'] }
  assert.equal(codeOf(host.do(putInline(place, 'x', { conditions: ifAbsent }))), 'version')
  assert.equal(
    codeOf(host.do(putInline(place, 'y', { conditions: ifAbsent }))),
    'PRECONDITION_FAILED',
  )
})

/** Writes heads past the commands, which would take long. */
function fill(host: Host, count: number, isMarker: (at: number) => boolean): string[] {
  const version = {
    ...description({ etag: 'e' }),
    stamp: { ms: 1, count: 0 },
    isNull: true,
    parts: 0,
  } as const
  const keys = Array.from({ length: count }, (_, at) => `key-${String(at).padStart(6, '0')}`)
  const rows = keys.map((key, at) => {
    const body = isMarker(at) ? ({ type: 'marker' } as const) : ({ type: 'inline' } as const)
    const head = { version: { ...version, body }, older: 0, olderNull: undefined }
    return { key: rowAt('o', positionOf({ ...place, key })), value: rowOf.head.encode(head) }
  })
  host.store.write(rows)
  return keys
}

test('a list of any length comes in pages, each key once', () => {
  const host = withBucket()
  const keys = fill(host, 2_500, () => false)
  for (const limit of [1_000, 999, 2_500, 5_000]) {
    const found: string[] = []
    let after: Uint8Array | undefined = new Uint8Array(0)
    while (after !== undefined) {
      const page: ObjectList = host.see(listObjects({ ...list, limit, after }))
      assert.ok(page.objects.length <= limit)
      found.push(...page.objects.map(({ key }) => key))
      after = page.next
    }
    assert.deepEqual(found, keys)
  }
})

test('a list among delete markers ends early rather than late, and goes on', () => {
  const host = withBucket()
  const keys = fill(host, 10_005, at => at !== 10_002)
  const first = host.see(listObjects(list))
  assert.equal(first.objects.length, 0)
  assert.ok(first.next !== undefined)
  const rest = host.see(listObjects({ ...list, after: first.next }))
  assert.deepEqual([rest.objects.map(({ key }) => key), rest.next], [[keys[10_002]], undefined])
})

test('a list asked for nothing says nothing', () => {
  const host = withBucket()
  host.do(putInline(place, 'x'))
  const empty = { objects: [], prefixes: [], next: undefined, goesOn: false }
  assert.deepEqual(host.see(listObjects({ ...list, limit: 0 })), empty)
})

test('a list that begins inside a common prefix leaves that prefix out', () => {
  const host = withBucket()
  for (const key of ['a/1', 'a/2', 'b/1']) host.do(putInline({ ...place, key }, key))
  const after = fromUtf8('a/1')
  assert.deepEqual(host.see(listObjects({ ...list, delimiter: '/', after })).prefixes, ['b/'])
})

test('a copy refers to the same content, and either may go first', () => {
  const host = withBucket()
  const content = contentId(1)
  const segments = [segment(2, [1, 2, 3])]
  host.do(putBlob(place, { content, segments, untilMs: host.nowMs + 1_000 }))
  const target = { bucket: 'photos', key: 'copy' }
  const copy = {
    type: 'copyObject',
    ...target,
    source: { ...place, version: undefined },
    sourceConditions: NO_CONDITIONS,
    conditions: NO_CONDITIONS,
    holder: contentId(2),
    headers: undefined,
    tags: undefined,
    retention: undefined,
    hasLegalHold: false,
  } as const
  assert.equal(codeOf(host.do(copy)), 'version')
  assert.equal(codeOf(host.do(copy)), 'CONTENT_TAKEN', 'each reference has a name of its own')
  host.do(deleteKey(place))
  assert.deepEqual(host.do({ type: 'collect', rows: 9 }), {
    type: 'collected',
    rows: 0,
    isMore: false,
  })
  const { version } = host.see(getObject(target, undefined))
  assert.ok(version.body.type === 'content')
  assert.deepEqual(version.body.home, place)
  host.do(deleteKey(target))
  host.do({ type: 'collect', rows: 9 })
  assert.equal(host.see(garbage(all)).items.length, 3)
})
