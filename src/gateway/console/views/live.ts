import type { MatrixHolder, MatrixSegment } from './fragments.ts'
import type { GroupRow } from './groups.ts'
import type { OverviewView } from './overview.ts'
import type { PeerRow } from './peers.ts'
import type { RepairRow } from './repairs.ts'

/**
 * `GET /api/v1/events`. Without more it tells of what happens, one message each, which `Last-Event-ID`
 * can go on from. `live=overview,peers,groups,repairs` adds what the pages show: the whole of it
 * first, then what changes. `matrix=BUCKET/KEY` (percent-encoded as in a path), with `version`,
 * `after` and `limit` as there, adds the rows of an object. After `event: reset`, and after each new
 * connection, what was known is outdated, and comes again.
 */
export type LiveEvent =
  | { readonly event: 'message'; readonly data: LoggedEvent }
  | { readonly event: 'reset'; readonly data: Record<string, never> }
  | { readonly event: 'overview'; readonly data: OverviewView }
  | { readonly event: 'peers'; readonly data: Changes<PeerRow> }
  | { readonly event: 'groups'; readonly data: Changes<GroupRow> }
  | { readonly event: 'repairs'; readonly data: Changes<RepairRow> }
  | { readonly event: 'matrix'; readonly data: MatrixChanges }

/** With `isWhole` these are all; otherwise those that are new or changed, and what went. */
export interface Changes<Row> {
  readonly isWhole: boolean
  readonly rows: readonly Row[]
  /** Ids: of peers, numbers of groups; of repairs none. */
  readonly gone: readonly (string | number)[]
}

/** Rows that changed; `cells` point into these holders, which replace those known. */
export interface MatrixChanges {
  readonly isWhole: boolean
  readonly holders: readonly MatrixHolder[]
  readonly segments: readonly MatrixSegment[]
  /** The object was deleted, or there is a newer version. */
  readonly isGone: boolean
}

/** Something that happened on this peer. */
export interface LoggedEvent {
  readonly id: string
  readonly at: string
  readonly type:
    | 'state'
    | 'founded'
    | 'admitted'
    | 'banned'
    | 'peer'
    | 'clock'
    | 'clock disturbed'
    | 'leader'
    | 'members'
    | 'failed'
  readonly [field: string]: unknown
}
