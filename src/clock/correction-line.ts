import { fitLine, type Line } from './line.ts'
import type { Sample } from './sample.ts'

/**
 * The line through samples: those with little delay count most, for delay is where errors hide. The
 * weight falls off as the inverse square of what a sample's delay exceeds the least by, half of it,
 * plus a millisecond, so that a network without jitter does not rest on one lucky sample.
 */
export function lineThrough(samples: readonly Sample[]): Line {
  const leastDelayMs = Math.min(...samples.map(({ delayMs }) => delayMs))
  return fitLine(
    samples.map(({ atMs, correctionMs, delayMs, errorMs }) => ({
      x: atMs,
      y: correctionMs,
      error: errorMs,
      weight: 1 / ((delayMs - leastDelayMs) / 2 + DELAY_SCALE_MS) ** 2,
    })),
  )
}

/** Delays that differ by less than this are equally good. */
const DELAY_SCALE_MS = 1
