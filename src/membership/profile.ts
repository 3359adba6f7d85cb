/**
 * The numbers of the protocol. `lan` is the default, `fast` for tests and demonstrations, `wan` for
 * peers far apart. All peers of a network use the same profile.
 */
export interface Profile {
  /** T: one peer is probed each period, times the local health multiplier plus one. */
  readonly periodMs: number
  /** How long a direct probe may take at most before others are asked to try. */
  readonly timeoutMs: number
  /** k: how many others are asked to try. */
  readonly helpers: number
  /** λ: each rumour is told λ·⌈log10(n + 1)⌉ times. */
  readonly retransmits: number
  /** α: a suspicion lasts at least α·max(1, log10 n)·T. */
  readonly suspicionAlpha: number
  /** β: and at most β times that, if nobody confirms it. 1 turns confirmations off. */
  readonly suspicionBeta: number
  /** Highest local health multiplier. 0 turns it off. */
  readonly healthMax: number
  /** Whether a message to a suspect tells it first of the suspicion (Buddy). */
  readonly tellsSuspects: boolean
  /**
   * How ripe a suspicion must be here before another's verdict ends it, as a share of its shortest
   * duration. Negative: any verdict is believed at once, as in plain SWIM.
   */
  readonly ripeShare: number
  readonly gossipMs: number
  /** How many peers are told each time. */
  readonly gossipFanout: number
  /** How often two peers compare all they know; scaled up above 32 peers. */
  readonly syncMs: number
  /** How often a dead peer is tried again, and how often once all have been dead for long. */
  readonly reconnectMs: number
  readonly reconnectLateMs: number
  /** How long the dead are still told rumours. */
  readonly gossipToDeadMs: number
  /** How long the dead and those who left are remembered. */
  readonly tombstoneMs: number
}

/** How long a peer must be dead before it is tried less often. */
export const RECONNECT_OFTEN_MS = 600_000

const lan: Profile = {
  periodMs: 1_000,
  timeoutMs: 500,
  helpers: 3,
  retransmits: 4,
  suspicionAlpha: 4,
  suspicionBeta: 6,
  healthMax: 7,
  tellsSuspects: true,
  ripeShare: 0.5,
  gossipMs: 200,
  gossipFanout: 3,
  syncMs: 30_000,
  reconnectMs: 5_000,
  reconnectLateMs: 60_000,
  gossipToDeadMs: 30_000,
  tombstoneMs: 24 * 3_600_000,
}

const fast: Profile = {
  ...lan,
  periodMs: 500,
  timeoutMs: 200,
  gossipMs: 100,
  syncMs: 10_000,
  reconnectMs: 2_000,
  gossipToDeadMs: 15_000,
  tombstoneMs: 600_000,
}

const wan: Profile = {
  ...lan,
  periodMs: 2_000,
  timeoutMs: 1_000,
  gossipMs: 500,
  gossipFanout: 4,
  syncMs: 60_000,
  reconnectMs: 15_000,
  gossipToDeadMs: 60_000,
}

export type ProfileName = 'lan' | 'fast' | 'wan'

export const profiles: Readonly<Record<ProfileName, Profile>> = { lan, fast, wan }

/** How often each rumour is told in a network of `n` peers. */
export const retransmitLimit = ({ retransmits }: Profile, n: number): number =>
  retransmits * Math.ceil(Math.log10(n + 1))

/** The time between two comparisons in a network of `n` peers: the load per peer stays bounded. */
export const syncIntervalMs = ({ syncMs }: Profile, n: number): number =>
  syncMs * (n <= 32 ? 1 : Math.ceil(Math.log2(n) - 5) + 1)
