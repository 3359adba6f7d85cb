/** How a network keeps its fragments whole, and how one watches it and has a say. */
import type { PeerId } from '../../base/environment.ts'
import type { CallOptions, ObjectPlace } from './store.ts'

/** A line of the repair ledger: what was done to one segment, and how it was proven. */
export interface RepairRecord {
  /** Ascending on each peer. */
  readonly number: number
  readonly at: Date
  readonly kind: 'repair' | 'drain' | 'move' | 'raise'
  readonly bucket: string
  readonly key: string
  readonly segment: number
  /** Which fragments went where. */
  readonly fragments: readonly { readonly index: number; readonly peer: PeerId }[]
  /** Bytes that had to be read to do it. */
  readonly bytesRead: number
  readonly bytesWritten: number
  readonly tookMs: number
  readonly outcome: 'done' | 'failed' | 'called off'
  /** Why it failed; empty otherwise. */
  readonly reason: string
  /** Of the challenges that the new holders answered: nonce and answer, hexadecimal. */
  readonly proofs: readonly {
    readonly index: number
    readonly cell: number
    readonly nonce: string
    readonly answer: string
  }[]
}

/** What there is to do now, over all groups that this peer leads. */
export interface UpkeepStatus {
  readonly waiting: number
  readonly running: number
  /** Segments for which there are too few peers. */
  readonly short: number
  readonly repairedSegments: number
  readonly repairedBytes: number
  /** Of audits: by outcome. */
  readonly audits: Readonly<Record<'ok' | 'wrong' | 'unknown' | 'offline', number>>
  readonly scrub: { readonly fragments: number; readonly findings: number }
  readonly garbage: number
}

export interface RebalanceView {
  readonly moves: number
  readonly bytes: number
  readonly before: { readonly fullest: number; readonly emptiest: number }
  readonly after: { readonly fullest: number; readonly emptiest: number }
}

export interface DrainView {
  readonly peer: PeerId
  readonly state: 'draining' | 'drained'
}

/** What the holder of a fragment answered when it was asked to prove that it has it. */
export interface VerifiedFragment {
  readonly index: number
  /** Undefined: nobody has it. */
  readonly peer?: PeerId
  /** `wrong`: it has something else, or nothing. `unknown`: it did not say in time. */
  readonly outcome: 'ok' | 'wrong' | 'unknown' | 'offline' | 'missing'
  /** The cell that it was asked for, drawn at random. */
  readonly cell?: number
  readonly tookMs: number
}

/** How safe what is stored is, by the word of those who lead the groups it is listed in. */
export interface HealthView {
  readonly segments: number
  /** How many fragments every segment may yet lose, whichever; null if there is none. */
  readonly tolerance: number | null
  /** How many segments may lose how many more; below 0 they cannot be read now. */
  readonly margins: readonly { readonly margin: number; readonly segments: number }[]
  /** How many segments lack how many of their fragments. */
  readonly missing: readonly { readonly fragments: number; readonly segments: number }[]
  /** Whether every group was heard, and has counted. */
  readonly isWhole: boolean
  /** How old the oldest count is; null if one is missing. */
  readonly countedMsAgo: number | null
  readonly groupsHeard: number
  readonly groupsTotal: number
  readonly repair: {
    readonly waiting: number
    readonly running: number
    /** Segments for which there are too few peers. */
    readonly short: number
    readonly repairedSegments: number
    readonly repairedBytes: number
    /** Segments made whole within the last minute. */
    readonly lastMinute: number
    /** How long ago the first of those was. */
    readonly lastMinuteMs: number
    /** How long dead peers may come back before what they held is made anew. */
    readonly graceMs: number
  }
  /** Of audits: by outcome. */
  readonly audits: UpkeepStatus['audits']
  readonly audited: readonly {
    readonly peer: PeerId
    readonly counts: UpkeepStatus['audits']
    readonly last: keyof UpkeepStatus['audits']
    readonly lastMsAgo: number
  }[]
}

/** A fragment that is listed under a peer. */
export interface HeldFragment extends ObjectPlace {
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

export interface HeldPage {
  readonly fragments: readonly HeldFragment[]
  /** To be given as `after` for those that follow. */
  readonly next: string | undefined
}

/** What would move if a peer were drained. */
export interface DrainPlan {
  readonly fragments: number
  readonly bytes: number
  /** It is at least this much: counting was cut short. */
  readonly isPartial: boolean
  /** Whether others have room for it, where they have nothing of the same segment yet. */
  readonly fits: boolean
  readonly freeBytesElsewhere: number
  readonly peersElsewhere: number
}

export interface Upkeep {
  upkeep(): UpkeepStatus
  /** The ledger of this peer and of every other that can be asked, newest first. */
  repairs(
    options?: CallOptions & { readonly limit?: number },
  ): Promise<readonly (RepairRecord & { readonly by: PeerId })[]>
  /** Empties a peer; it goes on serving meanwhile. Returns at once; see `drains`. */
  drain(peer: string, options?: CallOptions): Promise<void>
  /** Takes that back. */
  undrain(peer: string, options?: CallOptions): Promise<void>
  /** Asks every holder of an object's segment to prove now that it has its fragment. */
  verify(
    place: ObjectPlace,
    segment: number,
    options?: CallOptions & { readonly version?: string | undefined },
  ): Promise<readonly VerifiedFragment[]>
  /** What a drain would move; moves nothing. */
  planDrain(peer: string, options?: CallOptions): Promise<DrainPlan>
  /** What is listed under a peer, a page at a time. @throws {HoldfastError} `MALFORMED` for `after` */
  fragmentsOf(
    peer: string,
    options?: CallOptions & { readonly after?: string | undefined; readonly limit?: number },
  ): Promise<HeldPage>
  drains(options?: CallOptions): Promise<readonly DrainView[]>
  /** Makes peers equally full; a dry run only says what would move. */
  rebalance(options?: CallOptions & { readonly dryRun?: boolean }): Promise<RebalanceView>
}
