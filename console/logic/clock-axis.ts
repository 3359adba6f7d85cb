/**
 * Intervals of clocks on one axis: where the true time may be, relative to this peer's. The axis is
 * as wide as the widest interval whose end is known, and symmetric, so that zero is in the middle.
 */
export interface ClockInterval {
  readonly offsetMs: number
  readonly boundMs: number | null
}

export interface Bar {
  /** Shares of the axis, 0 to 1. */
  readonly from: number
  readonly to: number
  readonly middle: number
}

const HALF_MS_MIN = 0.5

/** Half of what the axis shows, rounded up to 1, 2 or 5 times a power of ten. */
export function halfAxisMs(intervals: readonly ClockInterval[]): number {
  const reaches = intervals.map(({ offsetMs, boundMs }) => Math.abs(offsetMs) + (boundMs ?? 0))
  const widest = Math.max(HALF_MS_MIN, ...reaches)
  const power = 10 ** Math.floor(Math.log10(widest))
  return ([1, 2, 5, 10].find(step => step * power >= widest) ?? 10) * power
}

/** Undefined where no bound is known: there is no interval to draw. */
export function barOf({ offsetMs, boundMs }: ClockInterval, halfMs: number): Bar | undefined {
  if (boundMs === null) return undefined
  const place = (ms: number): number => Math.min(1, Math.max(0, (ms + halfMs) / (2 * halfMs)))
  return { from: place(offsetMs - boundMs), to: place(offsetMs + boundMs), middle: place(offsetMs) }
}
