import type { PeerId } from '../base/environment.ts'
import type { Due } from '../base/timer-queue.ts'
import type { Accusation } from './accusation.ts'
import type { PeerState } from './core-types.ts'
import type { PeerRecord } from './record.ts'
import type { RoundTrip } from './round-trip.ts'
import type { Suspicion } from './suspicion.ts'
import type { TrackRecord } from './track-record.ts'
import type { Vitals } from './vitals.ts'

/**
 * What is believed of another peer, and what was measured. There are as many of these as peers, in
 * every peer, so what few need is made when it is needed.
 *
 * Invariants: `state` is left ⇔ `record.isLeft`; suspect ⇔ there is a suspicion, a timer and an
 * accusation; dead ⇒ there is an accusation. All of them are of `record.incarnation`.
 */
export interface Member {
  readonly peer: PeerId
  readonly idHash: number
  record: PeerRecord
  state: PeerState
  sinceMs: number
  why: string
  accusation: Accusation | undefined
  suspicion: Suspicion | undefined
  timer: Due<() => void> | undefined
  /** Since when it has been alive without a death or a restart. */
  upSinceMs: number
  /** Undefined while it was never seen to die. */
  track: TrackRecord | undefined
  roundTrip: RoundTrip | undefined
  /** Share of probes answered in time, recent ones counting more. */
  responsiveness: number
  vitals: Vitals | undefined
  vitalsAtMs: number
  /** Mean of its health over about ten minutes. */
  healthMean: number
  /** Its place in the table's list. */
  index: number
}

/** Alive or suspect: probed, told rumours, counted. */
export const isLive = ({ state }: Member): boolean => state === 'alive' || state === 'suspect'
