import {
  agree,
  type Agreement,
  AGREEMENT_GAIN,
  AGREEMENT_INTEGRAL,
  AGREEMENT_RATE_MAX,
} from './agreement.ts'
import {
  areMostFar,
  type Election,
  electionsOf,
  electorsOf,
  markAnswered,
  nameOf,
} from './election.ts'
import { asSample, CRYSTAL_RATE_MAX, Estimator, RATE_ERROR_MIN } from './estimator.ts'
import { overlaps } from './marzullo.ts'
import { OffsetHistory } from './offset-history.ts'
import type { ClockOptions } from './options.ts'
import type { Outcome } from './poll.ts'
import { READING_ERROR_MS } from './sample.ts'
import { carry, select, type Selection } from './selection.ts'
import type { Source } from './source.ts'
import { type Basis, type Health, POLLS_TO_TRUST } from './status.ts'
import { VirtualClock } from './virtual-clock.ts'

/** A poll that is over. */
export interface Ballot {
  /** Everybody whose word would have counted. */
  readonly servers: readonly Source[]
  readonly peers: readonly Source[]
  /** There is nobody else in this network. */
  readonly isAlone: boolean
  /** The own clock is good enough to be counted. */
  readonly isTrusted: boolean
  readonly everyMs: number
  /** Polls since the start or the last disturbance. */
  readonly polls: number
}

/**
 * Turns polls into the correction and the bound of the virtual clock.
 *
 * Where UTC was never known, the peers agree among themselves; a peer that is alone agrees with
 * itself. Once UTC was known the clock stays with it: it is held over rather than led away.
 */
export class Steering {
  readonly clock: VirtualClock
  readonly history: OffsetHistory
  readonly #options: ClockOptions
  readonly #estimator = new Estimator()
  #basis: Basis = 'network'
  #agreed: { atMs: number; boundMs: number } | undefined
  #agreements = 0
  #goodPolls = 0
  #freshPolls = 0
  #silentPolls = 0
  #dividedPolls = 0
  #contradictions = 0
  #acceptedMs: number | undefined
  #rootMs = Number.NEGATIVE_INFINITY
  #isOutvoted = false
  /** Nothing was told to anybody yet, so that the clock may still be set. */
  #isFirst = true

  constructor(options: ClockOptions, nowMs: number, wallMs: number) {
    this.#options = options
    this.clock = new VirtualClock(nowMs, wallMs)
    this.history = new OffsetHistory(this.clock.originMs)
  }

  get basis(): Basis {
    return this.#basis
  }

  /** Enough polls went well since the start, and since the last disturbance. */
  get isTrusted(): boolean {
    return this.#goodPolls >= POLLS_TO_TRUST && this.#freshPolls >= POLLS_TO_TRUST
  }

  /** Somebody relies on this clock, or did: from then on it never jumps. */
  get isInUse(): boolean {
    return !this.#isFirst
  }

  /** How often a majority contradicted what was thought certain. */
  get contradictions(): number {
    return this.#contradictions
  }

  /** When the last poll was accepted. */
  get acceptedMs(): number | undefined {
    return this.#acceptedMs
  }

  /** How fast the bound grows. */
  get rateError(): number {
    if (this.#basis === 'utc') return this.#estimator.rate.rateError
    return this.#agreements < AGREEMENTS_TO_TRUST ? 2 * CRYSTAL_RATE_MAX : 2 * RATE_ERROR_MIN
  }

  rootAgeAt(nowMs: number): number {
    return nowMs - this.#rootMs
  }

  boundAt(nowMs: number): number {
    if (this.#basis === 'utc') {
      const { low, high } = this.#estimator.intervalAt(nowMs)
      const correctionMs = this.clock.correctionAt(nowMs)
      return Math.max(high - correctionMs, correctionMs - low)
    }
    if (this.#agreed === undefined) return Number.POSITIVE_INFINITY
    return this.#agreed.boundMs + this.rateError * (nowMs - this.#agreed.atMs)
  }

  healthAt(nowMs: number): Health {
    return {
      goodPolls: this.#goodPolls,
      freshPolls: this.#freshPolls,
      boundMs: this.boundAt(nowMs),
      silentPolls: this.#silentPolls,
      dividedPolls: this.#dividedPolls,
      rootAgeMs: this.rootAgeAt(nowMs),
      isOutvoted: this.#isOutvoted,
    }
  }

  /** Somebody cannot wait any longer and uses the clock as it is. */
  use(): void {
    this.#isFirst = false
  }

  /** Something happened to time: three fresh polls must confirm that all is well. */
  disturb(): void {
    this.#freshPolls = 0
  }

  /** The machine slept, and the monotonic clock with it: what was measured is void. */
  wakeUp(nowMs: number, sleptMs: number): void {
    this.#goodPolls = 0
    this.#estimator.reset()
    this.#agreed = undefined
    this.#agreements = 0
    this.history.beginEpoch()
    this.clock.step(nowMs, this.clock.correctionAt(nowMs) + Math.max(0, sleptMs))
  }

  /** Draws the conclusion from a poll, and says on each source what it is worth. */
  conclude(nowMs: number, ballot: Ballot): Outcome {
    const farMs = FAR_SHARE * this.#options.maxOffsetMs
    this.#isOutvoted = areMostFar(ballot.peers, this.clock.correctionAt(nowMs), farMs)
    const outcome = this.#takeUtc(nowMs, ballot) ?? this.#makeDo(nowMs, ballot) ?? 'silent'
    if (outcome === 'silent') this.#silentPolls++
    else if (outcome === 'divided') this.#dividedPolls++
    if (outcome === 'divided') this.#silentPolls++
    return outcome
  }

  #takeUtc(nowMs: number, { servers, peers }: Ballot): Outcome | undefined {
    markAnswered([...servers, ...peers], nowMs)
    const { all, inner } = electionsOf(servers, peers, nowMs)
    // Peers that contradict each other too much must not keep a peer from its own servers.
    const outcome = all === undefined ? undefined : this.#elect(nowMs, all)
    const isDecided = outcome === 'steady' || outcome === 'moved'
    return isDecided ? outcome : (this.#elect(nowMs, inner) ?? outcome)
  }

  /** Undefined if too few voices were heard. */
  #elect(nowMs: number, { voices, liars }: Election): Outcome | undefined {
    if (voices.length <= liars) return undefined
    const { rate } = this.#estimator
    const selection = select(
      voices.map(voice => carry(nameOf(voice), voice.sample, nowMs, rate)),
      liars,
    )
    if (selection === undefined || !this.#isUseful(nowMs, selection)) return 'divided'
    for (const voice of voices) {
      voice.verdict = selection.survivors.has(nameOf(voice)) ? 'selected' : 'falseticker'
    }
    const ages = voices
      .filter(({ verdict }) => verdict === 'selected')
      .map(({ standing }) => standing.rootAgeMs)
      .toSorted((a, b) => a - b)
    return this.#accept(nowMs, selection, ages[ages.length >> 1] ?? 0)
  }

  /** Two camps may have a hull so wide that what is known already says more. */
  #isUseful(nowMs: number, { low, high }: Selection): boolean {
    const { syncedBoundMs, unsyncedBoundMs } = this.#options
    const widthMs = (high - low) / 2
    if (widthMs > unsyncedBoundMs) return false
    const own = this.#estimator.intervalAt(nowMs)
    return widthMs <= syncedBoundMs || widthMs <= (own.high - own.low) / 2
  }

  #accept(nowMs: number, selection: Selection, rootAgeMs: number): Outcome {
    // What both sides are certain of cannot be: then it was the rate that was not as it was thought.
    if (!overlaps(selection, this.#estimator.intervalAt(nowMs))) {
      this.#contradictions++
      this.#estimator.reset()
    }
    const targetMs = this.#estimator.accept(nowMs, selection)
    this.#basis = 'utc'
    this.#rootMs = nowMs - rootAgeMs
    this.history.add(asSample(nowMs, selection))
    const movedMs = Math.abs(targetMs - this.clock.correctionAt(nowMs))
    this.#moveTo(nowMs, targetMs, this.#estimator.rate.frequency)
    this.#countGood(nowMs)
    return movedMs <= (selection.high - selection.low) / 2 ? 'steady' : 'moved'
  }

  /** Time among peers; never so well kept that servers would be asked less often. */
  #makeDo(nowMs: number, ballot: Ballot): Outcome | undefined {
    const outcome = this.#takeAgreement(nowMs, ballot)
    return outcome === 'steady' && ballot.servers.length > 0 ? 'moved' : outcome
  }

  /** Undefined if this is not the way to keep time here. */
  #takeAgreement(nowMs: number, ballot: Ballot): Outcome | undefined {
    const { servers, peers, isAlone, isTrusted, everyMs, polls } = ballot
    const isNew = this.#agreed === undefined && polls < this.#options.patiencePolls
    const isWaiting = servers.length > 0 && isNew
    if (this.#basis === 'utc' || isWaiting) return undefined
    if (isAlone) return this.#keepAlone(nowMs)
    const electors = electorsOf(peers, nowMs, isTrusted)
    if (electors === undefined) return undefined
    const { voices, isOwnCounted } = electors
    const samples = voices.map(({ sample }) => sample)
    const correctionMs = this.clock.correctionAt(nowMs)
    const before = agree(samples, correctionMs, isOwnCounted)
    for (const voice of voices) voice.verdict = 'selected'
    const gain = this.isTrusted ? AGREEMENT_GAIN : 1
    const targetMs = correctionMs + gain * before.offsetMs
    const after = agree(samples, targetMs, isOwnCounted)
    this.#settle(nowMs, before, after, { targetMs, everyMs })
    return Math.abs(before.offsetMs) <= before.boundMs ? 'steady' : 'moved'
  }

  #settle(
    nowMs: number,
    before: Agreement,
    after: Agreement,
    { targetMs, everyMs }: { targetMs: number; everyMs: number },
  ): void {
    const change = this.isTrusted ? (AGREEMENT_INTEGRAL * before.offsetMs) / everyMs : 0
    const frequency = Math.max(
      -AGREEMENT_RATE_MAX,
      Math.min(AGREEMENT_RATE_MAX, this.clock.frequency + change),
    )
    const hasJumped = this.#moveTo(nowMs, targetMs, frequency)
    // On the way from the one place to the other no clock is further off than at one of the ends.
    const boundMs = hasJumped ? after.boundMs : Math.max(before.boundMs, after.boundMs)
    this.#agreed = { atMs: nowMs, boundMs: boundMs + READING_ERROR_MS }
    this.#agreements++
    this.#rootMs = nowMs
    this.#countGood(nowMs)
  }

  /** Nobody to agree with, and nothing to wait for. */
  #keepAlone(nowMs: number): Outcome {
    this.#agreed = { atMs: nowMs, boundMs: READING_ERROR_MS }
    this.#rootMs = nowMs
    if (this.#isFirst) this.#freshPolls = POLLS_TO_TRUST
    this.#goodPolls = POLLS_TO_TRUST
    this.#countGood(nowMs)
    return 'steady'
  }

  /**
   * Sets the clock while nobody relies on it, slews it afterwards. After sleep it may only advance.
   * @returns whether it was set.
   */
  #moveTo(nowMs: number, targetMs: number, frequency: number): boolean {
    const isAhead = targetMs < this.clock.correctionAt(nowMs)
    const mayJump = this.#goodPolls < POLLS_TO_TRUST && (this.#isFirst || !isAhead)
    this.clock.steer(nowMs, targetMs, frequency)
    if (mayJump) this.clock.step(nowMs, targetMs)
    return mayJump
  }

  #countGood(nowMs: number): void {
    this.#goodPolls++
    this.#freshPolls++
    this.#silentPolls = 0
    this.#dividedPolls = 0
    this.#acceptedMs = nowMs
    if (this.isTrusted) this.#isFirst = false
  }
}

/** Polls until the frequency that peers agreed on is believed. */
const AGREEMENTS_TO_TRUST = 16
/** Share of `maxOffsetMs` beyond which a peer is far away. */
const FAR_SHARE = 0.8
