import type { PeerClock, PeerRow } from './peers.ts'

/** `GET /api/v1/clocks`. */
export interface ClocksView {
  readonly at: string
  /** The answering peer's own, with its sources. */
  readonly own: ClockView
  readonly peers: readonly (PeerClock & {
    readonly peer: string
    readonly name: string
    readonly isSelf: boolean
    readonly state: PeerRow['state']
    /** How old its word is. */
    readonly ageMs: number
    readonly rttMs?: number
  })[]
}

/** `GET /api/v1/clock`. */
export interface ClockView {
  readonly status: PeerClock['status']
  readonly basis: string
  readonly atMs: number
  readonly offsetMs: number
  readonly boundMs: number | null
  readonly driftPpm: number
  readonly driftErrorPpm: number
  readonly lastSyncMs: number | null
  readonly pollEveryMs: number
  readonly sources: readonly {
    readonly kind: string
    readonly name: string
    readonly verdict: string
    readonly offsetMs?: number
    readonly delayMs?: number
    readonly boundMs?: number
    readonly status?: PeerClock['status']
    readonly refusal?: string
  }[]
  readonly rejectedStamps: number
  readonly contradictions: number
  readonly disturbances: number
  readonly lastDisturbance: { readonly what: string; readonly agoMs: number } | null
  readonly stamps: { readonly isReady: boolean; readonly waitMs: number }
}
