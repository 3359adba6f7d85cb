import type { Command, NewBody } from './commands.ts'
import { checkConditions } from './conditions.ts'
import {
  checkLease,
  contentRow,
  finishBlob,
  keepContent,
  openContentAt,
  partRow,
  referenceRow,
  watchRow,
} from './contents.ts'
import { changedRetention, demandUnlocked, newLock } from './locks.ts'
import { type Place, type Position, positionOf } from './position.ts'
import {
  type Body,
  type Description,
  INLINE_BYTES_MAX,
  OBJECT_BYTES_MAX,
  type Pair,
  rowOf,
  type Version,
} from './records.ts'
import { insist, refuse } from './refusals.ts'
import { DONE, type Result } from './results.ts'
import type { Program } from './rows.ts'
import {
  addVersion,
  demandVersion,
  findVersion,
  headOf,
  idOf,
  inlineRow,
  refer,
  removeVersion,
  rewriteVersion,
} from './versions.ts'
import { spell, type Workspace } from './workspace.ts'

/** Objects: put, delete, copy, and what is said of a version after it was written. */
type CommandOf<Type extends Command['type']> = Extract<Command, { readonly type: Type }>

const HEADERS_BYTES_MAX = 16_384
const MARKER: Description = {
  sizeBytes: 0,
  etag: '',
  headers: [],
  checksums: [],
  tags: [],
  retention: undefined,
  hasLegalHold: false,
}

export function* putObject(
  work: Workspace,
  { bucket: bucketName, key, conditions, description, body }: CommandOf<'putObject'>,
): Program<Result> {
  const place = { bucket: bucketName, key }
  const position = work.locate(place)
  const bucket = yield* work.writableBucket(bucketName)
  checkDescription(description)
  const head = yield* headOf(work, place)
  checkConditions(conditions, head?.version, place)
  const lock = newLock(bucket, description, work.nowMs)
  const parts = body.type === 'shared' ? body.parts : 0
  const stored = yield* storeBody(work, place, { body, description })
  const version = { ...description, ...lock, parts, body: stored }
  const written = yield* addVersion(work, place, { bucket, version })
  if (body.type === 'inline') work.writeBytes(inlineRow(position, written.stamp), body.bytes)
  return resultOf(written)
}

function* storeBody(
  work: Workspace,
  place: Place,
  { body, description }: { body: NewBody; description: Description },
): Program<Body> {
  switch (body.type) {
    case 'inline':
      insist(body.bytes.length <= INLINE_BYTES_MAX, 'few bytes inline')
      insist(body.bytes.length === description.sizeBytes, 'size of the object')
      return { type: 'inline' }
    case 'blob':
      return yield* storeBlob(work, place, { body, description })
    case 'shared':
      return yield* storeShared(work, place, body)
  }
}

/** Fragments that were written for this object become a content, with the object's reference. */
function* storeBlob(
  work: Workspace,
  place: Place,
  { body, description }: { body: Extract<NewBody, { type: 'blob' }>; description: Description },
): Program<Body> {
  const { content, untilMs, blob } = body
  const home = positionOf(place)
  insist(blob.sizeBytes === description.sizeBytes, 'size of the object')
  checkLease(work, content, untilMs)
  yield* claim(work, home, content)
  const extent = yield* finishBlob(work, home, { content, part: 1, blob })
  const { sizeBytes, etag, checksums } = description
  const part = { sizeBytes, etag, checksums, createdMs: work.nowMs, extents: [extent] }
  work.write(partRow(home, content, 1), rowOf.part, part)
  work.remove(watchRow(home, content))
  keepContent(work, { ...place, content }, untilMs)
  return { type: 'content', content, home: undefined, holder: content }
}

/** A content that nobody knows yet, or that is open as an intent. */
function* claim(work: Workspace, home: Position, content: Uint8Array): Program<void> {
  const found = yield* work.read(contentRow(home, content), rowOf.content)
  if (found === undefined) return
  const { state, untilMs } = found
  if (state === 'kept') refuse({ code: 'CONTENT_TAKEN', content: spell(content) })
  if (state === 'released') refuse({ code: 'WRITE_EXPIRED', content: spell(content), untilMs })
  yield* openContentAt(work, home, content)
  const watch = yield* work.read(watchRow(home, content), rowOf.watch)
  if (watch?.kind !== 'intent') refuse({ code: 'CONTENT_TAKEN', content: spell(content) })
}

/** The reference was made in the content's own range; here only a fence can stand in the way. */
function* storeShared(
  work: Workspace,
  place: Place,
  { content: name, holder, untilMs }: Extract<NewBody, { type: 'shared' }>,
): Program<Body> {
  checkLease(work, holder, untilMs)
  insist(!work.contains(name), 'content of another range')
  const fence = yield* work.read(contentRow(positionOf(place), holder), rowOf.content)
  if (fence !== undefined) refuse({ code: 'WRITE_EXPIRED', content: spell(holder), untilMs })
  const { bucket, key, content } = name
  return { type: 'content', content, home: { bucket, key }, holder }
}

export function* copyObject(work: Workspace, command: CommandOf<'copyObject'>): Program<Result> {
  const { bucket: bucketName, key, source, holder } = command
  const place = { bucket: bucketName, key }
  const position = work.locate(place)
  work.locate(source)
  yield* work.bucket(source.bucket)
  const bucket = yield* work.writableBucket(bucketName)
  const found = yield* demandVersion(work, source, source.version)
  checkConditions(command.sourceConditions, found, source)
  const head = yield* headOf(work, place)
  checkConditions(command.conditions, head?.version, place)
  const description = {
    ...found,
    headers: command.headers ?? found.headers,
    tags: command.tags ?? found.tags,
    retention: command.retention,
    hasLegalHold: command.hasLegalHold,
  }
  checkDescription(description)
  const lock = newLock(bucket, description, work.nowMs)
  const inline =
    found.body.type === 'inline'
      ? yield* work.rows.get(inlineRow(positionOf(source), found.stamp))
      : undefined
  const body = yield* sharedBody(work, place, { source, version: found, holder })
  const version = { ...description, ...lock, body }
  const written = yield* addVersion(work, place, { bucket, version })
  if (inline !== undefined) work.writeBytes(inlineRow(position, written.stamp), inline)
  return resultOf(written)
}

/** The body of a copy: the same content, referred to once more. */
function* sharedBody(
  work: Workspace,
  place: Place,
  { source, version, holder }: { source: Place; version: Version; holder: Uint8Array },
): Program<Body> {
  if (version.body.type !== 'content') return version.body
  const { content, home = { bucket: source.bucket, key: source.key } } = version.body
  work.locate(home)
  if (yield* work.has(referenceRow(positionOf(home), content, holder))) {
    refuse({ code: 'CONTENT_TAKEN', content: spell(holder) })
  }
  yield* refer(work, place, { home, content, holder })
  return { type: 'content', content, home, holder }
}

export function* deleteObject(
  work: Workspace,
  { version: name, conditions, bypassesGovernance, ...place }: CommandOf<'deleteObject'>,
): Program<Result> {
  work.locate(place)
  const bucket = yield* work.bucket(place.bucket)
  const version = yield* findVersion(work, place, name)
  checkConditions(conditions, version, place)
  if (name === undefined && bucket.versioning !== 'off') return yield* putMarker(work, place)
  if (version === undefined) return NOTHING_DELETED
  demandUnlocked(version, { nowMs: work.nowMs, bypassesGovernance })
  yield* removeVersion(work, place, version)
  return resultOf(version)
}

const NOTHING_DELETED: Result = {
  type: 'version',
  version: undefined,
  isMarker: false,
  ms: 0,
  etag: '',
}

export function* putMarker(work: Workspace, place: Place): Program<Result> {
  const bucket = yield* work.writableBucket(place.bucket)
  const version = { ...MARKER, parts: 0, body: { type: 'marker' } as const }
  return resultOf(yield* addVersion(work, place, { bucket, version }))
}

export function* setTags(
  work: Workspace,
  { version: name, tags, ...place }: CommandOf<'setTags'>,
): Program<Result> {
  work.locate(place)
  yield* work.bucket(place.bucket)
  checkTags(tags)
  const version = yield* demandVersion(work, place, name)
  yield* rewriteVersion(work, place, { ...version, tags })
  return resultOf(version)
}

export function* setLock(
  work: Workspace,
  { version: name, retention, hasLegalHold, bypassesGovernance, ...place }: CommandOf<'setLock'>,
): Program<Result> {
  work.locate(place)
  const bucket = yield* work.bucket(place.bucket)
  insist(bucket.hasLock, 'bucket with object lock')
  const version = yield* demandVersion(work, place, name)
  const next = {
    ...version,
    hasLegalHold: hasLegalHold ?? version.hasLegalHold,
    retention:
      retention === undefined
        ? version.retention
        : changedRetention(version.retention, retention, {
            nowMs: work.nowMs,
            bypassesGovernance,
          }),
  }
  yield* rewriteVersion(work, place, next)
  return DONE
}

export const resultOf = (version: Version): Result => ({
  type: 'version',
  version: idOf(version),
  isMarker: version.body.type === 'marker',
  ms: version.stamp.ms,
  etag: version.etag,
})

export function checkDescription({ headers, tags, sizeBytes }: Description): void {
  insist(sizeBytes <= OBJECT_BYTES_MAX, 'size of the object')
  const size = headers.reduce((sum, { name, value }) => sum + name.length + value.length, 0)
  insist(size <= HEADERS_BYTES_MAX, 'few headers')
  checkTags(tags)
}

function checkTags(tags: readonly Pair[]): void {
  insist(new Set(tags.map(({ name }) => name)).size === tags.length, 'distinct tags')
}
