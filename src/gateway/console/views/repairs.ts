/** `GET /api/v1/repairs`, an array, newest first: `limit` (1 to 1000). */
export interface RepairRow {
  readonly number: number
  readonly by: string
  readonly at: string
  readonly kind: 'repair' | 'drain' | 'move' | 'raise'
  readonly bucket: string
  readonly key: string
  readonly segment: number
  readonly fragments: readonly { readonly index: number; readonly peer: string }[]
  readonly bytesRead: number
  readonly bytesWritten: number
  readonly tookMs: number
  readonly outcome: 'done' | 'failed' | 'called off'
  readonly reason: string
  /** Of the challenges that the new holders answered; hexadecimal. */
  readonly proofs: readonly {
    readonly index: number
    readonly cell: number
    readonly nonce: string
    readonly answer: string
  }[]
}

/** `GET /api/v1/drains`, an array. */
export interface DrainRow {
  readonly peer: string
  readonly state: 'draining' | 'drained'
}

/** `POST /api/v1/drains` with `peer` and `dryRun: true`: what would move. Without it, 202. */
export interface DrainPlan {
  readonly peer: string
  readonly fragments: number
  readonly bytes: number
  /** The count was cut short: there is at least this much. */
  readonly isPartial: boolean
  /** Whether the others have room for it, and hold one fragment of each segment at most. */
  readonly fits: boolean
  readonly freeBytesElsewhere: number
  readonly peersElsewhere: number
}
