/** `GET /api/v1/groups`, an array; live as event `groups`. */
export interface GroupRow {
  readonly group: number
  /** `system`, or the number. */
  readonly name: string
  /** Who tells this: the leader if it could be asked. */
  readonly seenBy: string
  readonly role: 'follower' | 'candidate' | 'leader'
  readonly leader?: string | undefined
  readonly term: number
  readonly commit: number
  readonly applied: number
  readonly epoch: string
  readonly members: readonly GroupMember[]
  readonly decision?: { readonly agoMs: number; readonly reason: DecisionReason } | undefined
  /** What keeps the members from being as they should. */
  readonly holds: readonly string[]
  /** The range of the catalog it owns; missing for the system group. */
  readonly range?: GroupRange | undefined
  /** Leaders, changes of members and splits, as who tells this has seen them; newest first. */
  readonly history: readonly GroupMoment[]
  /** How many more voters may be lost before it stands still; below 0 it does. */
  readonly tolerance: number
}

export interface GroupMember {
  readonly peer: string
  readonly replica: string
  readonly role: 'leader' | 'voter' | 'outgoing' | 'learner'
  readonly name: string
  readonly zone: string
  /** Committed entries it lacks; only the leader knows. */
  readonly lag?: number | undefined
  readonly heardMsAgo?: number | undefined
  /** Why it may vote, or may not: as the peer that answers measured. */
  readonly score?: number
}

/** Why members change: a code and its numbers, see docs/operating.md. */
export type DecisionReason = { readonly code: string } & Readonly<Record<string, unknown>>

export interface GroupRange {
  /** Which change of ranges this is the result of. */
  readonly epoch: number
  /** First place that belongs to it, and first behind it; missing where there is no end. */
  readonly from?: PlaceView | undefined
  readonly to?: PlaceView | undefined
}

/** Ranges go by the hash of the bucket, then by the key. */
export interface PlaceView {
  readonly bucket: string
  readonly key: string
}

export type GroupMoment =
  | {
      readonly type: 'leader'
      readonly at: string
      /** Missing: nobody that was known. */
      readonly leader?: string | undefined
      readonly term: number
      readonly why: string
    }
  | { readonly type: 'members'; readonly at: string; readonly reason: DecisionReason }
  | { readonly type: 'split'; readonly at: string; readonly child: number }
