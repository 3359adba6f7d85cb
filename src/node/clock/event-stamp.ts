import type { Status } from '../../clock/status.ts'
import type { ClockService } from './clock-service.ts'

export type { Released, ReorderLimits, StampedEvent } from '../../clock/reorder-buffer.ts'
export { ReorderBuffer } from '../../clock/reorder-buffer.ts'
export { shareOutOfOrder } from '../../clock/skew-report.ts'

/** When something happened at a peer, by its clock. */
export interface EventStamp {
  /** A hybrid timestamp: no two of a peer's are equal, and none contradicts cause and effect. */
  readonly ms: number
  readonly count: number
  /** The truth is within this of `ms`; null while that is not known. */
  readonly boundMs: number | null
  readonly status: Status
  /** What `correct` needs; of use at this peer only, until it stops. */
  readonly reading: ClockReading
}

/** What the peer's own clock read. Readings of different epochs cannot be compared. */
export interface ClockReading {
  readonly epoch: number
  readonly monotonicMs: number
}

/** A time as it is known later. */
export interface CorrectedTime {
  /** Milliseconds since 1970. */
  readonly utcMs: number
  /** The truth is within this of it. */
  readonly boundMs: number
}

/** @throws {HoldfastError} `CLOCK_NOT_READY` */
export async function stampOf(clock: ClockService): Promise<EventStamp> {
  const stamp = clock.tryStamp() ?? (await clock.stamp())
  const { status, earliestMs, latestMs } = clock.now()
  const boundMs = (latestMs - earliestMs) / 2
  const reading = clock.rawReading()
  return { ...stamp, boundMs: Number.isFinite(boundMs) ? boundMs : null, status, reading }
}
