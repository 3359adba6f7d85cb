import assert from 'node:assert/strict'

import { type Command, NO_CONDITIONS } from '../../src/catalog/commands.ts'
import type { Place } from '../../src/catalog/position.ts'
import { listVersions } from '../../src/catalog/query-objects.ts'
import { garbage, hasReleased } from '../../src/catalog/query-upkeep.ts'
import type { Retention } from '../../src/catalog/records.ts'
import { checkInvariants } from './invariants.ts'
import {
  blob,
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

/** What chance seldom comes upon, step by step. */
const place = { bucket: 'aaa', key: 'a' }
const all = { after: undefined, limit: 1_000 }

type LockChange = Partial<Extract<Command, { type: 'setLock' }>>

/** A retention binds as its mode says, and a hold until it is lifted. */
export function playLocks(): void {
  const host = new Host()
  host.do(createBucket('aaa', { versioning: 'enabled', hasLock: true }))
  const written = host.do(putInline(place, 'x'))
  assert.ok(written.type === 'version')
  const { version } = written
  const change = (more: LockChange): string => {
    const same = { retention: undefined, hasLegalHold: undefined, bypassesGovernance: false }
    return codeOf(host.do({ type: 'setLock', ...place, version, ...same, ...more }))
  }
  const until = (mode: Retention['mode'], ms: number): LockChange => ({
    retention: { mode, untilMs: host.nowMs + ms },
  })
  const remove = (bypassesGovernance: boolean): string =>
    codeOf(host.do({ ...deleteKey(place, version), bypassesGovernance }))
  assert.equal(change(until('governance', 1_000)), 'done')
  assert.equal(remove(false), 'OBJECT_LOCKED')
  assert.equal(change({ retention: 'none' }), 'OBJECT_LOCKED')
  assert.equal(change({ retention: 'none', bypassesGovernance: true }), 'done')
  assert.equal(change(until('compliance', 2_000)), 'done')
  assert.equal(change({ ...until('compliance', 1_000), bypassesGovernance: true }), 'OBJECT_LOCKED')
  assert.equal(change({ ...until('governance', 3_000), bypassesGovernance: true }), 'OBJECT_LOCKED')
  assert.equal(change(until('compliance', 3_000)), 'done')
  assert.equal(remove(true), 'OBJECT_LOCKED')
  assert.equal(codeOf(host.do(putInline(place, 'y'))), 'version', 'a newer version may come')
  assert.equal(change({ hasLegalHold: true }), 'done')
  host.nowMs += 3_000
  assert.equal(remove(true), 'OBJECT_LOCKED', 'the hold has no end')
  assert.equal(change({ hasLegalHold: false }), 'done')
  assert.equal(remove(false), 'version')
}

/** Versions are kept, then not: of those without an id of their own there is only ever one. */
export function playNullVersions(): void {
  const host = new Host()
  host.do(createBucket('aaa'))
  const set = (versioning: 'enabled' | 'suspended'): void => {
    const same = { hasLock: false, retention: undefined, isFrozen: false, ifRevision: undefined }
    host.do({ type: 'changeBucket', bucket: 'aaa', versioning, ...same })
  }
  const etags = (): string[] => {
    const whole = { bucket: 'aaa', prefix: '', delimiter: '', after: new Uint8Array(0), limit: 9 }
    const { versions } = host.see(listVersions({ ...whole, afterVersion: undefined }))
    return versions.map(({ id, version }) =>
      id === 'null' ? `${version.etag} null` : version.etag,
    )
  }
  host.do(putInline(place, '1'))
  set('enabled')
  host.do(putInline(place, '2'))
  set('suspended')
  host.do(putInline(place, '3'))
  assert.deepEqual(etags(), ['"3" null', '"2"'])
  host.do(putInline(place, '4'))
  assert.deepEqual(etags(), ['"4" null', '"2"'])
  set('enabled')
  host.do(putInline(place, '5'))
  set('suspended')
  host.do(deleteKey(place))
  assert.deepEqual(etags(), [' null', '"5"', '"2"'])
  host.do(deleteKey(place, 'null'))
  assert.deepEqual(etags(), ['"5"', '"2"'])
  checkInvariants(host.store.rows)
}

/** An object of a copied part and of a part it did not name: whatever goes takes what it held along. */
export function playCopiedPart(): void {
  const host = new Host()
  host.do(createBucket('aaa'))
  const untilMs = host.nowMs + 1_000
  const segments = [segment(2, [1, 2, 3], 100)]
  host.do(putBlob(place, { content: contentId(1), segments, untilMs }))
  const target: Place = { bucket: 'aaa', key: 'b' }
  const name = { ...target, content: contentId(2) }
  const upload = description({ etag: '' })
  host.do({ type: 'openContent', ...name, untilMs: host.nowMs + 10_000, upload })
  const copy = {
    source: { ...place, version: undefined },
    sourceConditions: NO_CONDITIONS,
  } as const
  const whole = { fromBytes: 0, lengthBytes: undefined, etag: 'p', checksums: [] } as const
  for (const part of [1, 2]) host.do({ type: 'copyPart', ...name, part, ...copy, ...whole })
  const init = blob(blobId(3, 1), segments)
  host.do({ type: 'putPart', ...name, part: 3, etag: 'p', checksums: [], blob: init, untilMs })
  const parts = [{ part: 1, etag: 'p' }]
  const complete = { conditions: NO_CONDITIONS, parts, partBytesMin: 0, etag: 'w', checksums: [] }
  assert.equal(codeOf(host.do({ type: 'completeUpload', ...name, ...complete })), 'version')
  const collect = (): void => {
    while (host.see(hasReleased())) host.do({ type: 'collect', rows: 2 })
    checkInvariants(host.store.rows)
  }
  collect()
  assert.equal(host.see(garbage(all)).items.length, 3, 'the part that was not named')
  host.do(deleteKey(place))
  collect()
  assert.equal(host.see(garbage(all)).items.length, 3, 'the copied part keeps its source')
  host.do(deleteKey(target))
  collect()
  assert.equal(host.see(garbage(all)).items.length, 6, 'and then lets it go')
}
