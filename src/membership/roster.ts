import type { PeerId } from '../base/environment.ts'
import type { PeerState } from './core-types.ts'
import type { ProtocolRange } from './record.ts'
import type { Vitals } from './vitals.ts'

/** What one peer knows of another. A snapshot: it does not change any more. */
export interface RosterEntry {
  readonly peer: PeerId
  /** The peer whose roster this is. */
  readonly isSelf: boolean
  readonly state: PeerState
  /** For how long it has been in this state. */
  readonly sinceMs: number
  /** How this came to be known, in words. */
  readonly why: string
  readonly incarnation: number
  readonly addresses: readonly string[]
  readonly zone: string
  readonly version: string
  readonly protocol: ProtocolRange
  readonly meta: Uint8Array
  /** By its own word, first-hand; undefined if none was heard yet. */
  readonly vitals: Vitals | undefined
  /** How old `vitals` are. */
  readonly vitalsAgeMs: number | undefined
  /** Smoothed round-trip time; undefined while none was measured. */
  readonly rttMs: number | undefined
  /** Deaths that it came back from, with a half-life of 30 minutes. */
  readonly flaps: number
  /** It comes and goes so often that nothing new should be entrusted to it. */
  readonly isFlapping: boolean
  /** Share of time it was alive, recent time counting more; 0 to 1. */
  readonly availability: number
  /** For how long this peer has seen it alive without a death. */
  readonly uptimeMs: number
  /** Stability score, 0 to 1, from what this peer measured itself. */
  readonly score: number
}
