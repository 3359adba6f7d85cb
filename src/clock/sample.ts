/**
 * One exchange with a source: four readings, two of each clock.
 *
 *     source      T2 ─── T3             offset = ((T2 - T1) + (T3 - T4)) / 2
 *                ↗         ↘            delay  =  (T4 - T1) - (T3 - T2)
 *     here    T1             T4
 *
 * However the delay is shared out between the two ways, the true offset is within delay / 2 of the
 * measured one. That is why the sample with the least delay is the one to keep.
 */
export interface Exchange {
  /** T1 and T4, monotonic here. */
  readonly sentMs: number
  readonly receivedMs: number
  /** T2 and T3, milliseconds since 1970 at the source. */
  readonly remoteReceivedMs: number
  readonly remoteSentMs: number
  /** How far the source may itself be off. */
  readonly boundMs: number
}

/** What an exchange says about the correction that the virtual clock should have. */
export interface Sample {
  /** The moment it speaks of, monotonic here. */
  readonly atMs: number
  readonly correctionMs: number
  readonly delayMs: number
  /** The true correction is within this of `correctionMs`, if the source tells the truth. */
  readonly errorMs: number
}

/** Undefined if the readings contradict each other. */
export function sampleOf(exchange: Exchange, originMs: number): Sample | undefined {
  const { sentMs, receivedMs, remoteReceivedMs, remoteSentMs, boundMs } = exchange
  const delayMs = receivedMs - sentMs - (remoteSentMs - remoteReceivedMs)
  const correctionMs =
    (remoteReceivedMs - originMs - sentMs + (remoteSentMs - originMs - receivedMs)) / 2
  const isSane = Number.isFinite(correctionMs) && Number.isFinite(boundMs) && boundMs >= 0
  if (!isSane || !(delayMs >= -READING_ERROR_MS)) return undefined
  const errorMs = Math.max(0, delayMs) / 2 + boundMs + READING_ERROR_MS
  return { atMs: (sentMs + receivedMs) / 2, correctionMs, delayMs: Math.max(0, delayMs), errorMs }
}

/** Clocks are read in steps, and T2 and T3 have been rounded on their way. */
export const READING_ERROR_MS = 0.1

/** Of two samples of one source, the one that says more. */
export const betterOf = (a: Sample | undefined, b: Sample): Sample =>
  a === undefined || b.delayMs < a.delayMs ? b : a
