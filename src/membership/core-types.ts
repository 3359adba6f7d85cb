import type { PeerId, Random } from '../base/environment.ts'
import type { SwimMessage, SyncMessage } from './message.ts'
import type { Profile } from './profile.ts'
import type { Description, Seal } from './record.ts'
import type { Vitals } from './vitals.ts'

export interface MembershipOptions {
  readonly self: PeerId
  /** Goes into every signature, so that nothing signed for one network counts in another. */
  readonly network: string
  readonly description: Description
  readonly seal: Seal
  readonly random: Random
  readonly profile: Profile
  /** Whether this peer may be a member. Others are not believed to exist. @default everyone */
  readonly admits?: (peer: PeerId) => boolean
}

/** What happens to the core. */
export type MembershipEvent =
  /** First of all. `ceiling` is the highest incarnation ever persisted, 0 if none was. */
  | { readonly type: 'start'; readonly ceiling: number }
  /**
   * `wakeAtMs` has come, or thereabouts; too early is harmless, late is noticed. `wallMs` is the
   * time of day as this peer believes: it says whose turn it is to be probed, and decides nothing.
   */
  | { readonly type: 'wake'; readonly wallMs: number }
  | { readonly type: 'datagram'; readonly from: PeerId; readonly message: SwimMessage }
  /** A peer asks; the answer is an effect with the same token. */
  | {
      readonly type: 'asked'
      readonly from: PeerId
      readonly token: number
      readonly question: SyncMessage
    }
  /** What came of an `ask`. */
  | { readonly type: 'answered'; readonly from: PeerId; readonly answer: SyncMessage }
  | { readonly type: 'unanswered'; readonly from: PeerId }
  /** Get to know the network through any of these; tried until one answers. */
  | { readonly type: 'join'; readonly peers: readonly PeerId[] }
  /** Say farewell; the effect `left` tells when it has been said often enough. */
  | { readonly type: 'leave' }
  /** This peer describes itself anew: a new incarnation. */
  | { readonly type: 'describe'; readonly description: Description }
  /** How this peer is doing: told with the next messages. `health` is the core's own. */
  | { readonly type: 'vitals'; readonly vitals: Vitals }
  /** The event loop stood still for so long. */
  | { readonly type: 'lag'; readonly ms: number }
  /** The network has a connection to this peer again, or has lost its last one. */
  | { readonly type: 'connected' | 'disconnected'; readonly peer: PeerId }
  /** Strike a peer from the roster and do not believe in it again until it is admitted anew. */
  | { readonly type: 'expel'; readonly peer: PeerId }

/** What the driver must do, in order. */
export type MembershipEffect =
  /** May be lost. */
  | { readonly type: 'send'; readonly to: PeerId; readonly message: SwimMessage }
  /** A request; report `answered` or `unanswered`. */
  | { readonly type: 'ask'; readonly to: PeerId; readonly question: SyncMessage }
  | { readonly type: 'answer'; readonly token: number; readonly answer: SyncMessage }
  /** To be durable before any later effect is carried out. */
  | { readonly type: 'persist'; readonly ceiling: number }
  | { readonly type: 'change'; readonly change: MembershipChange }
  /** Somebody sent what it could not have got honestly. Nothing was believed. */
  | { readonly type: 'refused'; readonly from: PeerId; readonly reason: string }
  /** The farewell is said; nothing more will come. */
  | { readonly type: 'left' }

/** What consumers act on: SUSPECT: hedge, DEAD: fail over, LEFT: repair at once. */
export interface MembershipChange {
  readonly kind: ChangeKind
  readonly peer: PeerId
  readonly incarnation: number
  readonly why: string
}

export type ChangeKind = 'ALIVE' | 'SUSPECT' | 'DEAD' | 'LEFT'

export type PeerState = 'alive' | 'suspect' | 'dead' | 'left'
