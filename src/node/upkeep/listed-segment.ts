import { toHex } from '../../base/bytes.ts'
import type { SegmentName } from '../../catalog/commands.ts'
import type { PlacedSegment } from '../../catalog/query-upkeep.ts'
import { segmentLayout } from '../../erasure/layout.ts'
import type { SegmentView } from '../../placement/segment-view.ts'
import { encodeReference } from '../fragments/fragment-reference.ts'

/** A segment as the planner sees it, and as the catalog listed it. */
export interface ListedSegment extends SegmentView {
  readonly placed: PlacedSegment
}

export function listed(placed: PlacedSegment): ListedSegment {
  const { record } = placed
  return {
    id: spellSegment(placed),
    revision: record.revision,
    k: record.k,
    fragmentBytes: segmentLayout(record.k, record.sizeBytes).fragmentBytes,
    seats: record.fragments.map(({ seat }) => seat),
    placed,
  }
}

/** What the planner was given comes back from it as it was. */
export const placedOf = (view: SegmentView): PlacedSegment => (view as ListedSegment).placed

export const spellSegment = ({ content, blob, segment }: SegmentName): string =>
  `${toHex(content)}/${toHex(blob)}/${segment}`

/** Under which name peers hold fragments of a segment. */
export const referenceOf = (
  { content, blob, segment }: SegmentName,
  generation: number,
): Uint8Array => encodeReference({ content, blob, segment, generation })

/** The name alone. */
export const nameOf = ({ bucket, key, content, blob, segment }: SegmentName): SegmentName => ({
  bucket,
  key,
  content,
  blob,
  segment,
})
