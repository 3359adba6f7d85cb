import type { PeerId } from '../base/environment.ts'
import { type Due, TimerQueue } from '../base/timer-queue.ts'
import type { ChangeKind, MembershipEffect, MembershipOptions } from './core-types.ts'
import { LocalHealth } from './local-health.ts'
import { MEMBERS_MAX, MemberTable } from './member-table.ts'
import { isLive, type Member } from './member.ts'
import {
  RUMORS_PER_MESSAGE_MAX,
  type Rumor,
  SWIM_BYTES_MAX,
  SWIM_HEADER_BYTES,
  type SwimMessage,
} from './message.ts'
import { retransmitLimit } from './profile.ts'
import { RumorQueue } from './rumors.ts'
import { clampVitals, noVitals, type Vitals, VITALS_BYTES_MAX } from './vitals.ts'

/** One timer per member, and the few of the loops and relays. */
const TIMERS_MAX: number = MEMBERS_MAX + 2_048

/** What the parts of the core share: time, the table, rumours, timers, and where effects go. */
export class Context {
  readonly options: MembershipOptions
  readonly table: MemberTable
  readonly rumors: RumorQueue = new RumorQueue()
  readonly health: LocalHealth
  readonly timers: TimerQueue<() => void> = new TimerQueue(TIMERS_MAX)
  /** Peers with a connection, as far as the network tells of it. */
  readonly connected: Set<PeerId> = new Set()
  /** The moment of the present step. */
  nowMs = 0
  /** The time of day at the last wake-up, as far as it is to be believed. */
  wallMs = 0
  #effects: MembershipEffect[] = []
  #vitals: Vitals = noVitals

  constructor(options: MembershipOptions) {
    this.options = options
    this.table = new MemberTable(options.random)
    this.health = new LocalHealth(options.profile.healthMax)
  }

  /** How many peers are thought to live, this one included. */
  get n(): number {
    return this.table.liveCount + 1
  }

  get vitals(): Vitals {
    const { points } = this.health
    if (this.#vitals.health !== points) this.#vitals = { ...this.#vitals, health: points }
    return this.#vitals
  }

  setVitals(vitals: Vitals): void {
    this.#vitals = clampVitals(vitals)
  }

  isNear({ peer }: Member): boolean {
    return this.connected.has(peer)
  }

  /**
   * Up to `count` members that fit, by chance; connected ones if there are so many, for a new
   * connection costs a hundred times what a message does.
   */
  pickNear(count: number, fits: (member: Member) => boolean): Member[] {
    const near = this.table.pick(count, member => this.isNear(member) && fits(member))
    return near.length === count ? near : this.table.pick(count, fits)
  }

  effect(effect: MembershipEffect): void {
    this.#effects.push(effect)
  }

  takeEffects(): readonly MembershipEffect[] {
    if (this.#effects.length === 0) return nothing
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  after(delayMs: number, run: () => void): Due<() => void> {
    return this.timers.push(this.nowMs + delayMs, run)
  }

  send(to: PeerId, message: SwimMessage): void {
    this.effect({ type: 'send', to, message })
  }

  change(kind: ChangeKind, { peer, record, why }: Member): void {
    this.effect({ type: 'change', change: { kind, peer, incarnation: record.incarnation, why } })
  }

  /** News for a probe or its answer; who is accused hears of it first. */
  rumorsFor(to: Member | undefined): Rumor[] {
    const first = to?.accusation === undefined ? [] : this.#accusationsOf(to)
    if (this.rumors.size === 0) return first
    const room = SWIM_BYTES_MAX - SWIM_HEADER_BYTES - VITALS_BYTES_MAX
    return [...first, ...this.#take(room - sizeOf(first), RUMORS_PER_MESSAGE_MAX - first.length)]
  }

  /** News for a message that carries nothing else. */
  gossip(): Rumor[] {
    return this.#take(SWIM_BYTES_MAX - SWIM_HEADER_BYTES, RUMORS_PER_MESSAGE_MAX)
  }

  /** One who is thought dead but speaks is told so, with its record, and can refute at once. */
  tellDead(to: PeerId): void {
    const member = this.table.get(to)
    if (member?.state !== 'dead') return
    this.send(to, { type: 'gossip', rumors: this.#accusationsOf(member) })
  }

  #accusationsOf(member: Member): Rumor[] {
    if (member.accusation === undefined) return []
    if (member.state === 'dead') return [member.record, member.accusation]
    return isLive(member) && this.options.profile.tellsSuspects ? [member.accusation] : []
  }

  #take(bytesMax: number, countMax: number): Rumor[] {
    return this.rumors.take({
      limit: retransmitLimit(this.options.profile, this.n),
      bytesMax,
      countMax,
    })
  }
}

/** Most events lead to nothing, and there are thousands a second where many peers are simulated. */
const nothing: readonly MembershipEffect[] = Object.freeze([])

function sizeOf(rumors: readonly Rumor[]): number {
  let size = 0
  for (const { sizeBytes } of rumors) size += sizeBytes + 1
  return size
}
