import type { FragmentId } from '../../erasure/fragment-id.ts'
import { formatFragmentId } from '../../erasure/fragment-id.ts'
import type { Scheme } from '../../erasure/scheme.ts'
import type { Coder } from '../coder/coder.ts'
import { type CellsEvent, encodeStream } from '../coder/encode-stream.ts'

/** A segment as it left the coder: its cells, and what its fragments are called. */
export interface EncodedSegment {
  readonly segment: number
  readonly scheme: Scheme
  /** Stored bytes, without padding. */
  readonly lengthBytes: number
  readonly fragments: readonly { readonly id: FragmentId; readonly sizeBytes: number }[]
  /** All its cells, in order; none any more after `releaseCells`. */
  readonly batches: CellsEvent[]
}

export const idOf = ({ fragments }: EncodedSegment, column: number): string =>
  formatFragmentId((fragments[column] as { id: FragmentId }).id)

/** The cells of one fragment. */
export function* cellsOf(
  { batches }: EncodedSegment,
  column: number,
): Generator<Uint8Array<ArrayBuffer>> {
  for (const { columns } of batches) yield* columns[column] ?? []
}

/** Gives the memory of the cells back; nobody may ask for them again. */
export function releaseCells({ batches }: EncodedSegment): void {
  for (const batch of batches.splice(0)) batch.release()
}

/**
 * The same stored bytes under another scheme. They are laid out as what is not encrypted is, so
 * neither key nor nonce comes into it.
 */
export async function recut(
  coder: Coder,
  encoded: EncodedSegment,
  { scheme, signal }: { readonly scheme: Scheme; readonly signal: AbortSignal },
): Promise<EncodedSegment> {
  const batches: CellsEvent[] = []
  for await (const event of encodeStream(storedBytes(encoded), { coder, scheme, signal })) {
    if (event.type === 'cells') batches.push(event)
    else if (event.type === 'segment') {
      return { ...event, segment: encoded.segment, batches }
    }
  }
  throw new RangeError('a segment has bytes')
}

/** What the data cells hold, row by row, without the padding at the end. */
async function* storedBytes({
  batches,
  scheme,
  lengthBytes,
}: EncodedSegment): AsyncGenerator<Uint8Array> {
  let left = lengthBytes
  for (const { columns } of batches) {
    for (const stripe of (columns[0] ?? []).keys()) {
      for (let column = 0; column < scheme.k && left > 0; column++) {
        const cell = (columns[column] as readonly Uint8Array[])[stripe] as Uint8Array
        yield cell.subarray(0, left)
        left -= Math.min(left, cell.length)
      }
    }
  }
}
