import { assert } from '../base/assert.ts'
import type { Sample } from './sample.ts'

/**
 * How peers keep time when nobody knows UTC: each moves half way to the median of the clocks it
 * asked, its own among them. As long as fewer than half of them lie the median lies between honest
 * clocks, so liars cannot lead the others away; and there is no bound against the truth, only one
 * against each other: within it are the clocks of most of those that were asked.
 *
 * A small part of each offset goes into the frequency (without it, steady drift would leave a steady
 * offset: 5.5 ms against 2.5 ms between 20 peers of ±50 ppm).
 */
export interface Agreement {
  /** How far this clock is behind the median. */
  readonly offsetMs: number
  /** Most of the clocks, this one included, are within this. */
  readonly boundMs: number
}

/**
 * What the clocks asked, and one's own if it counts, come to: at least one in all.
 * @param isOwnCounted false while this clock knows nothing and would only add noise.
 */
export function agree(
  samples: readonly Sample[],
  correctionMs: number,
  isOwnCounted: boolean,
): Agreement {
  const votes = samples.map(sample => ({
    offsetMs: sample.correctionMs - correctionMs,
    doubtMs: sample.delayMs / 2,
  }))
  if (isOwnCounted) votes.push({ offsetMs: 0, doubtMs: 0 })
  assert(votes.length > 0, 'somebody votes')
  const offsetMs = median(votes.map(vote => vote.offsetMs))
  const distances = votes.map(vote => Math.abs(vote.offsetMs) + vote.doubtMs)
  const most = Math.floor(votes.length / 2) + 1
  const boundMs = distances.toSorted((a, b) => a - b)[most - 1] as number
  return { offsetMs, boundMs }
}

/** The middle value, or the mean of the two middle ones. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  const [low, high] = [Math.floor(middle), Math.ceil(middle)]
  return ((sorted[low] as number) + (sorted[high] as number)) / 2
}

/** Share of an offset that is worked off per poll. */
export const AGREEMENT_GAIN = 0.5
/** Share of an offset per poll that goes into the frequency. */
export const AGREEMENT_INTEGRAL = 0.1
/** Where the frequency stops: a network must not chase its own tail. */
export const AGREEMENT_RATE_MAX = 300e-6
