/** An event as told: its timestamp, and how far that may be off. */
export interface BoundedTime {
  readonly atMs: number
  readonly boundMs: number
}

/** Which of two events was first, as far as their bounds allow to say. */
export function orderOf(a: BoundedTime, b: BoundedTime): 'before' | 'after' | 'uncertain' {
  if (a.atMs + a.boundMs < b.atMs - b.boundMs) return 'before'
  return b.atMs + b.boundMs < a.atMs - a.boundMs ? 'after' : 'uncertain'
}

/**
 * The chance that two events `apartMs` apart are stamped in the wrong order if the clocks of their
 * peers are off independently and uniformly within ± `skewMs`.
 */
export const inversionChance = (apartMs: number, skewMs: number): number =>
  apartMs >= 2 * skewMs ? 0 : (1 - apartMs / (2 * skewMs)) ** 2 / 2

/** The share of events that come after something that truly happened later. */
export function shareOutOfOrder(trueMs: readonly number[]): number {
  let latest = Number.NEGATIVE_INFINITY
  let wrong = 0
  for (const at of trueMs) {
    if (at < latest) wrong++
    latest = Math.max(latest, at)
  }
  return trueMs.length === 0 ? 0 : wrong / trueMs.length
}
