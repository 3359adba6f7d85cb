/** How the clock works; the defaults suit a LAN and the internet alike. */
export interface ClockOptions {
  /** NTP servers, as `host` or `host:port`. @default none */
  readonly servers: readonly string[]
  /** Between polls until the clock is trusted. @default 4000 */
  readonly pollBootMs: number
  /** Between polls after that, and whenever something is not as it should be. @default 16,000 */
  readonly pollMinMs: number
  /** Between polls once ten of them went well. @default 60,000 */
  readonly pollMaxMs: number
  /** Questions to a server per poll, of whose answers the quickest counts. @default 8 */
  readonly burst: number
  /** The same to a peer, and to everybody while the clock is not trusted yet. @default 4 */
  readonly burstShort: number
  /** Between the questions of a burst. @default 250 */
  readonly spacingMs: number
  /** How long to wait for the last answers. @default 1000 */
  readonly answerMs: number
  /** Peers asked per poll, drawn anew each time. @default 4 */
  readonly peersPerPoll: number
  /** Polls to wait for a majority of the servers before time is taken from peers. @default 15 */
  readonly patiencePolls: number
  /** The widest bound of a SYNCED clock. @default 50 */
  readonly syncedBoundMs: number
  /** A wider bound is UNSYNCED. @default 250 */
  readonly unsyncedBoundMs: number
  /** How far a timestamp may lead. @default 500 */
  readonly maxOffsetMs: number
  /** How often the machine's clocks are looked at. @default 100 */
  readonly watchMs: number
  /** A jump of the wall clock that disturbs. @default 128 */
  readonly jumpMs: number
  /** A pause of this process that disturbs: half a lease. @default 500 */
  readonly stallMs: number
}

const defaults: ClockOptions = {
  servers: [],
  pollBootMs: 4_000,
  pollMinMs: 16_000,
  pollMaxMs: 60_000,
  burst: 8,
  burstShort: 4,
  spacingMs: 250,
  answerMs: 1_000,
  peersPerPoll: 4,
  patiencePolls: 15,
  syncedBoundMs: 50,
  unsyncedBoundMs: 250,
  maxOffsetMs: 500,
  watchMs: 100,
  jumpMs: 128,
  stallMs: 500,
}

/** @throws {RangeError} for more servers than make sense, or one named twice. */
export function clockOptions(given: Partial<ClockOptions>): ClockOptions {
  const options = { ...defaults, ...given }
  const { servers } = options
  if (servers.length > SERVERS_MAX) throw new RangeError(`at most ${SERVERS_MAX} NTP servers`)
  if (new Set(servers).size < servers.length) throw new RangeError('an NTP server is named twice')
  return options
}

const SERVERS_MAX = 8
/** Peers that the clock keeps an account of. */
export const PEERS_MAX = 1_024
/** Without news from a true source for this many of the longest polls, time is only held over. */
export const ROOT_AGE_POLLS_MAX = 5
/** Good polls until the interval is made longest. */
export const STABLE_POLLS = 10
/** Rejected timestamps within a minute that disqualify a peer as a source. */
export const REJECTIONS_MAX = 3
export const REJECTIONS_WITHIN_MS = 60_000
/** A silent or unwilling server is left alone for at most this many polls. */
export const SKIPPED_POLLS_MAX = 16
