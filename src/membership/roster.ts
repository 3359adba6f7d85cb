import type { PeerId } from '../base/environment.ts'
import type { PeerState } from './core-types.ts'
import type { Member } from './member.ts'
import type { PeerRecord, ProtocolRange } from './record.ts'
import { stabilityScore } from './stability.ts'
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
  /** Share of probes it answered in time, recent ones counting more; 0 to 1. */
  readonly responsiveness: number
  /** Mean of its local health multiplier over about ten minutes, by its own word. */
  readonly healthMean: number
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

export function entryOfMember(member: Member, nowMs: number): RosterEntry {
  const { record, state, sinceMs, why, vitals, vitalsAtMs, track, roundTrip } = member
  const { responsiveness, healthMean } = member
  const measured = {
    availability: track?.availability(nowMs) ?? 1,
    uptimeMs: state === 'alive' || state === 'suspect' ? nowMs - member.upSinceMs : 0,
    flaps: track?.flaps(nowMs) ?? 0,
    rttMs: roundTrip?.meanMs,
    responsiveness,
  }
  return {
    ...describedBy(record),
    ...measured,
    isSelf: false,
    state,
    sinceMs: nowMs - sinceMs,
    why,
    vitals,
    vitalsAgeMs: vitals === undefined ? undefined : nowMs - vitalsAtMs,
    healthMean,
    isFlapping: track?.isFlapping(nowMs) ?? false,
    score: stabilityScore(measured),
  }
}

/** A peer's entry for itself. It cannot measure itself, so it counts as always there and near. */
export function entryOfSelf(
  record: PeerRecord,
  { vitals, upSinceMs, nowMs }: { vitals: Vitals; upSinceMs: number; nowMs: number },
): RosterEntry {
  const uptimeMs = nowMs - upSinceMs
  const measured = { availability: 1, uptimeMs, flaps: 0, rttMs: 0, responsiveness: 1 }
  return {
    ...describedBy(record),
    ...measured,
    isSelf: true,
    state: record.isLeft ? 'left' : 'alive',
    sinceMs: uptimeMs,
    why: 'this peer',
    vitals,
    vitalsAgeMs: 0,
    healthMean: vitals.health,
    isFlapping: false,
    score: stabilityScore(measured),
  }
}

function describedBy({ peer, incarnation, addresses, zone, version, protocol, meta }: PeerRecord) {
  return { peer, incarnation, addresses, zone, version, protocol, meta }
}
