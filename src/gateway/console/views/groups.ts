/** `GET /api/v1/groups`, an array; live as event `groups`. */
export interface GroupRow {
  readonly group: number
  /** `system`, or the number. */
  readonly name: string
  /** Who tells this: the leader if it could be asked. */
  readonly seenBy: string
  readonly role: 'follower' | 'candidate' | 'leader'
  readonly leader?: string
  readonly term: number
  readonly commit: number
  readonly applied: number
  readonly epoch: string
  readonly members: readonly GroupMember[]
  readonly decision?: { readonly agoMs: number; readonly reason: DecisionReason }
  /** What keeps the members from being as they should. */
  readonly holds: readonly string[]
  /** The range of the catalog it owns; missing for the system group. */
  readonly range?: GroupRange
  /** Elections and changes of members, by the word of who tells this; newest first. */
  readonly history: readonly GroupMoment[]
  /** How many voters may be lost before it stands still. */
  readonly tolerance: number
}

export interface GroupMember {
  readonly peer: string
  readonly replica: string
  readonly role: 'leader' | 'voter' | 'outgoing' | 'learner'
  readonly name: string
  readonly zone: string
  /** Committed entries it lacks; only the leader knows. */
  readonly lag?: number
  readonly heardMsAgo?: number
  /** Why it may vote, or may not: as the peer that answers measured. */
  readonly score?: number
}

/** Why members change: a code and its numbers, see docs/operating.md. */
export type DecisionReason = { readonly code: string } & Readonly<Record<string, unknown>>

export interface GroupRange {
  /** Which change of ranges this is the result of. */
  readonly epoch: number
  /** First place that belongs to it, and first behind it; missing where there is no end. */
  readonly from?: PlaceView
  readonly to?: PlaceView
  /** From which group it was split off, if that is known. */
  readonly parent?: number
}

/** Ranges go by the hash of the bucket, then bucket and key. */
export interface PlaceView {
  readonly hash: string
  readonly bucket: string
  readonly key: string
}

export type GroupMoment =
  | {
      readonly type: 'leader'
      readonly at: string
      readonly leader?: string
      readonly term: number
      readonly why: string
    }
  | { readonly type: 'members'; readonly at: string; readonly reason: DecisionReason }
  | { readonly type: 'split'; readonly at: string; readonly child: number }
  | { readonly type: 'merge'; readonly at: string; readonly with: number }
