import type { PeerCounts } from './peers.ts'

/** `GET /api/v1/overview`; live as event `overview`. */
export interface OverviewView {
  readonly at: string
  /** From best to worst; `unknown` while nobody who knows could be asked. */
  readonly level: 'healthy' | 'repairing' | 'degraded' | 'at risk' | 'lost' | 'unknown'
  /** The state of everything in one sentence. */
  readonly sentence: string
  readonly data: DataView
  readonly groups: GroupsView
  readonly repair: RepairView
  readonly peers: PeerCounts
  readonly capacity: CapacityView
  readonly throughput: ThroughputView
  /** What somebody should look at, the most pressing first. */
  readonly attention: readonly AttentionView[]
}

/** Counted from the placements in the catalog, each of which was proven before it was listed. */
export interface DataView {
  /** In all buckets; null if that could not be asked. */
  readonly objects: number | null
  readonly objectBytes: number | null
  readonly buckets: number | null
  readonly segments: number
  /** How many peers may be lost, whichever, before anything is; null if nothing is stored. */
  readonly tolerance: number | null
  /** How many segments can lose how many more of their fragments; below 0 they cannot be read. */
  readonly margins: readonly { readonly margin: number; readonly segments: number }[]
  /** Segments of which fragments are on no peer that is there, and of how many each. */
  readonly shortSegments: number
  readonly missingFragments: number
  /** Segments that cannot be read now. */
  readonly lostSegments: number
  /** How old the oldest count is; null if some group was not counted yet. */
  readonly countedMsAgo: number | null
  /** Catalog groups whose leader answered, of how many. */
  readonly groupsHeard: number
  readonly groupsTotal: number
}

export interface GroupsView {
  readonly total: number
  readonly withoutLeader: number
  /** How many voters, whichever, may be lost before a group stands still. */
  readonly tolerance: number | null
}

export interface RepairView {
  readonly waiting: number
  readonly running: number
  /** Segments for which there are too few peers. */
  readonly short: number
  /** Null while it cannot be told: nothing was repaired lately. */
  readonly etaMs: number | null
  readonly repairedSegments: number
  readonly repairedBytes: number
  readonly audits: Readonly<Record<'ok' | 'wrong' | 'unknown' | 'offline', number>>
}

/** Over the peers that are there, by their own word. */
export interface CapacityView {
  readonly totalBytes: number
  readonly usedBytes: number
  readonly freeBytes: number
  /** How many more bytes of objects fit, with the scheme of today. */
  readonly usableFreeBytes: number
  readonly scheme: { readonly k: number; readonly m: number }
}

/** Of what this peer's clients do, over the last ten seconds. */
export interface ThroughputView {
  readonly readBytesPerSecond: number
  readonly writtenBytesPerSecond: number
  readonly requestsPerSecond: number
}

export interface AttentionView {
  /** Stays the same while the matter does. */
  readonly id: string
  readonly level: 'note' | 'warning' | 'critical'
  readonly what: string
  /** What to do about it, in words. */
  readonly advice: string
  /** A command that does it; may hold names of others, so show it as text. */
  readonly command?: string
  /** Where to look. */
  readonly page?: 'peers' | 'groups' | 'clocks' | 'repairs' | 'join' | 'objects'
  readonly peer?: string
}
