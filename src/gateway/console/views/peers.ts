/** `GET /api/v1/peers`, an array; live as event `peers`. */
export interface PeerRow {
  readonly peer: string
  readonly isSelf: boolean
  /** What people call it; it calls itself so unless it was renamed. Empty if it was not heard of. */
  readonly name: string
  readonly state: 'alive' | 'suspect' | 'dead' | 'left' | 'unknown'
  readonly since?: string
  /** For how long it has been in this state. */
  readonly sinceMs?: number
  /** How this came to be known. */
  readonly why: string
  readonly membership: 'member' | 'expired' | 'banned'
  readonly role?: 'full' | 'storage'
  readonly zone: string
  readonly version: string
  readonly addresses: readonly string[]
  readonly isConnected: boolean
  readonly rttMs?: number
  /** Stability, 0 to 1, as measured by the peer that answers. */
  readonly score?: number
  readonly clock?: PeerClock
  /** Its number in the catalog; missing until it has one. */
  readonly seat?: number
  readonly drain?: 'draining' | 'drained'
  /** Missing until it was heard of. */
  readonly space?: { readonly usedBytes: number; readonly freeBytes: number }
  readonly load?: PeerLoad
  readonly stability?: StabilityParts
  /** Kademlia: the number of leading bits that its place shares with that of the answering peer. */
  readonly sharedBits?: number
}

export interface PeerClock {
  readonly status: 'INIT' | 'SYNCED' | 'HOLDOVER' | 'UNSYNCED' | 'DISRUPTED'
  /** How far it knows itself to be behind. */
  readonly offsetMs: number
  readonly boundMs: number | null
}

/** By its own word. */
export interface PeerLoad {
  /** How busy, 0 to 1. */
  readonly load: number
  /** Local health multiplier: 0 is well, 7 is worst. */
  readonly health: number
  readonly loopLagMs: number
  readonly diskSyncMs: number
  readonly isDialable: boolean
  /** How old its word is. */
  readonly ageMs: number
}

/** What the score is made of: the product of the factors. */
export interface StabilityParts {
  readonly availability: number
  readonly uptimeMs: number
  /** Deaths it came back from, with a half-life of 30 minutes. */
  readonly flaps: number
  readonly isFlapping: boolean
  readonly responsiveness: number
  readonly factors: Readonly<
    Record<'availability' | 'uptime' | 'flaps' | 'roundTrip' | 'responsiveness', number>
  >
}

/** `GET /api/v1/peers/:peer`, by id or name. */
export interface PeerDetail {
  readonly peer: PeerRow
  /** What happened to it as far as the answering peer remembers, newest first. */
  readonly history: readonly PeerMoment[]
  /** What audits and readers found, by the leaders that audit it. */
  readonly audits?: AuditView
  readonly groups: readonly {
    readonly group: number
    readonly name: string
    readonly role: 'leader' | 'voter' | 'outgoing' | 'learner'
  }[]
}

export interface PeerMoment {
  readonly at: string
  readonly what: 'alive' | 'suspect' | 'dead' | 'left' | 'admitted' | 'banned'
  readonly why: string
}

export interface AuditView {
  readonly ok: number
  readonly wrong: number
  readonly unknown: number
  readonly offline: number
  readonly last?: { readonly at: string; readonly outcome: 'ok' | 'wrong' | 'unknown' | 'offline' }
}

/** `GET /api/v1/peers/:peer/fragments`: `after` (the `next` of a page), `limit` (1 to 500). */
export interface HeldPage {
  readonly fragments: readonly HeldFragment[]
  readonly next?: string
}

export interface HeldFragment {
  readonly bucket: string
  readonly key: string
  /** Counted within its part of the object. */
  readonly segment: number
  readonly index: number
  readonly kind: 'data' | 'parity'
  readonly id: string
  readonly sizeBytes: number
  readonly k: number
  readonly m: number
  /** How many more fragments of its segment may be lost. */
  readonly margin: number
}

export type PeerCounts = Readonly<
  Record<'alive' | 'suspect' | 'dead' | 'left' | 'unknown' | 'banned' | 'draining', number>
>
