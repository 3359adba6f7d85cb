/**
 * `GET /api/v1/matrix/:bucket/*key`: `version`, `after`, `limit` (1 to 1000, @default 640). Who holds
 * what of an object. Rows are as short as they can be: 10 GiB have 640 segments.
 */
export interface MatrixView {
  readonly bucket: string
  readonly key: string
  readonly version: string
  readonly sizeBytes: number
  /** It rides inside the log: every voter has it, and there are no segments. */
  readonly isInline: boolean
  /** Bytes of the object in a full segment, of which `segments` are, and those of a cell. */
  readonly segmentBytes: number
  readonly cellBytes: number
  /** How many segments the object has in all. */
  readonly segmentsTotal: number
  /** When it was written: every fragment was durable at its peer, and verified, before that. */
  readonly writtenAt: string
  /** Those who hold something on this page: cells name them by their place here. */
  readonly holders: readonly MatrixHolder[]
  readonly segments: readonly MatrixSegment[]
  /** To be given as `after` for the next segments. */
  readonly next?: number
}

export interface MatrixHolder {
  readonly peer: string
  readonly name: string
  readonly zone: string
  readonly seat: number
  readonly state: 'alive' | 'suspect' | 'draining' | 'dead' | 'gone'
}

export interface MatrixSegment {
  readonly segment: number
  /** Of the object's bytes: from where on, and how many. */
  readonly fromBytes: number
  readonly sizeBytes: number
  readonly k: number
  readonly m: number
  /** Rows of k cells: fragment `i` has cell `i` of each. */
  readonly stripes: number
  readonly fragmentBytes: number
  /** How many more fragments may be lost; below 0 it cannot be read. */
  readonly margin: number
  /** By index, data before parity: a place in `holders`, or -1 where nobody has it. */
  readonly cells: readonly number[]
  /**
   * By index, when the holder last proved that it has the fragment (audit, repair, reading), in
   * milliseconds since 1970; 0 where nothing is known beyond `writtenAt`.
   */
  readonly verified: readonly number[]
  /** Indices that are being made anew now. */
  readonly repairing: readonly number[]
}

/** `POST /api/v1/verify/:bucket/*key` with `segment`: asks every holder for a random cell now. */
export interface VerifyView {
  readonly segment: number
  readonly fragments: readonly {
    readonly index: number
    readonly peer?: string
    readonly outcome: 'ok' | 'wrong' | 'unknown' | 'offline' | 'missing'
    readonly cell?: number
    readonly tookMs: number
  }[]
}

/** `GET /api/v1/placement/:bucket/*key` has the same at length, with the ids of fragments. */
export interface PlacementView {
  readonly bucket: string
  readonly key: string
  readonly version: string
  readonly sizeBytes: number
  readonly isInline: boolean
  readonly segments: readonly {
    readonly segment: number
    readonly sizeBytes: number
    readonly k: number
    readonly m: number
    readonly margin: number
    readonly fragments: readonly {
      readonly index: number
      readonly kind: 'data' | 'parity'
      readonly id: string
      readonly sizeBytes: number
      readonly peer?: string
      readonly state: 'alive' | 'suspect' | 'draining' | 'dead' | 'gone' | 'owed'
    }[]
  }[]
  readonly next?: number
}
