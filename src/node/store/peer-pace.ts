import type { Clock, PeerId } from '../../base/environment.ts'

/**
 * How quick peers have been of late, as this one sees it: whom to ask first, when to ask another as
 * well, and whom to leave alone for a moment. Membership says who is dead; this is about the seconds
 * before it does.
 */
const SAMPLES = 32
/** Bounds of how long to wait for a peer before another is asked as well. */
const PATIENCE_MS_MIN = 40
const PATIENCE_MS_MAX = 350
/** Of a peer that was never asked. */
const PATIENCE_MS_UNKNOWN = 200
/** How long a peer is left alone that was late, or failed: longer than membership needs for both. */
const LATE_MS = 1_000
const FAILED_MS = 3_000
const PEERS_MAX = 1_024

interface Pace {
  readonly samples: Float64Array
  count: number
  avoidUntilMs: number
}

export class PeerPace {
  readonly #clock: Clock
  readonly #onTook: (ms: number) => void
  readonly #paces = new Map<PeerId, Pace>()

  /** @param onTook told of every answer that somebody waited for */
  constructor(clock: Clock, onTook: (ms: number) => void = () => undefined) {
    this.#clock = clock
    this.#onTook = onTook
  }

  /** It answered after so long. */
  took(peer: PeerId, ms: number): void {
    this.#onTook(ms)
    const pace = this.#paceOf(peer)
    pace.samples[pace.count++ % SAMPLES] = ms
  }

  /** It has kept somebody waiting. */
  late(peer: PeerId): void {
    this.#avoid(peer, LATE_MS)
  }

  failed(peer: PeerId): void {
    this.#avoid(peer, FAILED_MS)
  }

  isAvoided(peer: PeerId): boolean {
    return (this.#paces.get(peer)?.avoidUntilMs ?? 0) > this.#clock.monotonicMs()
  }

  /** What it takes as a rule; of a peer that was never asked, nothing is known: 0. */
  typicalMs(peer: PeerId): number {
    return this.#quantile(peer, 0.5) ?? 0
  }

  /** How long it may take before another is asked as well: its 95th percentile, within bounds. */
  patienceMs(peer: PeerId): number {
    const slow = this.#quantile(peer, 0.95)
    if (slow === undefined) return PATIENCE_MS_UNKNOWN
    return Math.min(PATIENCE_MS_MAX, Math.max(PATIENCE_MS_MIN, slow * 1.25))
  }

  #quantile(peer: PeerId, share: number): number | undefined {
    const pace = this.#paces.get(peer)
    if (pace === undefined || pace.count === 0) return undefined
    const sorted = pace.samples.subarray(0, Math.min(pace.count, SAMPLES)).toSorted()
    return sorted[Math.floor(share * (sorted.length - 1))]
  }

  #avoid(peer: PeerId, ms: number): void {
    const pace = this.#paceOf(peer)
    pace.avoidUntilMs = Math.max(pace.avoidUntilMs, this.#clock.monotonicMs() + ms)
  }

  #paceOf(peer: PeerId): Pace {
    const known = this.#paces.get(peer)
    if (known !== undefined) return known
    const [oldest] = this.#paces.keys()
    if (this.#paces.size >= PEERS_MAX && oldest !== undefined) this.#paces.delete(oldest)
    const fresh = { samples: new Float64Array(SAMPLES), count: 0, avoidUntilMs: 0 }
    this.#paces.set(peer, fresh)
    return fresh
  }
}
