import type { Environment, PeerId, Timer } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import { type ClockEffect, type ClockEvent, ClockCore, type Interval } from '../../clock/core.ts'
import type { Readings } from '../../clock/disturbance.ts'
import type { Corrected } from '../../clock/offset-history.ts'
import { type ClockOptions, clockOptions } from '../../clock/options.ts'
import type { Standing } from '../../clock/source.ts'
import type { Timestamp } from '../../clock/timestamp.ts'
import { type ClockReport, reportOf } from './clock-report.ts'
import { MarkStore } from './mark-store.ts'
import { NtpClient } from './ntp-client.ts'
import type { NtpPort } from './ntp-port.ts'
import { PeerClient } from './peer-client.ts'
import { notReady, Stamper } from './stamper.ts'

/** What the clock needs of the world beyond what every part of a peer has. */
export interface ClockSeams {
  readonly environment: Environment
  /** The way to NTP servers. Closed with the service. */
  readonly ntp: NtpPort
  /** How long this machine has slept in all, give or take a constant. */
  readonly asleepMs: () => number
}

/** Something happened to the clock that others may care about. */
export type ClockNotice = Exclude<ClockEffect, { readonly type: 'ask' }>

/**
 * The clock of a running peer: runs the core's effects, owns timestamps and their mark on disk.
 *
 * To wire it: `start` it before anything that stamps, call `setMembers` whenever the roster changes,
 * and `close` it last.
 */
export class ClockService {
  readonly #seams: ClockSeams
  readonly #core: ClockCore
  readonly #stamper: Stamper
  readonly #ntp: NtpClient
  readonly #peers: PeerClient
  readonly #listeners: ((notice: ClockNotice) => void)[] = []
  #timer: Timer | undefined
  #isClosed = false
  #rejectedStamps = 0
  #asleep = { readMs: Number.NEGATIVE_INFINITY, totalMs: 0 }
  /** The latest time told to anybody, once the clock was trusted. */
  #toldMs = Number.NEGATIVE_INFINITY

  private constructor(seams: ClockSeams, options: ClockOptions, stamper: Stamper) {
    const { environment, ntp } = seams
    const { clock, network, random } = environment
    this.#seams = seams
    this.#stamper = stamper
    const nowMs = clock.monotonicMs()
    const first = { wallMs: clock.wallMs(), asleepMs: seams.asleepMs() }
    this.#core = new ClockCore(options, random.fork('clock'), nowMs, first)
    this.#ntp = new NtpClient({
      port: ntp,
      clock,
      nearMs: () => this.#virtualMs(),
      onAnswer: (name, exchange) =>
        this.#step({ type: 'answer', kind: 'server', name, exchange, readings: this.#readings() }),
      onRefusal: (name, reason) => this.#step({ type: 'refusal', kind: 'server', name, reason }),
    })
    this.#peers = new PeerClient({
      network,
      clock,
      virtualMs: () => this.#virtualMs(),
      standing: () => this.#standing(),
      onAnswer: (name, exchange, standing) => {
        const readings = this.#readings()
        this.#step({ type: 'answer', kind: 'peer', name, exchange, standing, readings })
      },
    })
  }

  /**
   * Reads the mark of the run before, and begins to keep time.
   * @param peers everybody else in the network, as far as is known.
   * @throws {RangeError} for options that make no sense; `HoldfastError`s of the disk.
   */
  static async start(
    seams: ClockSeams,
    given: Partial<ClockOptions> = {},
    peers: readonly PeerId[] = [],
  ): Promise<ClockService> {
    const options = clockOptions(given)
    const store = new MarkStore(seams.environment.disk)
    const stamper = await Stamper.open({ store, maxOffsetMs: options.maxOffsetMs })
    const service = new ClockService(seams, options, stamper)
    service.setMembers(peers)
    service.#wake()
    return service
  }

  /** What time it is, and how certain that is. Never goes back once the clock was trusted. */
  now(): Interval {
    const nowMs = this.#lookedAtMs()
    const interval = this.#core.intervalAt(nowMs)
    return { ...interval, atMs: this.#tell(interval.atMs) }
  }

  /** Everything worth knowing, as a plain object. */
  report(): ClockReport {
    const nowMs = this.#lookedAtMs()
    const waitMs = this.#stampWaitMs()
    return {
      ...reportOf(this.#core, nowMs),
      rejectedStamps: this.#rejectedStamps,
      stamps: { isReady: waitMs === 0, waitMs },
    }
  }

  /** Calls `listener` when the status changes, and when something happens to time here. */
  onNotice(listener: (notice: ClockNotice) => void): void {
    this.#listeners.push(listener)
  }

  /** Everybody else in the network who is not known to be gone. */
  setMembers(peers: readonly PeerId[]): void {
    this.#step({ type: 'members', peers })
  }

  /** See `Lease`; undefined while no lease may be held or begun. */
  leaseEpoch(): number | undefined {
    return this.#core.leaseEpochAt(this.#lookedAtMs())
  }

  /** Returns once timestamps are given out, however long that takes. */
  async ready(signal?: AbortSignal): Promise<void> {
    for (let waitMs = this.#stampWaitMs(); waitMs > 0; waitMs = this.#stampWaitMs()) {
      const pauseMs = Math.min(Math.max(waitMs, READY_LOOK_MS), READY_LOOK_MAX_MS)
      await sleep(this.#seams.environment.timers, pauseMs, signal)
    }
  }

  /**
   * A timestamp for an event here and now.
   * @throws {HoldfastError} `CLOCK_NOT_READY`, or what the disk says if the mark cannot be written.
   */
  async stamp(): Promise<Timestamp> {
    for (let tries = 0; tries < STAMP_TRIES_MAX; tries++) {
      const stamp = this.tryStamp()
      if (stamp !== undefined) return stamp
      await this.#stamper.advance(this.#virtualMs())
    }
    throw notReady(this.#core.statusAt(this.#nowMs()), 0)
  }

  /**
   * The same at once; undefined where the mark on disk must be moved first, as after a pause.
   * @throws {HoldfastError} `CLOCK_NOT_READY`
   */
  tryStamp(): Timestamp | undefined {
    const nowMs = this.#lookedAtMs()
    const ptMs = this.#core.steering.clock.at(nowMs)
    const waitMs = this.#core.isUsable ? this.#stamper.waitMs(ptMs) : READY_LOOK_MS
    if (waitMs > 0) throw notReady(this.#core.statusAt(nowMs), waitMs)
    if (!this.#core.steering.isInUse) this.#step({ type: 'used' })
    return this.#stamper.tick(this.#tell(ptMs))
  }

  /**
   * Merges the timestamp of a message, so that everything stamped here from now on is later.
   * @throws {HoldfastError} `CLOCK_SKEW`; nothing has changed then.
   */
  receive(stamp: Timestamp, from: PeerId): void {
    const leadMs = this.#stamper.receive(stamp, this.now().atMs)
    if (leadMs === undefined) return
    this.#rejectedStamps++
    this.#step({ type: 'rejected', peer: from })
    throw skewed(from, leadMs, this.#stamper.maxOffsetMs)
  }

  /** Merges the timestamp of something committed, which must be taken however far it leads. */
  receiveCommitted(stamp: Timestamp): void {
    const leadMs = this.#stamper.receiveCommitted(stamp, this.now().atMs)
    if (leadMs !== undefined) this.#step({ type: 'overtaken' })
  }

  /** What to store beside a timestamp that shall be corrected later. */
  rawReading(): { readonly epoch: number; readonly monotonicMs: number } {
    return { epoch: this.#core.steering.history.epoch, monotonicMs: this.#nowMs() }
  }

  /** UTC of a raw reading of this run, as far as is known by now. */
  correct(raw: { readonly epoch: number; readonly monotonicMs: number }): Corrected | undefined {
    const { history, rateError } = this.#core.steering
    return history.correct(raw.epoch, raw.monotonicMs, rateError)
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#seams.ntp.close()
  }

  /** No less than was told before, once the clock is in use. */
  #tell(atMs: number): number {
    if (!this.#core.steering.isInUse) return atMs
    this.#toldMs = Math.max(this.#toldMs, atMs)
    return this.#toldMs
  }

  #nowMs(): number {
    return this.#seams.environment.clock.monotonicMs()
  }

  #virtualMs(): number {
    return this.#core.steering.clock.at(this.#nowMs())
  }

  /** How long the machine slept is asked a system file: seldom, unless there is reason to. */
  #readings(): Readings {
    const { clock } = this.#seams.environment
    const [nowMs, wallMs] = [clock.monotonicMs(), clock.wallMs()]
    const isStale = nowMs - this.#asleep.readMs >= ASLEEP_READ_EVERY_MS
    if (isStale || this.#core.isSuspicious(nowMs, wallMs)) {
      this.#asleep = { readMs: nowMs, totalMs: this.#seams.asleepMs() }
    }
    return { wallMs, asleepMs: this.#asleep.totalMs }
  }

  /** Now; if the wall clock tells of a disturbance that no timer has noticed yet, then noticed. */
  #lookedAtMs(): number {
    const { clock } = this.#seams.environment
    const nowMs = clock.monotonicMs()
    if (this.#isClosed || !this.#core.isSuspicious(nowMs, clock.wallMs())) return nowMs
    this.#wake()
    return clock.monotonicMs()
  }

  #standing(): Standing & { readonly boundMs: number } {
    const nowMs = this.#lookedAtMs()
    return {
      status: this.#core.statusAt(nowMs),
      basis: this.#core.basis,
      rootAgeMs: Math.max(0, this.#core.steering.rootAgeAt(nowMs)),
      boundMs: this.#core.boundAt(nowMs),
    }
  }

  /** How long until timestamps are given out: at least this, and a little while time is not known. */
  #stampWaitMs(): number {
    if (!this.#core.isUsable) return READY_LOOK_MS
    return this.#stamper.waitMs(this.#virtualMs())
  }

  #wake(): void {
    this.#step({ type: 'wake', readings: this.#readings() })
  }

  #step(event: ClockEvent): void {
    if (this.#isClosed) return
    const effects = this.#core.step(event, this.#nowMs())
    for (const effect of effects) this.#run(effect)
    this.#arm()
  }

  #run(effect: ClockEffect): void {
    if (effect.type !== 'ask') for (const listener of this.#listeners) listener(effect)
    else if (effect.kind === 'server') this.#ntp.ask(effect.name)
    else this.#peers.ask(effect.name)
  }

  #arm(): void {
    this.#timer?.cancel()
    if (this.#isClosed) return
    const delayMs = Math.max(PAUSE_MIN_MS, this.#core.wakeAtMs - this.#nowMs())
    this.#timer = this.#seams.environment.timers.after(delayMs, () => this.#wake())
  }
}

/** A timer that is due in less would be set again and again without time passing. */
const PAUSE_MIN_MS = 1
const ASLEEP_READ_EVERY_MS = 1_000
const READY_LOOK_MS = 20
const READY_LOOK_MAX_MS = 1_000
/** Each try writes a mark a second ahead: more than one fails only under a stalled disk. */
const STAMP_TRIES_MAX = 3

const skewed = (from: string, leadMs: number, limitMs: number): HoldfastError =>
  new HoldfastError(`Cannot take a timestamp of ${from}: it leads ${leadMs} ms, limit ${limitMs}`, {
    code: 'CLOCK_SKEW',
    from,
    leadMs,
    limitMs,
  })
