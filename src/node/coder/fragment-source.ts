import type { FragmentId } from '../../erasure/fragment-id.ts'

/**
 * Where fragments come from: files, or peers. Nobody need trust it. Whatever it throws means that
 * this fragment cannot be had from it, and another one is used.
 */
export interface FragmentSource {
  /** Columns that may be asked for, best first; data that is wanted goes before the others. */
  columnsOf(segment: number): readonly number[]
  /** The leaves of a fragment. */
  leaves(place: FragmentPlace, signal: AbortSignal): Promise<Uint8Array>
  /** Cells `from` … `to` - 1 of a fragment, in an array of their own, which the caller takes over. */
  cells(
    place: FragmentPlace,
    range: CellRange,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>>
  /**
   * Resolves when this fragment has kept its reader waiting for so long that others should be asked
   * as well; never, if nobody waits any more. Without it nobody is asked twice.
   */
  late?(place: FragmentPlace, signal: AbortSignal): Promise<void>
}

export interface FragmentPlace {
  readonly segment: number
  readonly column: number
  readonly id: FragmentId
}

export interface CellRange {
  readonly from: number
  readonly to: number
  /** Of these cells together. */
  readonly sizeBytes: number
  /** Where the first one starts in the fragment. */
  readonly offsetBytes: number
}

/** A fragment that was asked for in vain. */
export interface FragmentFault {
  readonly segment: number
  readonly column: number
  /** `CORRUPT` for a wrong cell or list of leaves; otherwise what the source threw. */
  readonly error: unknown
}
