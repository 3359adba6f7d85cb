import type { Random } from '../base/environment.ts'
import { type Disturbance, DisturbanceDetector, type Readings } from './disturbance.ts'
import { type ClockOptions, PEERS_MAX, ROOT_AGE_POLLS_MAX } from './options.ts'
import { Poll } from './poll.ts'
import { type Exchange, sampleOf } from './sample.ts'
import { Source, type SourceKind, type Standing } from './source.ts'
import {
  allowsLeases,
  type Basis,
  type Health,
  judge,
  type Status,
  type StatusLimits,
} from './status.ts'
import { Steering } from './steering.ts'

/**
 * The clock of one peer: what time it is, how wrong that may be, and whether to believe it.
 *
 * 1. A *poll* asks all configured servers and a few peers, in bursts; of each source the quickest
 *    answer counts.
 * 2. *Selection* (`selection.ts`) finds where the truth lies if fewer than half of the sources lie.
 *    If the servers do not suffice and nobody ever knew UTC, peers agree among themselves
 *    (`agreement.ts`).
 * 3. *Steering* (`steering.ts`) turns that into correction, frequency and bound of a virtual clock
 *    that never jumps once it is trusted.
 * 4. The *status* (`status.ts`) follows from bound, polls and disturbances, at every moment anew.
 *
 * Time as an argument is monotonic and in milliseconds. The driver sends what `ask` effects say,
 * calls `wake` at `wakeAtMs` (earlier does no harm), and hands in answers with their four readings.
 *
 * Invariants, as long as fewer than half of the sources lie and the crystal is within its limits:
 * the truth is in [earliest, latest] whenever the status is SYNCED or HOLDOVER on UTC; the clock
 * never runs backwards once it has been trusted.
 */
export type ClockEvent =
  | { readonly type: 'wake'; readonly readings: Readings }
  | {
      readonly type: 'answer'
      readonly kind: SourceKind
      readonly name: string
      readonly exchange: Exchange
      /** What a peer says of itself. */
      readonly standing?: Standing
      readonly readings: Readings
    }
  | {
      readonly type: 'refusal'
      readonly kind: SourceKind
      readonly name: string
      readonly reason: string
    }
  /** Who else belongs to the network and is not known to be gone. */
  | { readonly type: 'members'; readonly peers: readonly string[] }
  /** A peer's timestamp led too far. */
  | { readonly type: 'rejected'; readonly peer: string }
  /** The clock is used although it is not trusted yet. */
  | { readonly type: 'used' }
  /** A committed timestamp leads too far: time here is behind the network's. */
  | { readonly type: 'overtaken' }

export type ClockEffect =
  | { readonly type: 'ask'; readonly kind: SourceKind; readonly name: string }
  | { readonly type: 'status'; readonly from: Status; readonly to: Status }
  | { readonly type: 'disturbance'; readonly what: Disturbance | 'overtaken' }

/** What time it is: the truth lies between `earliestMs` and `latestMs`. */
export interface Interval {
  readonly atMs: number
  readonly earliestMs: number
  readonly latestMs: number
  readonly status: Status
  readonly basis: Basis
}

export class ClockCore {
  readonly #options: ClockOptions
  readonly #limits: StatusLimits
  readonly #steering: Steering
  readonly #detector: DisturbanceDetector
  readonly #poll: Poll
  readonly #servers: readonly Source[]
  #peers = new Map<string, Source>()
  #lastLookMs: number
  #lastStatus: Status = 'INIT'
  /** Long enough for whoever knows the time to have said so. */
  #hasWaited = false
  /** Raised by everything that ends leases. */
  #epoch = 0
  #lastDisturbance: { what: Disturbance | 'overtaken'; atMs: number } | undefined
  #disturbances = 0

  constructor(options: ClockOptions, random: Random, nowMs: number, readings: Readings) {
    this.#options = options
    const rootAgeMaxMs = ROOT_AGE_POLLS_MAX * options.pollMaxMs
    this.#limits = { ...options, ...STATUS_POLLS, rootAgeMaxMs }
    this.#servers = options.servers.map(name => new Source('server', name))
    this.#steering = new Steering(options, nowMs, readings.wallMs)
    this.#detector = new DisturbanceDetector(nowMs, readings, options)
    this.#poll = new Poll(options, random, nowMs)
    this.#lastLookMs = nowMs
  }

  /** When to wake this core at the latest. */
  get wakeAtMs(): number {
    return Math.min(this.#lastLookMs + this.#options.watchMs, this.#poll.dueMs)
  }

  get originMs(): number {
    return this.#steering.clock.originMs
  }

  get steering(): Steering {
    return this.#steering
  }

  get sources(): readonly Source[] {
    return [...this.#servers, ...this.#peers.values()]
  }

  get pollEveryMs(): number {
    return this.#poll.everyMs
  }

  get disturbances(): number {
    return this.#disturbances
  }

  get lastDisturbance(): { what: Disturbance | 'overtaken'; atMs: number } | undefined {
    return this.#lastDisturbance
  }

  get basis(): Basis {
    return this.#steering.basis
  }

  /** Whether timestamps may be given out: the time is known, or nobody could tell it for long. */
  get isUsable(): boolean {
    return this.#steering.isInUse || this.#hasWaited
  }

  /** For leases: those begun under another epoch are void; undefined while none are allowed. */
  leaseEpochAt(nowMs: number): number | undefined {
    return allowsLeases(this.statusAt(nowMs)) ? this.#epoch : undefined
  }

  /** Whether the wall clock hints at a disturbance not yet noticed: then wake this core at once. */
  isSuspicious(nowMs: number, wallMs: number): boolean {
    return this.#detector.isSuspicious(nowMs, wallMs)
  }

  statusAt(nowMs: number): Status {
    return judge(this.#steering.healthAt(nowMs), this.#limits)
  }

  /** How far the clock may be off; infinite while that is not known. */
  boundAt(nowMs: number): number {
    const health = this.#steering.healthAt(nowMs)
    return boundOf(judge(health, this.#limits), health)
  }

  intervalAt(nowMs: number): Interval {
    const health = this.#steering.healthAt(nowMs)
    const status = judge(health, this.#limits)
    const boundMs = boundOf(status, health)
    const atMs = this.#steering.clock.at(nowMs)
    const { basis } = this
    return { atMs, earliestMs: atMs - boundMs, latestMs: atMs + boundMs, status, basis }
  }

  step(event: ClockEvent, nowMs: number): ClockEffect[] {
    const effects: ClockEffect[] = []
    switch (event.type) {
      case 'wake':
        this.#look(nowMs, event.readings, true, effects)
        this.#advance(nowMs, effects)
        break
      case 'answer':
        this.#look(nowMs, event.readings, false, effects)
        this.#answer(event)
        this.#advance(nowMs, effects)
        break
      case 'refusal':
        this.#sourceOf(event.kind, event.name)?.refuse(event.reason)
        break
      case 'members':
        this.#setPeers(event.peers)
        break
      case 'rejected':
        this.#peers.get(event.peer)?.rejected(nowMs)
        break
      case 'used':
        this.#steering.use()
        break
      case 'overtaken':
        // One is news; more of them, before it is known what is wrong, are not.
        if (this.#steering.isTrusted) this.#disturb('overtaken', nowMs, effects)
    }
    this.#tellStatus(nowMs, effects)
    return effects
  }

  #look(nowMs: number, readings: Readings, isDue: boolean, effects: ClockEffect[]): void {
    const sleptMs = this.#detector.sleptSince(readings)
    const what = this.#detector.look(nowMs, readings, isDue)
    if (isDue) this.#lastLookMs = nowMs
    if (what === undefined) return
    if (what === 'sleep') this.#steering.wakeUp(nowMs, sleptMs)
    this.#disturb(what, nowMs, effects)
  }

  #disturb(what: Disturbance | 'overtaken', nowMs: number, effects: ClockEffect[]): void {
    this.#epoch++
    this.#disturbances++
    this.#lastDisturbance = { what, atMs: nowMs }
    this.#steering.disturb()
    // Answers to what was asked before sleep say nothing about the time after it.
    this.#poll.hasten(nowMs, what === 'sleep')
    effects.push({ type: 'disturbance', what })
  }

  #answer({ kind, name, exchange, standing }: ClockEvent & { type: 'answer' }): void {
    const source = this.#sourceOf(kind, name)
    if (source === undefined || !this.#poll.includes(source, exchange.sentMs)) return
    const sample = sampleOf(exchange, this.originMs)
    if (sample === undefined) source.refuse('malformed')
    else source.answer(sample, standing)
  }

  /** Asks what is due, and draws the conclusion once the answers are in. */
  #advance(nowMs: number, effects: ClockEffect[]): void {
    const status = this.statusAt(nowMs)
    if (this.#poll.isDue(nowMs)) {
      const isTrusted = status !== 'INIT' && status !== 'DISRUPTED'
      this.#poll.begin(nowMs, this.#servers, [...this.#peers.values()], isTrusted)
    }
    for (const { kind, name } of this.#poll.asksDue(nowMs))
      effects.push({ type: 'ask', kind, name })
    if (!this.#poll.isOver(nowMs)) return
    const { servers, peers } = this.#poll.end()
    if (this.#poll.count >= this.#options.patiencePolls) this.#hasWaited = true
    const outcome = this.#steering.conclude(nowMs, {
      servers,
      peers,
      isAlone: this.#peers.size === 0,
      isTrusted: allowsLeases(status),
      everyMs: this.#poll.everyMs,
      polls: this.#poll.count,
    })
    this.#poll.schedule(nowMs, outcome, this.#steering.isTrusted)
  }

  #tellStatus(nowMs: number, effects: ClockEffect[]): void {
    const from = this.#lastStatus
    const to = this.statusAt(nowMs)
    if (to === from) return
    this.#lastStatus = to
    effects.push({ type: 'status', from, to })
  }

  #sourceOf(kind: SourceKind, name: string): Source | undefined {
    if (kind === 'peer') return this.#peers.get(name)
    return this.#servers.find(server => server.name === name)
  }

  /** Keeps what is known of those who stay. */
  #setPeers(names: readonly string[]): void {
    this.#peers = new Map(
      names
        .slice(0, PEERS_MAX)
        .map(name => [name, this.#peers.get(name) ?? new Source('peer', name)]),
    )
  }
}

/** What is not confirmed is not known. */
const boundOf = (status: Status, { boundMs }: Health): number =>
  status === 'INIT' || status === 'DISRUPTED' ? Number.POSITIVE_INFINITY : boundMs

/** How many polls without a result it takes to be HOLDOVER, and without a majority, UNSYNCED. */
const STATUS_POLLS = { silentPollsMax: 3, dividedPollsMax: 10 }
