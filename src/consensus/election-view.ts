import type { ElectionGroup, ElectionHold, ElectionPeer } from './election-input.ts'
import type { ReplicaId } from './entry.ts'
import { majorityOf } from './quorum.ts'

const ROSTER_MAX = 10_000
const YOUNG_MS = 600_000
/** Who comes and goes more often than this makes no voter. */
export const FLAPS_PER_HOUR_MAX = 6
const LAG_MAX = 1_000
const CONTACT_MS = 1_000
const STABLE_MS = 10_000
const STABLE_SHORT_MS = 2_000
const GONE_MS = 86_400_000

/**
 * What a leader knows at one moment, and since when: of each learner how long it has kept up, of
 * each replica nobody speaks of how long it has been missing. Carried on from the view before.
 * Nothing the roster says can break it: nonsense counts as the worst there is.
 */
export class ElectionView {
  readonly nowMs: number
  readonly voters: readonly ReplicaId[]
  readonly learners: readonly ReplicaId[]
  /** The voters but for the leader itself. */
  readonly others: readonly ReplicaId[]
  /** Zones that could share the voters. */
  readonly zones: number
  /** Fewer voters are healthy than there should be: newcomers need not have proven themselves. */
  isShort = false
  readonly #group: ElectionGroup
  readonly #peers: Map<ReplicaId, ElectionPeer> = new Map()
  /** Replicas without a store, with the peer they were of. */
  readonly #wiped: Map<ReplicaId, ElectionPeer> = new Map()
  readonly #closeSinceMs: Map<ReplicaId, number> = new Map()
  readonly #missingSinceMs: Map<ReplicaId, number> = new Map()

  constructor(
    peers: readonly ElectionPeer[],
    group: ElectionGroup,
    nowMs: number,
    before: ElectionView | undefined,
  ) {
    this.nowMs = nowMs
    this.#group = group
    this.voters = group.configuration.voters
    this.learners = group.configuration.learners
    this.others = this.voters.filter(voter => voter !== group.self)
    for (const peer of peers.slice(0, ROSTER_MAX)) {
      if (!this.#peers.has(peer.replica)) this.#peers.set(peer.replica, sane(peer))
      for (const replica of peer.former) this.#wiped.set(replica, peer)
    }
    for (const learner of this.learners) {
      if (this.#isClose(learner)) {
        const sinceMs = before === undefined ? nowMs : before.#closeSinceMs.get(learner)
        this.#closeSinceMs.set(learner, sinceMs ?? nowMs)
      }
    }
    for (const replica of [...this.others, ...this.learners]) {
      if (this.#peers.has(replica)) continue
      const sinceMs = before === undefined ? nowMs : before.#missingSinceMs.get(replica)
      this.#missingSinceMs.set(replica, sinceMs ?? nowMs)
    }
    this.zones = this.#countZones()
  }

  peer(replica: ReplicaId): ElectionPeer | undefined {
    return this.#peers.get(replica)
  }

  /** The peers of those the roster knows; a seat without a store still stands in its zone. */
  peersOf(replicas: readonly ReplicaId[]): ElectionPeer[] {
    return replicas.flatMap(replica => this.#peers.get(replica) ?? this.#wiped.get(replica) ?? [])
  }

  isWiped = (replica: ReplicaId): boolean =>
    replica !== this.#group.self && this.#wiped.has(replica)

  /** For how long the others have called it dead, or nobody has spoken of it. */
  deadMs(replica: ReplicaId): number {
    if (replica === this.#group.self) return 0
    const peer = this.#peers.get(replica)
    if (peer === undefined) return this.nowMs - (this.#missingSinceMs.get(replica) ?? this.nowMs)
    return peer.state === 'dead' ? peer.stateMs : 0
  }

  /** Since the leader last heard from it. */
  silentMs(replica: ReplicaId): number {
    if (replica === this.#group.self) return 0
    const silentMs = this.#group.progress.get(replica)?.silentMs ?? Infinity
    return silentMs >= 0 ? silentMs : Infinity
  }

  /** The leader hears from it, and nobody doubts that it lives. */
  isHealthy(replica: ReplicaId): boolean {
    if (replica === this.#group.self) return true
    return this.#peers.get(replica)?.state === 'alive' && this.silentMs(replica) <= CONTACT_MS
  }

  healthyVoters(): readonly ReplicaId[] {
    return this.voters.filter(voter => this.isHealthy(voter))
  }

  /** How many of these may still die before no majority is left; negative if none is. */
  toleranceOf(voters: readonly ReplicaId[]): number {
    return voters.filter(voter => this.isHealthy(voter)).length - majorityOf(voters.length)
  }

  isReady(learner: ReplicaId): boolean {
    const needed = this.isShort ? STABLE_SHORT_MS : STABLE_MS
    return this.isHealthy(learner) && this.#stableMs(learner) >= needed
  }

  readyLearners(): readonly ReplicaId[] {
    return this.learners.filter(learner => this.isReady(learner))
  }

  catchingUp(replica: ReplicaId): ElectionHold {
    const lag = this.#group.progress.get(replica)?.lag ?? Infinity
    return { code: 'CATCHING_UP', replica, lag, stableMs: Math.max(0, this.#stableMs(replica)) }
  }

  /** Who may become a voter, learner or not. */
  candidates(): readonly ElectionPeer[] {
    return [...this.#peers.values()].filter(
      peer => !this.voters.includes(peer.replica) && this.#isEligible(peer),
    )
  }

  scoreOf(replica: ReplicaId | undefined): number {
    const peer = replica === undefined ? undefined : this.#peers.get(replica)
    return peer === undefined || peer.failing.length > 0 ? 0 : peer.score
  }

  /** The voters one would rather do without first; never the leader itself. */
  worstFirst(): readonly ReplicaId[] {
    const rank = (replica: ReplicaId): number =>
      this.isHealthy(replica) ? this.scoreOf(replica) : -1 - this.deadMs(replica)
    return this.others.toSorted((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1))
  }

  /** Peers that are there and could vote sooner or later. */
  presentCount(): number {
    return [...this.#peers.values()].filter(
      ({ replica, state, failing, flapsPerHour }) =>
        replica === this.#group.self ||
        (state !== 'dead' && failing.length === 0 && flapsPerHour <= FLAPS_PER_HOUR_MAX),
    ).length
  }

  /** Peers that are there or may well come back. */
  knownCount(): number {
    const known = new Set([...this.#peers.keys(), ...this.voters])
    return [...known].filter(replica => !this.isWiped(replica) && this.deadMs(replica) < GONE_MS)
      .length
  }

  #isEligible(peer: ElectionPeer): boolean {
    return this.#isFit(peer) && (peer.upMs >= YOUNG_MS || this.isShort)
  }

  #isFit({ replica, state, failing, flapsPerHour }: ElectionPeer): boolean {
    return (
      state === 'alive' &&
      !this.#wiped.has(replica) &&
      failing.length === 0 &&
      flapsPerHour <= FLAPS_PER_HOUR_MAX
    )
  }

  #isClose(learner: ReplicaId): boolean {
    const lag = this.#group.progress.get(learner)?.lag ?? Infinity
    return lag <= LAG_MAX && this.isHealthy(learner)
  }

  #stableMs(learner: ReplicaId): number {
    return this.nowMs - (this.#closeSinceMs.get(learner) ?? Infinity)
  }

  /** Zones of those who could vote once they are old enough, and of those who do. */
  #countZones(): number {
    const zones = new Set<string>()
    for (const peer of this.#peers.values()) {
      const isVoting = this.voters.includes(peer.replica) && this.isHealthy(peer.replica)
      if (isVoting || this.#isFit(peer)) zones.add(peer.zone)
    }
    return zones.size
  }
}

/** Numbers that are none, or not of this world, count as the worst. */
function sane(peer: ElectionPeer): ElectionPeer {
  return {
    ...peer,
    score: peer.score >= 0 && peer.score <= 1 ? peer.score : 0,
    stateMs: isTime(peer.stateMs) ? peer.stateMs : 0,
    upMs: isTime(peer.upMs) ? peer.upMs : 0,
    flapsPerHour: isTime(peer.flapsPerHour) ? peer.flapsPerHour : Infinity,
  }
}

const isTime = (value: number): boolean => value >= 0
