import { type Claim, greatestCover, hullOf, overlaps } from './marzullo.ts'
import type { Sample } from './sample.ts'

/** A source's claim about the correction, carried forward to the moment of selection. */
export interface Candidate extends Claim {
  readonly name: string
  readonly correctionMs: number
  readonly delayMs: number
}

/** What the sources say together. */
export interface Selection extends Claim {
  /** The best single guess, within [low, high]. */
  readonly correctionMs: number
  /** The least delay among those it rests on. */
  readonly delayMs: number
  /** Names of those it rests on; the other candidates contradict them. */
  readonly survivors: ReadonlySet<string>
}

/** The rate at which the true correction changes: `frequency`, give or take `rateError`. */
export interface Rate {
  readonly frequency: number
  readonly rateError: number
}

/** A sample as a claim about now: shifted by the frequency, widened by what that may be wrong. */
export function carry(name: string, sample: Sample, nowMs: number, rate: Rate): Candidate {
  const ageMs = nowMs - sample.atMs
  const correctionMs = sample.correctionMs + rate.frequency * ageMs
  const errorMs = sample.errorMs + rate.rateError * ageMs
  return {
    name,
    correctionMs,
    delayMs: sample.delayMs,
    low: correctionMs - errorMs,
    high: correctionMs + errorMs,
  }
}

/**
 * Selects among candidates of which at most `liars` are false; undefined if they contradict each
 * other more than that. The interval is sound (see `hullOf`). The guess is the mean of those that
 * agree best, weighted by the inverse square of their half widths, for width is mostly round trip
 * and the shorter that is, the less can hide in it.
 */
export function select(candidates: readonly Candidate[], liars: number): Selection | undefined {
  const needed = candidates.length - liars
  const hull = needed < 1 ? undefined : hullOf(candidates, needed)
  const core = hullOf(candidates, Math.max(1, greatestCover(candidates)))
  if (hull === undefined || core === undefined) return undefined
  const survivors = candidates.filter(candidate => overlaps(candidate, core))
  const weights = survivors.map(({ low, high }) => 4 / (high - low) ** 2)
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const mean = survivors.reduce(
    (sum, { correctionMs }, at) => sum + (correctionMs * (weights[at] ?? 0)) / total,
    0,
  )
  return {
    ...hull,
    correctionMs: Math.min(Math.max(mean, hull.low), hull.high),
    delayMs: Math.min(...survivors.map(({ delayMs }) => delayMs)),
    survivors: new Set(survivors.map(({ name }) => name)),
  }
}
