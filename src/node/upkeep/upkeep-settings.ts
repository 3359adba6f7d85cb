/** How often what is done, in milliseconds of this peer's clock unless said otherwise. */
export interface UpkeepSettings {
  /** How long a dead peer may come back before all it held is made anew. */
  readonly graceMs: number
  /** Between two audits of one group. */
  readonly auditEveryMs: number
  /** Between two rounds of tidying up a group. */
  readonly sweepEveryMs: number
  /** How long peers keep garbage for those who still read it. */
  readonly garbageGraceMs: number
  /** Between two rounds of a peer's own collector. */
  readonly collectEveryMs: number
  /** What it may take to read everything a peer holds, once; and the pause after that. */
  readonly scrubPassMs: number
  readonly scrubPauseMs: number
  /** How often a peer looks for fragments that nobody lists, and its lists are checked with it. */
  readonly compareEveryMs: number
  readonly rebalanceEveryMs: number
  /** Between two looks at what the rules of buckets say is over. */
  readonly lifecycleEveryMs: number
  /** How often it is looked whether schemes should be others, and all segments are looked at. */
  readonly schemeEveryMs: number
  readonly schemeAgainMs: number
  /** How long a dead peer counts as one that the schemes can rely on. */
  readonly shrinkAfterMs: number
  /** Between two looks at peers that are being drained. */
  readonly drainEveryMs: number
  /** Memory for all that is built at once. */
  readonly budgetBytes: number
}

const DAY_MS = 86_400_000

export const UPKEEP: UpkeepSettings = {
  graceMs: 60_000,
  auditEveryMs: 1_000,
  sweepEveryMs: 10_000,
  garbageGraceMs: 60_000,
  collectEveryMs: 30_000,
  scrubPassMs: 6 * DAY_MS,
  scrubPauseMs: DAY_MS / 24,
  compareEveryMs: DAY_MS,
  rebalanceEveryMs: 60_000,
  lifecycleEveryMs: DAY_MS / 24,
  schemeEveryMs: 5_000,
  schemeAgainMs: DAY_MS / 24,
  shrinkAfterMs: 900_000,
  drainEveryMs: 2_000,
  budgetBytes: 32 << 20,
}
