import { partRow } from './contents.ts'
import { positionOf } from './position.ts'
import {
  type ContentName,
  type Extent,
  EXTENTS_MAX,
  type Part,
  type PartSize,
  rowOf,
} from './records.ts'
import type { Program } from './rows.ts'
import type { Workspace } from './workspace.ts'

/** A run of bytes, each piece in the content that has it. */
export interface Extents {
  readonly extents: readonly (Extent & { readonly source: ContentName })[]
  /** Where they end: before what was asked for if that is in too many pieces. */
  readonly endBytes: number
}

/** What holds the bytes from `fromBytes` on of a content that stands in this range. */
export function* extentsOf(
  work: Workspace,
  name: ContentName,
  { fromBytes, lengthBytes }: { readonly fromBytes: number; readonly lengthBytes: number },
): Program<Extents> {
  const home = positionOf(name)
  const sizes = (yield* work.read(partRow(home, name.content, 0), rowOf.partSizes)) ?? WHOLE
  const toBytes = fromBytes + lengthBytes
  const extents: (Extent & { readonly source: ContentName })[] = []
  let startBytes = 0
  let endBytes = fromBytes
  for (const { part: number, sizeBytes } of sizes) {
    if (startBytes >= toBytes) break
    if (startBytes + sizeBytes > fromBytes) {
      const part = yield* work.read(partRow(home, name.content, number), rowOf.part)
      for (const extent of clip(part, { name, startBytes, fromBytes, toBytes })) {
        if (extents.length === EXTENTS_MAX) return { extents, endBytes }
        extents.push(extent)
        endBytes += extent.lengthBytes
      }
    }
    startBytes += sizeBytes
  }
  return { extents, endBytes }
}

/** A content that came whole has one part of whatever size. */
const WHOLE: readonly PartSize[] = [{ part: 1, sizeBytes: Number.MAX_SAFE_INTEGER }]

/** The pieces of a part that starts at `startBytes` which lie in a range. */
function clip(
  part: Part | undefined,
  range: { name: ContentName; startBytes: number; fromBytes: number; toBytes: number },
): (Extent & { readonly source: ContentName })[] {
  let at = range.startBytes
  const pieces: (Extent & { readonly source: ContentName })[] = []
  for (const extent of part?.extents ?? []) {
    const from = Math.max(at, range.fromBytes)
    const to = Math.min(at + extent.lengthBytes, range.toBytes)
    if (from < to) {
      const source = extent.source ?? range.name
      const offset = extent.fromBytes + from - at
      pieces.push({ ...extent, source, fromBytes: offset, lengthBytes: to - from })
    }
    at += extent.lengthBytes
  }
  return pieces
}
