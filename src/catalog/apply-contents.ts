import { checkDescription, resultOf } from './apply-objects.ts'
import type { Command } from './commands.ts'
import { checkConditions } from './conditions.ts'
import {
  addReference,
  addSegments,
  checkLease,
  contentRow,
  dropReference,
  fence,
  finishBlob,
  keepContent,
  openContentAt,
  partHolder,
  partRow,
  releasedRow,
  releasePart,
  watchRow,
} from './contents.ts'
import { extentsOf } from './extents.ts'
import { newLock } from './locks.ts'
import { type Position, positionOf } from './position.ts'
import {
  type Content,
  type ContentName,
  OBJECT_BYTES_MAX,
  type Part,
  PARTS_MAX,
  rowOf,
  type Watch,
} from './records.ts'
import { insist, refuse } from './refusals.ts'
import { DONE, type Result } from './results.ts'
import { everyRow, type Program } from './rows.ts'
import { following } from './tables.ts'
import { addVersion, demandVersion, headOf } from './versions.ts'
import { spell, type Workspace } from './workspace.ts'

/** Contents: intents, multipart uploads, and how they end. */
type CommandOf<Type extends Command['type']> = Extract<Command, { readonly type: Type }>

const PARTS_PAGE = 1_000

export function* openContent(
  work: Workspace,
  { bucket: bucketName, key, content, untilMs, upload }: CommandOf<'openContent'>,
): Program<Result> {
  const home = work.locate({ bucket: bucketName, key })
  const bucket = yield* work.writableBucket(bucketName)
  if (upload === undefined) checkLease(work, content, untilMs)
  else {
    checkDescription(upload)
    newLock(bucket, upload, work.nowMs)
    insist(untilMs > work.nowMs, 'upload that ends later')
  }
  const row = contentRow(home, content)
  const found = yield* work.read(row, rowOf.content)
  if (found?.state === 'released') {
    refuse({ code: 'WRITE_EXPIRED', content: spell(content), untilMs: found.untilMs })
  }
  if (found !== undefined) refuse({ code: 'CONTENT_TAKEN', content: spell(content) })
  const kind = upload === undefined ? 'intent' : 'upload'
  work.write(row, rowOf.content, { state: 'open', references: 0, untilMs })
  const watch: Watch = { kind, untilMs, sinceMs: work.nowMs, upload }
  work.write(watchRow(home, content), rowOf.watch, watch)
  if (upload !== undefined) yield* work.account(bucketName, { uploads: 1 })
  return { type: 'content', state: 'open' }
}

export function* renewContent(
  work: Workspace,
  { content, untilMs, ...place }: CommandOf<'renewContent'>,
): Program<Result> {
  const home = work.locate(place)
  const found = yield* openContentAt(work, home, content)
  const row = watchRow(home, content)
  const watch = yield* work.read(row, rowOf.watch)
  if (watch?.kind === 'intent') checkLease(work, content, untilMs)
  insist(untilMs >= found.untilMs, 'lease that gets longer')
  work.write(contentRow(home, content), rowOf.content, { ...found, untilMs })
  if (watch !== undefined) work.write(row, rowOf.watch, { ...watch, untilMs })
  return { type: 'content', state: 'open' }
}

export function* addToContent(
  work: Workspace,
  { content, blob, ...place }: CommandOf<'addSegments'>,
): Program<Result> {
  const home = work.locate(place)
  yield* openContentAt(work, home, content)
  yield* addSegments(work, home, { content, blob })
  return DONE
}

export function* putPart(
  work: Workspace,
  { part: number, etag, checksums, blob, untilMs, ...name }: CommandOf<'putPart'>,
): Program<Result> {
  const home = work.locate(name)
  yield* openUpload(work, home, name.content)
  checkLease(work, name.content, untilMs)
  const { content } = name
  const extent = yield* finishBlob(work, home, { content, part: number, blob })
  const { sizeBytes } = blob
  const part = { sizeBytes, etag, checksums, createdMs: work.nowMs, extents: [extent] }
  yield* replacePart(work, name, { number, part })
  return DONE
}

export function* copyPart(work: Workspace, command: CommandOf<'copyPart'>): Program<Result> {
  const { bucket, key, content, part: number, etag, checksums, source } = command
  const name = { bucket, key, content }
  const home = work.locate(name)
  yield* openUpload(work, home, content)
  insist(number >= 1, 'part number')
  work.locate(source)
  yield* work.bucket(source.bucket)
  const version = yield* demandVersion(work, source, source.version)
  checkConditions(command.sourceConditions, version, source)
  if (version.body.type !== 'content') {
    return refuse({ code: 'INVALID_PART', part: number, reason: 'the source has no fragments' })
  }
  const { fromBytes, lengthBytes = version.sizeBytes - fromBytes } = command
  const isInside = lengthBytes > 0 && fromBytes + lengthBytes <= version.sizeBytes
  if (!isInside) refuse({ code: 'INVALID_PART', part: number, reason: 'not within the source' })
  const origin = { ...(version.body.home ?? { bucket: source.bucket, key: source.key }) }
  work.locate(origin)
  const from = { ...origin, content: version.body.content }
  const { extents, endBytes } = yield* extentsOf(work, from, { fromBytes, lengthBytes })
  if (endBytes < fromBytes + lengthBytes) {
    refuse({ code: 'INVALID_PART', part: number, reason: 'the source is too scattered' })
  }
  const part: Part = { sizeBytes: lengthBytes, etag, checksums, createdMs: work.nowMs, extents }
  yield* replacePart(work, name, { number, part })
  const holder = partHolder(content, number)
  for (const extent of extents) {
    yield* addReference(work, extent.source, { holder, place: name })
  }
  return DONE
}

interface NumberedPart {
  readonly number: number
  readonly row: Uint8Array
  readonly part: Part
}

/** Every part of a content, by number. */
function* partsOf(
  work: Workspace,
  home: Position,
  content: Uint8Array,
): Program<readonly NumberedPart[]> {
  const first = partRow(home, content, 0)
  const before = following(first.subarray(0, -2))
  const rows = yield* everyRow(work.rows, { after: first, before, pageRows: PARTS_PAGE })
  return rows.map(({ key, value }) => ({
    number: (key.at(-2) ?? 0) * 256 + (key.at(-1) ?? 0),
    row: key,
    part: rowOf.part.decode(value),
  }))
}

function* openUpload(work: Workspace, home: Position, content: Uint8Array): Program<Watch> {
  yield* openContentAt(work, home, content)
  const watch = yield* work.read(watchRow(home, content), rowOf.watch)
  if (watch?.kind === 'upload') return watch
  return refuse({ code: 'NO_SUCH_UPLOAD', upload: spell(content) })
}

/** A part that is sent again takes the place of the one before. */
function* replacePart(
  work: Workspace,
  name: ContentName,
  { number, part }: { number: number; part: Part },
): Program<void> {
  const row = partRow(positionOf(name), name.content, number)
  const old = yield* work.read(row, rowOf.part)
  if (old !== undefined) {
    const [before, next] = [ownBlob(old), ownBlob(part)]
    if (before !== undefined && next !== undefined && spell(before) === spell(next)) {
      refuse({ code: 'CONTENT_TAKEN', content: spell(name.content) })
    }
    yield* releasePart(work, name, { number, part: old })
  }
  work.write(row, rowOf.part, part)
}

/** The blob that was written for a part; undefined if the part was copied. */
const ownBlob = ({ extents }: Part): Uint8Array | undefined =>
  extents.find(({ source }) => source === undefined)?.blob

export function* completeUpload(
  work: Workspace,
  command: CommandOf<'completeUpload'>,
): Program<Result> {
  const { bucket: bucketName, key, content, conditions, parts: wanted } = command
  const place = { bucket: bucketName, key }
  const name = { ...place, content }
  const home = work.locate(place)
  const head = yield* headOf(work, place)
  const found = yield* work.read(contentRow(home, content), rowOf.content)
  const isDone = found?.state === 'kept' && head?.version.body.type === 'content'
  if (isDone && head.version.parts > 0 && isHeld(head.version.body, content)) {
    return resultOf(head.version)
  }
  const bucket = yield* work.writableBucket(bucketName)
  const { upload } = yield* openUpload(work, home, content)
  if (upload === undefined) return refuse({ code: 'NO_SUCH_UPLOAD', upload: spell(content) })
  checkConditions(conditions, head?.version, place)
  const there = yield* partsOf(work, home, content)
  const sizes = chooseParts(there, command)
  const chosen = new Set(wanted.map(({ part }) => part))
  for (const { number, row, part } of there) {
    if (chosen.has(number)) continue
    yield* releasePart(work, name, { number, part })
    work.remove(row)
  }
  work.write(partRow(home, content, 0), rowOf.partSizes, sizes)
  work.remove(watchRow(home, content))
  keepContent(work, name, work.nowMs)
  yield* work.account(bucketName, { uploads: -1 })
  const { etag, checksums } = command
  const sizeBytes = sizes.reduce((sum, part) => sum + part.sizeBytes, 0)
  insist(sizeBytes <= OBJECT_BYTES_MAX, 'size of the object')
  const lock = newLock(bucket, upload, work.nowMs)
  const body = { type: 'content', content, home: undefined, holder: content } as const
  const version = { ...upload, ...lock, sizeBytes, etag, checksums, parts: sizes.length, body }
  return resultOf(yield* addVersion(work, place, { bucket, version }))
}

const isHeld = (
  body: { readonly content: Uint8Array; readonly home: unknown },
  content: Uint8Array,
) => body.home === undefined && spell(body.content) === spell(content)

/** The sizes of the parts that make the object, each of which must be as the command says. */
function chooseParts(
  there: readonly NumberedPart[],
  { parts, partBytesMin }: CommandOf<'completeUpload'>,
): { part: number; sizeBytes: number }[] {
  insist(parts.length > 0 && parts.length <= PARTS_MAX, 'parts')
  const byNumber = new Map(there.map(({ number, part }) => [number, part]))
  return parts.map(({ part: number, etag }, at) => {
    const part = byNumber.get(number)
    const wrong = (reason: string): never => refuse({ code: 'INVALID_PART', part: number, reason })
    if (number <= (parts[at - 1]?.part ?? 0)) wrong('out of order')
    if (part === undefined) return wrong('missing')
    if (part.etag !== etag) wrong('another etag')
    const { sizeBytes } = part
    if (at < parts.length - 1 && sizeBytes < partBytesMin) {
      refuse({ code: 'PART_TOO_SMALL', part: number, sizeBytes, least: partBytesMin })
    }
    return { part: number, sizeBytes }
  })
}

export function* releaseContent(
  work: Workspace,
  { content, ...place }: CommandOf<'releaseContent'>,
): Program<Result> {
  const home = work.locate(place)
  const found = yield* work.read(contentRow(home, content), rowOf.content)
  if (found === undefined) fence(work, { ...place, content }, undefined)
  if (found?.state === 'open') yield* release(work, { ...place, content }, found)
  return { type: 'content', state: found?.state === 'kept' ? 'kept' : 'released' }
}

/** Of those whose time is over; the others are left alone. */
export function* sweepContents(
  work: Workspace,
  { contents }: CommandOf<'sweepContents'>,
): Program<Result> {
  for (const { bucket, key, content } of contents) {
    const name = { bucket, key, content }
    const home = work.locate(name)
    const watch = yield* work.read(watchRow(home, content), rowOf.watch)
    if (watch === undefined || watch.untilMs > work.nowMs) continue
    const found = yield* work.read(contentRow(home, content), rowOf.content)
    if (found?.state === 'open') yield* release(work, name, found)
    else if (!(yield* work.has(releasedRow(home, content)))) {
      work.remove(contentRow(home, content))
      work.remove(watchRow(home, content))
    }
  }
  return DONE
}

/** An open content will never be kept; what it has is queued to be taken apart. */
export function* release(work: Workspace, name: ContentName, found: Content): Program<void> {
  const { bucket, key, content } = name
  const home = positionOf(name)
  const watch = yield* work.read(watchRow(home, content), rowOf.watch)
  if (watch?.kind === 'upload') yield* work.account(bucket, { uploads: -1 })
  fence(work, name, found)
  work.write(releasedRow(home, content), rowOf.place, { bucket, key })
}

export function* retainContent(
  work: Workspace,
  { holder, holderPlace, ...name }: CommandOf<'retainContent'>,
): Program<Result> {
  work.locate(name)
  yield* addReference(work, name, { holder, place: holderPlace })
  return DONE
}

export function* giveUpReference(
  work: Workspace,
  { holder, ...name }: CommandOf<'dropReference'>,
): Program<Result> {
  const position = work.locate(name)
  yield* dropReference(work, name, { holder, position })
  return DONE
}

export function* settleReferences(
  work: Workspace,
  { rows }: CommandOf<'settleReferences'>,
): Program<Result> {
  for (const row of rows) {
    insist(work.owns('z', row), 'note of this range')
    if (yield* work.has(row)) work.remove(row)
  }
  return DONE
}
