/** How far a peer trusts its own clock; each level says what it may still do. */
export type Status =
  /** Fewer than three good polls since the start, or since the machine slept: nothing is known. */
  | 'INIT'
  /** A majority of sources agree and the bound is small: everything is allowed. */
  | 'SYNCED'
  /** No news for a while, or a wide bound: leases go on, the bound grows. */
  | 'HOLDOVER'
  /** The bound is too wide to be of use: no leases, no source for others, no voter. */
  | 'UNSYNCED'
  /** Time here did something it must not: leases are void until three fresh polls. */
  | 'DISRUPTED'

/** What the bound is against. */
export type Basis =
  /** UTC, by a chain of measurements from NTP servers. */
  | 'utc'
  /** The time that most of the peers keep among themselves. */
  | 'network'

/** What a verdict on one's own clock rests on. */
export interface Health {
  /** Accepted polls since the start, or since sleep. */
  readonly goodPolls: number
  /** Accepted polls since something disturbing happened. */
  readonly freshPolls: number
  readonly boundMs: number
  /** Polls in a row that brought nothing to accept. */
  readonly silentPolls: number
  /** Polls in a row whose answers no majority agreed on. */
  readonly dividedPolls: number
  /** How long ago the chain of measurements began at a true source. */
  readonly rootAgeMs: number
  /** Most of the peers are nearly `maxOffsetMs` away. */
  readonly isOutvoted: boolean
}

export interface StatusLimits {
  /** @default 50 */
  readonly syncedBoundMs: number
  /** Half of the HLC's largest offset, for two peers may be wrong in opposite ways. @default 250 */
  readonly unsyncedBoundMs: number
  /** @default 3 */
  readonly silentPollsMax: number
  /** @default 10 */
  readonly dividedPollsMax: number
  /** How old the root of a measurement may be for SYNCED. */
  readonly rootAgeMaxMs: number
}

/** Polls it takes to trust a clock that nothing is known of, and again after a disturbance. */
export const POLLS_TO_TRUST = 3

/**
 * The verdict. It depends on nothing but what is known now, so there is no transition to get wrong:
 * INIT → SYNCED → HOLDOVER → UNSYNCED → SYNCED follows from the numbers.
 */
export function judge(health: Health, limits: StatusLimits): Status {
  if (health.goodPolls < POLLS_TO_TRUST) return 'INIT'
  if (health.freshPolls < POLLS_TO_TRUST) return 'DISRUPTED'
  if (health.boundMs > limits.unsyncedBoundMs) return 'UNSYNCED'
  if (health.dividedPolls >= limits.dividedPollsMax || health.isOutvoted) return 'UNSYNCED'
  if (health.silentPolls >= limits.silentPollsMax) return 'HOLDOVER'
  if (health.rootAgeMs > limits.rootAgeMaxMs) return 'HOLDOVER'
  return health.boundMs > limits.syncedBoundMs ? 'HOLDOVER' : 'SYNCED'
}

/** Whether leases may be held: safety rests on the monotonic clock, this only switches them off. */
export const allowsLeases = (status: Status): boolean =>
  status === 'SYNCED' || status === 'HOLDOVER'
