import { compare, concat } from '../base/bytes.ts'
import type { BlobInit } from './commands.ts'
import { type Place, type Position, positionOf } from './position.ts'
import {
  type Content,
  type ContentName,
  type Extent,
  type Part,
  PARTS_MAX,
  rowOf,
  type Segment,
  SEGMENT_BYTES_MAX,
  type Watch,
} from './records.ts'
import { insist, refuse } from './refusals.ts'
import type { Program } from './rows.ts'
import { checkSegment, segmentRow, writeSegment } from './segments.ts'
import { rowUnder } from './tables.ts'
import { spell, type Workspace } from './workspace.ts'

/**
 * Contents: what the bytes of objects are, apart from the objects. One stands at its *home*, the
 * place for which it was written, and lives through these states, never back:
 *
 *     (unknown) ──→ open ──→ kept ──→ released ──→ (unknown)
 *         └───────────────────↑          ↑
 *         └──────────────────────────────┘   a fence: whoever comes late finds it closed
 *
 * A kept content counts its references, each a row of its own, so that giving one up twice does no
 * harm. With the last one it is released: queued to be taken apart in small steps (`collect.ts`).
 *
 * Fragments are written under leases before any command names them. A command that keeps a content
 * says until when these leases hold, and comes in vain after that. A peer that wants to drop a
 * fragment of a content nobody knows has it released first, which no later command undoes.
 */

/** No lease is longer; so long is a fence kept, for then nobody can come late any more. */
export const LEASE_MS_MAX = 86_400_000

export const contentRow = (home: Position, content: Uint8Array): Uint8Array =>
  rowUnder('c', home, content)
export const watchRow = (home: Position, content: Uint8Array): Uint8Array =>
  rowUnder('u', home, content)
export const referenceRow = (home: Position, content: Uint8Array, holder: Uint8Array): Uint8Array =>
  rowUnder('r', home, content, holder)
export const releasedRow = (
  home: Position,
  content: Uint8Array,
  ...blob: readonly Uint8Array[]
): Uint8Array => rowUnder('x', home, content, ...blob)
/** Part 0 holds the sizes of all. */
export const partRow = (home: Position, content: Uint8Array, part: number): Uint8Array =>
  rowUnder('d', home, content, u16(part))
const outboxRow = (position: Position, content: Uint8Array, holder: Uint8Array): Uint8Array =>
  rowUnder('z', position, content, holder)

/** Under which name a part refers to what it was copied from. */
export const partHolder = (content: Uint8Array, part: number): Uint8Array =>
  concat([content, u16(part)])

/** A lease that a command relies on has not ended and is not too long. */
export function checkLease(work: Workspace, content: Uint8Array, untilMs: number): void {
  if (untilMs <= work.nowMs) refuse({ code: 'WRITE_EXPIRED', content: spell(content), untilMs })
  insist(untilMs <= work.nowMs + LEASE_MS_MAX, 'lease of at most a day')
}

/** A content that is open and whose lease has not ended. */
export function* openContentAt(
  work: Workspace,
  home: Position,
  content: Uint8Array,
): Program<Content> {
  const found = yield* work.read(contentRow(home, content), rowOf.content)
  if (found?.state !== 'open') return refuse({ code: 'NO_SUCH_UPLOAD', upload: spell(content) })
  const { untilMs } = found
  if (untilMs <= work.nowMs) refuse({ code: 'WRITE_EXPIRED', content: spell(content), untilMs })
  return found
}

/**
 * Adds segments to a blob. They follow on those there are, so that the blob has no gaps; and a blob
 * belongs to one part, whose number its id begins with, so that dropping a part takes no other's
 * segments along.
 */
export function* addSegments(
  work: Workspace,
  home: Position,
  { content, blob: init }: { readonly content: Uint8Array; readonly blob: BlobInit },
): Program<void> {
  const { blob, firstSegment, segments } = init
  insist(segments.length > 0, 'segments')
  const at = (segment: number): Uint8Array => segmentRow(home, { content, blob, segment })
  insist(firstSegment === 0 || (yield* work.has(at(firstSegment - 1))), 'segments before these')
  if (yield* work.has(at(firstSegment))) refuse({ code: 'CONTENT_TAKEN', content: spell(content) })
  if (yield* work.has(releasedRow(home, content, blob))) {
    refuse({ code: 'WRITE_EXPIRED', content: spell(content), untilMs: 0 })
  }
  for (const [offset, segment] of segments.entries()) {
    checkSegment(segment)
    const next: Segment = { ...segment, revision: 1, generation: 0 }
    writeSegment(work, at(firstSegment + offset), { before: undefined, next })
  }
}

/** The last segments of a blob, and with them the blob as the one extent of a part. */
export function* finishBlob(
  work: Workspace,
  home: Position,
  { content, part, blob: init }: { content: Uint8Array; part: number; blob: BlobInit },
): Program<Extent> {
  const { blob, firstSegment, segments, sizeBytes, segmentCount, envelope } = init
  insist(part >= 1 && part <= PARTS_MAX, 'part number')
  insist(compare(blob.subarray(0, 2), u16(part)) === 0, 'blob of this part')
  insist(firstSegment + segments.length === segmentCount, 'all segments')
  const most = segmentCount * SEGMENT_BYTES_MAX
  insist(sizeBytes > 0 && sizeBytes <= most, 'bytes of the segments')
  yield* addSegments(work, home, { content, blob: init })
  return {
    source: undefined,
    blob,
    blobBytes: sizeBytes,
    fromBytes: 0,
    lengthBytes: sizeBytes,
    envelope,
  }
}

/** Refers to a content of this range once more. */
export function* addReference(
  work: Workspace,
  name: ContentName,
  { holder, place }: { readonly holder: Uint8Array; readonly place: Place },
): Program<void> {
  const home = work.locate(name)
  const row = contentRow(home, name.content)
  const content = yield* work.read(row, rowOf.content)
  if (content?.state !== 'kept') {
    return refuse({ code: 'NO_SUCH_UPLOAD', upload: spell(name.content) })
  }
  const reference = referenceRow(home, name.content, holder)
  if (yield* work.has(reference)) return
  work.write(reference, rowOf.place, place)
  work.write(row, rowOf.content, { ...content, references: content.references + 1 })
}

/**
 * Gives up a reference: at once if the content is in this range, else by a note for the host to
 * bring to the one that has it. Giving up one that is not there changes nothing.
 */
export function* dropReference(
  work: Workspace,
  name: ContentName,
  { holder, position }: { readonly holder: Uint8Array; readonly position: Position },
): Program<void> {
  if (!work.contains(name)) {
    const { bucket, key } = name
    work.write(outboxRow(position, name.content, holder), rowOf.place, { bucket, key })
    return
  }
  const home = positionOf(name)
  const reference = referenceRow(home, name.content, holder)
  if (!(yield* work.has(reference))) return
  work.remove(reference)
  const row = contentRow(home, name.content)
  const content = yield* work.read(row, rowOf.content)
  if (content === undefined) return
  const references = content.references - 1
  const state = references === 0 ? 'released' : content.state
  work.write(row, rowOf.content, { ...content, references, state })
  if (state === 'released') {
    const { bucket, key } = name
    work.write(releasedRow(home, name.content), rowOf.place, { bucket, key })
  }
}

/** Gives up what a part is made of; its row is the caller's to remove. */
export function* releasePart(
  work: Workspace,
  name: ContentName,
  { number, part }: { readonly number: number; readonly part: Part },
): Program<void> {
  const home = positionOf(name)
  const { bucket, key, content } = name
  for (const { source, blob } of part.extents) {
    if (source === undefined)
      work.write(releasedRow(home, content, blob), rowOf.place, { bucket, key })
    else {
      const holder = partHolder(content, number)
      yield* dropReference(work, source, { holder, position: home })
    }
  }
}

/** A content that is now whole, with its first reference. */
export function keepContent(
  work: Workspace,
  { bucket, key, content }: ContentName,
  untilMs: number,
): void {
  const home = positionOf({ bucket, key })
  work.write(contentRow(home, content), rowOf.content, { state: 'kept', references: 1, untilMs })
  work.write(referenceRow(home, content, content), rowOf.place, { bucket, key })
}

/** Until nobody can come late any more. */
export function fence(work: Workspace, name: ContentName, found: Content | undefined): void {
  const home = positionOf(name)
  const untilMs = Math.max(found?.untilMs ?? 0, work.nowMs + LEASE_MS_MAX)
  const content: Content = { state: 'released', references: 0, untilMs }
  work.write(contentRow(home, name.content), rowOf.content, content)
  const watch: Watch = { kind: 'fence', untilMs, sinceMs: work.nowMs, upload: undefined }
  work.write(watchRow(home, name.content), rowOf.watch, watch)
}

export function* contentState(
  work: Workspace,
  name: ContentName,
): Program<Content['state'] | undefined> {
  return (yield* work.read(contentRow(positionOf(name), name.content), rowOf.content))?.state
}

export function u16(value: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.of(value >>> 8, value & 0xff)
}
