import type { PeerId } from '../base/environment.ts'
import type { Status as ClockStatus } from '../clock/status.ts'
import type { ElectionReason } from '../consensus/election-input.ts'
import type { PeerState } from '../membership/core-types.ts'
import type { Role } from './admission/member-record.ts'

/** What a peer knows of another, or of itself. A snapshot. */
export interface PeerView {
  readonly peer: PeerId
  readonly isSelf: boolean
  /**
   * What it calls itself, unless it was renamed: anything, so show it as text. Empty if it was not
   * heard of yet.
   */
  readonly name: string
  /** `unknown`: a member that was not heard of since this peer started. */
  readonly state: PeerState | 'unknown'
  /** For how long it has been in this state. */
  readonly sinceMs: number | undefined
  /** How this came to be known, in words. */
  readonly why: string
  readonly membership: 'member' | 'expired' | 'banned'
  /** Undefined for the banned. */
  readonly role: Role | undefined
  readonly zone: string
  readonly version: string
  readonly addresses: readonly string[]
  readonly isConnected: boolean
  readonly rttMs: number | undefined
  /** Stability, 0 to 1, as measured here. */
  readonly score: number | undefined
  /** What it says of its clock; undefined until it was heard. */
  readonly clock: PeerClockView | undefined
  /** Its number in the catalog; undefined until it has one. */
  readonly seat: number | undefined
  /** Whether it is being emptied, or was. */
  readonly drain: 'draining' | 'drained' | undefined
  /** By its own word; undefined until it was heard. */
  readonly space: { readonly usedBytes: number; readonly freeBytes: number } | undefined
  readonly load: PeerLoadView | undefined
  /** What the score is made of; undefined if the peer was not heard of. */
  readonly stability: PeerStabilityView | undefined
}

/** How busy a peer is, by its own word. */
export interface PeerLoadView {
  /** 0 to 1. */
  readonly load: number
  /** Local health multiplier: 0 is well, 7 is worst. */
  readonly health: number
  readonly loopLagMs: number
  readonly diskSyncMs: number
  /** Whether others can dial it without a relay. */
  readonly isDialable: boolean
  /** How old its word is. */
  readonly ageMs: number
}

/** What was measured of a peer here, and what each of it makes of the score. */
export interface PeerStabilityView {
  readonly availability: number
  readonly uptimeMs: number
  /** Deaths that it came back from, with a half-life of 30 minutes. */
  readonly flaps: number
  readonly isFlapping: boolean
  readonly responsiveness: number
  /** The score is their product. */
  readonly factors: Readonly<
    Record<'availability' | 'uptime' | 'flaps' | 'roundTrip' | 'responsiveness', number>
  >
}

/** A peer's clock in a few words. */
export interface PeerClockView {
  readonly status: ClockStatus
  /** How far it knows itself to be behind. */
  readonly offsetMs: number
  /** How far off it may be; null while that is not known. */
  readonly boundMs: number | null
}

export type NodeState = 'new' | 'starting' | 'running' | 'stopping' | 'stopped' | 'failed'

/** How a peer and its network are doing. A snapshot. */
export interface NodeStatus {
  readonly version: string
  readonly state: NodeState
  readonly peer: PeerId
  readonly name: string
  /** The network's id, in hexadecimal digits. */
  readonly network: string
  readonly role: Role | undefined
  readonly zone: string
  /** Whether this peer can invite and ban. */
  readonly isAuthority: boolean
  readonly dataDirectory: string
  readonly addresses: readonly string[]
  readonly startedAt: string
  readonly uptimeMs: number
  /** When the certificate ends; it is renewed before. */
  readonly certificateUntil: string | undefined
  readonly peers: Readonly<Record<PeerState | 'unknown' | 'banned', number>>
  readonly connections: number
  /** How often peers were refused something, by reason. */
  readonly refusals: Readonly<Record<string, number>>
}

/** What happens, as it happens. */
export type NodeEvent =
  | { readonly type: 'state'; readonly state: NodeState }
  /** There was no network to return to and no invite, so this peer has made one. */
  | { readonly type: 'founded' }
  /** A peer was admitted, or its certificate renewed. */
  | { readonly type: 'admitted'; readonly peer: PeerId; readonly role: Role; readonly zone: string }
  | { readonly type: 'banned'; readonly peer: PeerId }
  /** A peer is seen in another state than before. */
  | {
      readonly type: 'peer'
      readonly peer: PeerId
      readonly state: PeerState
      readonly why: string
    }
  /** This peer trusts its clock more or less than before. */
  | { readonly type: 'clock'; readonly from: ClockStatus; readonly to: ClockStatus }
  /** Time here did something that it must not: sleep, a stall, a wall clock that was set. */
  | { readonly type: 'clock disturbed'; readonly what: string }
  /** Another peer leads a group, or nobody that is known. */
  | { readonly type: 'leader'; readonly group: number; readonly leader: PeerId | undefined }
  /** This peer leads a group and has decided to change its members. */
  | { readonly type: 'members'; readonly group: number; readonly reason: ElectionReason }
  /** Replicas of a machine have different states at the same entry. */
  | {
      readonly type: 'machine diverged'
      readonly machine: string
      readonly peers: readonly PeerId[]
    }
  /** The replica of a machine here cannot go on; others may. It stays so until the peer restarts. */
  | { readonly type: 'machine stopped'; readonly machine: string; readonly reason: string }
  /** The peer cannot go on: its disk failed, or it has a bug. It stops. */
  | { readonly type: 'failed'; readonly error: unknown }
