import type { Random } from '../../../src/base/environment.ts'
import {
  type Configuration,
  configurationOf,
  enter,
  isJoint,
  leave,
} from '../../../src/consensus/configuration.ts'
import type { ElectionPeer, ElectionProgress } from '../../../src/consensus/election-input.ts'
import { Election, type ElectionOutcome } from '../../../src/consensus/election.ts'
import { demand } from '../scenario.ts'

/**
 * Peers that come and go, and a group among them, as far as the choice of voters is concerned: what
 * Raft and membership would do is played by their rules of thumb, in ticks. Whoever leads asks its
 * election once a second; what it decides takes effect as a joint step, or is lost.
 */
export class Town {
  readonly peers: TownPeer[]
  readonly counts = { decisions: 0, changes: 0, replaced: 0, lost: 0, leaders: 0 }
  nowMs = 0
  configuration: Configuration
  leader: TownPeer | undefined
  longestOutageMs = 0
  /** Configurations that came into force, in order. */
  readonly history: Configuration[] = []
  readonly reasons: Map<string, number> = new Map()
  readonly #random: Random
  readonly #lossOfDecisions: number
  #outageMs = 0
  #leaderlessMs = 0
  #crowdedMs = 0
  #pending: Configuration | undefined

  constructor(random: Random, settings: TownSettings) {
    this.#random = random
    this.#lossOfDecisions = settings.lossOfDecisions
    this.peers = Array.from(
      { length: settings.peers },
      (_, at) => new TownPeer(`p${at}`, `z${at % settings.zones}`, random.float()),
    )
    const [first] = this.peers
    demand(first !== undefined, 'a town has peers')
    this.configuration = configurationOf({ voters: [first.replica], learners: [] })
  }

  /** Lets `ms` pass. */
  pass(ms: number): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs;) this.#tick()
  }

  get voters(): TownPeer[] {
    return this.configuration.voters.flatMap(voter => this.#find(voter) ?? [])
  }

  kill(peer: TownPeer): void {
    if (peer.isUp) Object.assign(peer, { isUp: false, sinceMs: this.nowMs })
  }

  start(peer: TownPeer): void {
    if (peer.isUp) return
    Object.assign(peer, { isUp: true, sinceMs: this.nowMs, flaps: peer.flaps + 1 })
  }

  /** Its disk is replaced while it is down. */
  wipe(peer: TownPeer): void {
    this.kill(peer)
    peer.store++
  }

  #tick(): void {
    this.nowMs += TICK_MS
    for (const peer of this.peers) this.#age(peer)
    this.#finishChange()
    this.#watchQuorum()
    this.#electLeader()
    if (this.nowMs % 1_000 === 0) for (const peer of this.peers) this.#ask(peer)
    if (this.nowMs % ZONES_EVERY_MS === 0) this.#watchZones()
  }

  #age(peer: TownPeer): void {
    peer.flaps *= FLAP_DECAY
    peer.silentMs = peer.isUp ? 0 : peer.silentMs + TICK_MS
    const isClose = peer.isUp && this.leader !== undefined
    if (isClose) peer.lag = Math.max(0, peer.lag - peer.speed * TICK_MS)
  }

  #finishChange(): void {
    const next = this.#pending
    if (next === undefined || this.leader === undefined) return
    if (!this.#hasMajorities(next) || !this.#random.chance(PACE)) return
    this.#pending = undefined
    this.#inForce(next)
    if (isJoint(next)) this.#pending = leave(next)
  }

  #inForce(next: Configuration): void {
    const { voters, learners } = this.configuration
    for (const learner of next.learners) {
      const peer = this.#find(learner)
      const isNew = !voters.includes(learner) && !learners.includes(learner)
      if (peer !== undefined && isNew) peer.lag = this.#random.below(200_000)
    }
    this.configuration = next
    this.history.push(next)
    if (!isJoint(next)) this.counts.changes++
  }

  #hasMajorities({ voters, outgoing }: Configuration): boolean {
    return [voters, outgoing].every(
      half => half.length === 0 || half.filter(id => this.#isThere(id)).length * 2 > half.length,
    )
  }

  #watchQuorum(): void {
    this.#outageMs = this.#hasMajorities(this.configuration) ? 0 : this.#outageMs + TICK_MS
    this.longestOutageMs = Math.max(this.longestOutageMs, this.#outageMs)
  }

  #electLeader(): void {
    const isFit =
      this.leader?.isUp === true && this.configuration.voters.includes(this.leader.replica)
    if (isFit && this.#hasMajorities(this.configuration)) return
    this.leader = undefined
    this.#leaderlessMs += TICK_MS
    if (this.#leaderlessMs < FAILOVER_MS || !this.#hasMajorities(this.configuration)) return
    this.leader = this.#random.pick(this.voters.filter(({ isUp }) => isUp))
    this.#leaderlessMs = 0
    this.counts.leaders++
  }

  #ask(peer: TownPeer): void {
    if (!peer.isUp) {
      peer.election = new Election()
      return
    }
    const isLeader = peer === this.leader
    const isChanging = this.#pending !== undefined
    const outcome = peer.election.step(
      {
        type: 'observe',
        peers: isLeader ? this.peers.map(other => this.#seen(other)) : [],
        group: {
          self: peer.replica,
          isLeader,
          isChanging,
          configuration: this.configuration,
          progress: this.#progress(),
        },
      },
      this.nowMs,
    )
    if (outcome.decision === undefined) return
    demand(isLeader, 'somebody decides who does not lead')
    demand(!isChanging && !isJoint(this.configuration), 'two changes are under way at once')
    this.#carryOut(outcome, peer)
  }

  #carryOut({ decision }: ElectionOutcome, leader: TownPeer): void {
    if (decision === undefined) return
    this.counts.decisions++
    const { membership, reason } = decision
    this.reasons.set(reason.code, (this.reasons.get(reason.code) ?? 0) + 1)
    demand(membership.voters.includes(leader.replica), 'the leader removes itself')
    demand(membership.voters.length % 2 === 1, 'an even number of voters')
    if (reason.code.startsWith('REPLACE')) this.counts.replaced++
    if (this.#random.chance(this.#lossOfDecisions)) {
      this.counts.lost++
      return
    }
    const next = enter(this.configuration, membership)
    if (isJoint(next)) this.#judgeVoters(next)
    this.#pending = next
  }

  /** What a new set of voters must be at the moment it is decided on. */
  #judgeVoters({ voters, outgoing }: Configuration): void {
    const healthy = voters.filter(voter => this.#seen(this.#find(voter)).state === 'alive').length
    demand(healthy * 2 > voters.length, 'a majority of the new voters is not healthy')
    const isCrowding = this.#crowd(voters) > this.#crowd(outgoing)
    demand(!isCrowding, 'a majority of the new voters stands in one zone of three')
    const isNew = (voter: string): boolean => !outgoing.includes(voter)
    const unready = voters.filter(isNew).map(voter => this.#find(voter)?.lag ?? Infinity)
    demand(
      unready.every(lag => lag <= 1_000),
      'a voter takes its seat before it has the log',
    )
  }

  /** By how many the fullest zone exceeds a minority, if three zones could share the voters. */
  #crowd(voters: readonly string[]): number {
    const seen = this.peers.map(peer => this.#seen(peer))
    const usable = new Set(
      seen
        .filter(({ state, flapsPerHour }) => state === 'alive' && flapsPerHour <= 6)
        .map(({ zone }) => zone),
    )
    if (usable.size < 3 || voters.length < 3) return 0
    const counts = new Map<string, number>()
    for (const voter of voters) {
      const zone = this.#find(voter)?.zone ?? ''
      counts.set(zone, (counts.get(zone) ?? 0) + 1)
    }
    return Math.max(0, Math.max(...counts.values()) - Math.floor((voters.length - 1) / 2))
  }

  #watchZones(): void {
    const isCrowded = this.leader !== undefined && this.#crowd(this.configuration.voters) > 0
    this.#crowdedMs = isCrowded ? this.#crowdedMs + ZONES_EVERY_MS : 0
    demand(this.#crowdedMs < CROWDED_MS_MAX, 'voters stay crowded in one zone')
  }

  /** What everybody believes of a peer: late, but not wrong. */
  #seen(peer: TownPeer | undefined): ElectionPeer {
    demand(peer !== undefined, 'a voter nobody knows')
    const forMs = this.nowMs - peer.sinceMs
    const lifeMs = peer.isUp ? forMs : 0
    const [state, stateMs] = peer.isUp
      ? (['alive', forMs] as const)
      : forMs >= DEAD_AFTER_MS
        ? (['dead', forMs - DEAD_AFTER_MS] as const)
        : (['suspect', forMs] as const)
    return {
      replica: peer.replica,
      former: Array.from({ length: peer.store }, (_, store) => `${peer.name}/${store}`),
      zone: peer.zone,
      state,
      stateMs,
      upMs: lifeMs,
      score: peer.score,
      failing: [],
      flapsPerHour: Math.max(0, peer.flaps - 1),
    }
  }

  #progress(): Map<string, ElectionProgress> {
    return new Map(this.peers.map(({ replica, lag, silentMs }) => [replica, { lag, silentMs }]))
  }

  #find = (replica: string): TownPeer | undefined =>
    this.peers.find(({ name }) => replica.startsWith(`${name}/`))

  #isThere(replica: string): boolean {
    const peer = this.#find(replica)
    return peer?.isUp === true && peer.replica === replica
  }
}

export class TownPeer {
  readonly name: string
  readonly zone: string
  readonly score: number
  election: Election = new Election()
  store = 0
  isUp = true
  sinceMs = 0
  silentMs = 0
  flaps = 0
  /** Entries it lacks, and how many it gets in a millisecond. */
  lag = 0
  speed = 40

  constructor(name: string, zone: string, score: number) {
    this.name = name
    this.zone = zone
    this.score = score
  }

  get replica(): string {
    return `${this.name}/${this.store}`
  }
}

export interface TownSettings {
  readonly peers: number
  readonly zones: number
  /** Share of decisions that come to nothing. */
  readonly lossOfDecisions: number
}

const TICK_MS = 500
/** How likely a step of a change is done within a tick. */
const PACE = 0.4
const ZONES_EVERY_MS = 5_000
const FAILOVER_MS = 1_000
const DEAD_AFTER_MS = 10_000
/** Per tick: half in 30 minutes. */
const FLAP_DECAY: number = 0.5 ** (TICK_MS / 1_800_000)
/** Who is to take a seat may have to be up for ten minutes first. */
const CROWDED_MS_MAX = 1_200_000
