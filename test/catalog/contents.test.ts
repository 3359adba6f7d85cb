import assert from 'node:assert/strict'
import { test } from 'node:test'

import { fromHex } from '../../src/base/bytes.ts'
import { type Command, NO_CONDITIONS } from '../../src/catalog/commands.ts'
import { LEASE_MS_MAX } from '../../src/catalog/contents.ts'
import { getExtents, getObject, getSegments } from '../../src/catalog/query-objects.ts'
import {
  garbage,
  getContent,
  hasReleased,
  listParts,
  listUploads,
  segmentsOf,
  watches,
} from '../../src/catalog/query-upkeep.ts'
import { durableHolders } from '../../src/catalog/segments.ts'
import { checkInvariants } from './invariants.ts'
import {
  blob,
  blobId,
  codeOf,
  contentId,
  createBucket,
  deleteKey,
  description,
  fragmentId,
  Host,
  putBlob,
  segment,
} from './support.ts'

const place = { bucket: 'photos', key: 'a.jpg' }
const content = contentId(1)
const name = { ...place, content }
const all = { after: undefined, limit: 1_000 }
const three = segment(2, [1, 2, 3], 1_000)

function ready(): Host {
  const host = new Host()
  host.do(createBucket('photos'))
  return host
}

const put = (host: Host, more: Partial<Parameters<typeof putBlob>[1]> = {}) =>
  host.do(putBlob(place, { content, segments: [three], untilMs: host.nowMs + 1_000, ...more }))

const open = (host: Host, upload = true): string =>
  codeOf(
    host.do({
      type: 'openContent',
      ...name,
      untilMs: host.nowMs + 10_000,
      upload: upload ? description({ etag: '' }) : undefined,
    }),
  )

const putPart = (host: Host, part: number, attempt: number, sizeBytes = 1_000) =>
  host.do({
    type: 'putPart',
    ...name,
    part,
    etag: `p${part}.${attempt}`,
    checksums: [],
    blob: blob(blobId(part, attempt), [segment(2, [1, 2, 3], sizeBytes)]),
    untilMs: host.nowMs + 1_000,
  })

const complete = (parts: readonly (readonly [number, string])[], partBytesMin = 0): Command => ({
  type: 'completeUpload',
  ...name,
  conditions: NO_CONDITIONS,
  parts: parts.map(([part, etag]) => ({ part, etag })),
  partBytesMin,
  etag: 'whole-2',
  checksums: [],
})

const release = (host: Host) => host.do({ type: 'releaseContent', ...name })

test('a write is refused once its lease has ended, to the millisecond', () => {
  const host = ready()
  const late = { untilMs: host.nowMs + 1_000 }
  host.nowMs += 1_000
  assert.equal(codeOf(put(host, late)), 'WRITE_EXPIRED')
  host.nowMs -= 1
  assert.equal(codeOf(put(host, late)), 'version')
})

test('no lease is longer than the fence that ends it', () => {
  const host = ready()
  const tooLong = { untilMs: host.nowMs + LEASE_MS_MAX + 1 }
  assert.equal(codeOf(put(host, tooLong)), 'INVALID_COMMAND')
})

test('a content that a peer asked to drop is never kept, by whatever lease', () => {
  const host = ready()
  assert.deepEqual(release(host), { type: 'content', state: 'released' })
  assert.equal(codeOf(put(host)), 'WRITE_EXPIRED')
  assert.equal(open(host), 'WRITE_EXPIRED')
  host.nowMs += LEASE_MS_MAX - 1
  host.do({ type: 'sweepContents', contents: [name] })
  assert.equal(codeOf(put(host)), 'WRITE_EXPIRED')
  host.nowMs += 1
  host.do({ type: 'sweepContents', contents: [name] })
  assert.equal(host.see(getContent(name)), undefined)
  assert.equal(host.see(watches(all)).items.length, 0)
})

test('a content that is kept is not released by asking', () => {
  const host = ready()
  put(host)
  assert.deepEqual(release(host), { type: 'content', state: 'kept' })
  const gone = { ...name, blob: blobId(1, 1), segment: 0, generation: 0, index: 0 }
  assert.deepEqual(host.do({ type: 'disown', ...gone, seat: 1 }), {
    type: 'content',
    state: 'kept',
  })
})

test('an intent that is swept ends the write it was for', () => {
  const host = ready()
  assert.equal(open(host, false), 'content')
  const chunk = { ...blob(blobId(1, 1), [three]), segmentCount: 0 }
  assert.equal(codeOf(host.do({ type: 'addSegments', ...name, blob: chunk })), 'done')
  host.do({ type: 'sweepContents', contents: [name] })
  assert.equal(host.see(getContent(name))?.state, 'open', 'it is not time yet')
  host.nowMs += 10_000
  host.do({ type: 'sweepContents', contents: [name] })
  assert.equal(codeOf(put(host)), 'WRITE_EXPIRED')
  assert.equal(host.see(hasReleased()), true)
  host.do({ type: 'collect', rows: 100 })
  assert.equal(host.see(garbage(all)).items.length, 3)
  assert.equal(host.see(hasReleased()), false)
  checkInvariants(host.store.rows)
})

test('a long stream adds its segments step by step, without gaps', () => {
  const host = ready()
  open(host, false)
  const step = (firstSegment: number): string => {
    const init = { ...blob(blobId(1, 1), [three, three]), firstSegment }
    return codeOf(host.do({ type: 'addSegments', ...name, blob: init }))
  }
  assert.equal(step(1), 'INVALID_COMMAND')
  assert.equal(step(0), 'done')
  assert.equal(step(0), 'CONTENT_TAKEN')
  assert.equal(step(2), 'done')
  const last = putBlob(place, { content, segments: [three], untilMs: host.nowMs + 1_000 })
  assert.ok(last.body.type === 'blob')
  const whole = { ...last.body.blob, firstSegment: 4, segmentCount: 5, sizeBytes: 5_000 }
  const body = { ...last.body, blob: whole }
  const sized = { ...last, body, description: description({ sizeBytes: 5_000 }) }
  assert.equal(codeOf(host.do(sized)), 'version')
  const segments = host.see(getSegments({ ...name, blob: blobId(1, 1) }, { first: 3, count: 9 }))
  assert.equal(segments.length, 2)
})

test('an upload becomes an object of the parts it names, and forgets the others', () => {
  const host = ready()
  open(host)
  for (const part of [1, 2, 3]) putPart(host, part, 1)
  putPart(host, 2, 2)
  assert.equal(host.see(listUploads('photos', all)).items.length, 1)
  assert.deepEqual(
    host.see(listParts(name, { after: 1, limit: 9 })).map(({ part, etag }) => [part, etag]),
    [
      [2, 'p2.2'],
      [3, 'p3.1'],
    ],
  )
  const parts = [
    [1, 'p1.1'],
    [2, 'p2.2'],
  ] as const
  assert.equal(codeOf(host.do(complete([...parts].toReversed()))), 'INVALID_PART')
  assert.equal(codeOf(host.do(complete([[2, 'p2.1']]))), 'INVALID_PART')
  assert.equal(codeOf(host.do(complete(parts, 1_001))), 'PART_TOO_SMALL')
  const done = host.do(complete(parts, 1_000))
  assert.equal(codeOf(done), 'version')
  assert.deepEqual(host.do(complete(parts)), done, 'the same answer to a second try')
  const { version } = host.see(getObject(place, undefined))
  assert.deepEqual([version.sizeBytes, version.parts], [2_000, 2])
  host.do({ type: 'collect', rows: 100 })
  assert.equal(host.see(garbage(all)).items.length, 6)
  assert.equal(host.see(listUploads('photos', all)).items.length, 0)
  const { extents } = host.see(getExtents(name, { fromBytes: 900, lengthBytes: 200 }))
  assert.deepEqual(
    extents.map(({ fromBytes, lengthBytes }) => [fromBytes, lengthBytes]),
    [
      [900, 100],
      [0, 100],
    ],
  )
  checkInvariants(host.store.rows)
})

test('an aborted upload takes no more parts, and its fragments go', () => {
  const host = ready()
  open(host)
  putPart(host, 1, 1)
  assert.deepEqual(release(host), { type: 'content', state: 'released' })
  assert.equal(codeOf(putPart(host, 2, 1)), 'NO_SUCH_UPLOAD')
  assert.equal(codeOf(host.do(complete([[1, 'p1.1']]))), 'NO_SUCH_UPLOAD')
  host.do({ type: 'collect', rows: 100 })
  assert.equal(host.see(garbage(all)).items.length, 3)
})

test('a part copied from an object keeps it alive, until the upload is gone too', () => {
  const host = ready()
  put(host)
  const target = { bucket: 'photos', key: 'copy', content: contentId(2) }
  const upload = description({ etag: '' })
  host.do({ type: 'openContent', ...target, untilMs: host.nowMs + 10_000, upload })
  const copy = { type: 'copyPart', ...target, part: 1, etag: 'c', checksums: [] } as const
  const range = { fromBytes: 100, lengthBytes: 300, sourceConditions: NO_CONDITIONS } as const
  const source = { ...place, version: undefined }
  assert.equal(codeOf(host.do({ ...copy, ...range, source })), 'done')
  assert.equal(codeOf(host.do({ ...copy, ...range, source, fromBytes: 900 })), 'INVALID_PART')
  host.do(deleteKey(place))
  assert.equal(host.see(getContent(name))?.state, 'kept')
  host.do({ type: 'releaseContent', ...target })
  while (host.see(hasReleased())) host.do({ type: 'collect', rows: 2 })
  assert.equal(host.see(garbage(all)).items.length, 3)
  checkInvariants(host.store.rows)
})

test('a part that is sent again under the blob it has is refused', () => {
  const host = ready()
  open(host)
  putPart(host, 1, 1)
  const more = { ...blob(blobId(1, 1), [three]), firstSegment: 1, segmentCount: 2 }
  const again = { type: 'putPart', ...name, part: 1, etag: 'x', checksums: [], blob: more } as const
  assert.equal(codeOf(host.do({ ...again, untilMs: host.nowMs + 1_000 })), 'CONTENT_TAKEN')
  const other = { ...again, part: 2, untilMs: host.nowMs + 1_000 }
  assert.equal(codeOf(host.do(other)), 'INVALID_COMMAND', 'nor may another part have it')
})

test('a fragment is placed only as it was decided on, and drops what it replaces', () => {
  const host = ready()
  put(host)
  const where = { ...name, blob: blobId(1, 1), segment: 0 }
  const move = (ifRevision: number, index: number, seat: number, id = index + 1): string => {
    const placement = { ...where, ifRevision, index, fragment: { id: fragmentId(id), seat } }
    return codeOf(host.do({ type: 'place', placements: [placement] }))
  }
  assert.equal(move(2, 0, 7), 'STALE_REVISION')
  assert.equal(move(1, 0, 2), 'INVALID_COMMAND', 'one fragment per peer')
  assert.equal(move(1, 0, 7, 9), 'INVALID_COMMAND', 'it is another fragment')
  assert.equal(move(1, 0, 7), 'placed')
  assert.equal(move(2, 0, 1), 'BEING_DROPPED', 'its first peer may be dropping it')
  const { items } = host.see(garbage(all))
  assert.deepEqual(
    items.map(({ index, fragment }) => [index, fragment.seat]),
    [[0, 1]],
  )
  host.do({ type: 'dropGarbage', rows: items.map(({ row }) => row) })
  assert.equal(move(2, 0, 1), 'placed')
  assert.equal(move(3, 3, 8), 'placed', 'one more raises m')
  assert.equal(host.see(segmentsOf(8, all)).items[0]?.record.fragments.length, 4)
  assert.equal(move(4, 5, 9), 'INVALID_COMMAND', 'without a gap')
})

test('what a peer may drop cannot be listed by a command that was on its way', () => {
  const host = ready()
  put(host)
  const where = { ...name, blob: blobId(1, 1), segment: 0 }
  const asked = host.do({ type: 'disown', ...where, generation: 0, index: 0, seat: 7 })
  assert.deepEqual(asked, { type: 'content', state: 'released' })
  const late = { ...where, ifRevision: 1, index: 0, fragment: { id: fragmentId(1), seat: 7 } }
  assert.equal(codeOf(host.do({ type: 'place', placements: [late] })), 'STALE_REVISION')
})

test('a segment cut anew has new names, and its old fragments go', () => {
  const host = ready()
  put(host)
  const where = { ...name, blob: blobId(1, 1), segment: 0 }
  const { fragments } = segment(1, [1, 5])
  const recut = { type: 'recut', ...where, k: 1, fragments } as const
  assert.equal(codeOf(host.do({ ...recut, ifRevision: 9 })), 'STALE_REVISION')
  assert.equal(codeOf(host.do({ ...recut, ifRevision: 1 })), 'placed')
  const record = host.see(getSegments(where, { first: 0, count: 1 }))[0]
  assert.deepEqual([record?.generation, record?.k], [1, 1])
  assert.deepEqual(
    host.see(garbage(all)).items.map(({ generation, fragment }) => [generation, fragment.seat]),
    [
      [0, 1],
      [0, 2],
      [0, 3],
    ],
  )
})

test('only garbage of the own range is dropped', () => {
  const host = ready()
  put(host)
  for (const row of ['', '6f', '73ff', '67']) {
    const drop = { type: 'dropGarbage', rows: [fromHex(row)] } as const
    if (row !== '67') assert.equal(codeOf(host.do(drop)), 'INVALID_COMMAND')
  }
  checkInvariants(host.store.rows)
})

test('a commit needs more than k holders, and half of the parity', () => {
  const needs = [
    [1, 1, 1],
    [1, 2, 2],
    [2, 3, 3],
    [4, 6, 5],
    [6, 9, 8],
    [10, 14, 12],
    [20, 29, 25],
  ] as const
  for (const [k, fragments, need] of needs) assert.equal(durableHolders(k, fragments), need)
})
