import type { PeerId } from '../base/environment.ts'
import { Beliefs } from './beliefs.ts'
import { Context } from './context.ts'
import type { MembershipEffect, MembershipEvent, MembershipOptions } from './core-types.ts'
import type { Member } from './member.ts'
import type { SwimMessage } from './message.ts'
import { OwnRecord } from './own-record.ts'
import { Prober } from './prober.ts'
import { retransmitLimit } from './profile.ts'
import { entryOfMember, entryOfSelf, type RosterEntry } from './roster.ts'
import { Syncer } from './syncer.ts'
import type { Vitals } from './vitals.ts'

/** A wake-up this late means that the event loop stood still. */
const LATE_MS = 250
/** A farewell is repeated for at least this long. */
const LEAVE_MIN_MS = 1_000
/** How often the long dead are looked for. */
const SWEEP_MS = 60_000
const HEALTH_MEMORY_MS = 600_000

const isLive = ({ state }: Member): boolean => state === 'alive' || state === 'suspect'

/**
 * Who is in the network, who is alive, slow, or gone: SWIM with Lifeguard.
 *
 * Every peer probes one other each period (`Prober`) and tells what it found as rumours that ride on
 * probes and small messages of their own (`RumorQueue`). Whoever does not answer is first a suspect,
 * and may refute; how long it may depends on how many find it silent (`Suspicion`) and a peer that
 * has reason to doubt itself probes more slowly (`LocalHealth`). Now and then two peers compare all
 * they know, the dead included, so that partitions heal (`Syncer`). What is believed of whom, and
 * when it changes, is in `Beliefs`.
 *
 * Invariants:
 * - Own incarnations only grow, over restarts too; nobody else can raise them.
 * - At one incarnation nobody comes back from the dead.
 * - Messages, rumours, members, relays and open questions are bounded; so is what any of them costs.
 * - The same events at the same times with the same seed give the same effects.
 */
export class Membership {
  readonly #context: Context
  readonly #own: OwnRecord
  readonly #beliefs: Beliefs
  readonly #prober: Prober
  readonly #syncer: Syncer
  #isGossiping = false
  /** Has said farewell, and said it often enough. */
  #isGone = false
  #upSinceMs = 0
  #stalledAtMs = Number.NEGATIVE_INFINITY

  constructor(options: MembershipOptions) {
    this.#context = new Context(options)
    this.#own = new OwnRecord(this.#context)
    this.#beliefs = new Beliefs(this.#context, this.#own, {
      returned: () => this.#syncer.compareSoon(),
      isBehind: peer => this.#syncer.catchUp(peer),
    })
    this.#prober = new Prober(this.#context, this.#beliefs)
    this.#syncer = new Syncer(this.#context, this.#own, this.#beliefs)
  }

  /** When the next `wake` is due; infinite if never. Changes with every step. */
  get wakeAtMs(): number {
    const due = this.#isGone ? undefined : this.#context.timers.peek()
    return due?.atMs ?? Number.POSITIVE_INFINITY
  }

  /** Rumours that wait to be told. */
  get rumorCount(): number {
    return this.#context.rumors.size
  }

  /**
   * Takes one event and returns what is to be done about it, in order.
   * Before `start` everything is ignored, and so it is after `left`.
   * @throws {HoldfastError} `TOO_LARGE` on `describe` and `start`, state unchanged
   */
  step(event: MembershipEvent, nowMs: number): readonly MembershipEffect[] {
    if (this.#isGone || (event.type !== 'start' && !this.#own.isStarted)) return []
    this.#context.nowMs = nowMs
    this.#handle(event)
    if (!this.#isGossiping && this.#context.rumors.size > 0) this.#armGossip()
    return this.#context.takeEffects()
  }

  /** What is known of everybody, by id. */
  roster(nowMs: number): RosterEntry[] {
    const others = this.#context.table.members.map(member => entryOfMember(member, nowMs))
    return [this.#selfEntry(nowMs), ...others].toSorted((a, b) => (a.peer < b.peer ? -1 : 1))
  }

  peer(peer: PeerId, nowMs: number): RosterEntry | undefined {
    if (peer === this.#context.options.self) return this.#selfEntry(nowMs)
    const member = this.#context.table.get(peer)
    return member === undefined ? undefined : entryOfMember(member, nowMs)
  }

  #handle(event: MembershipEvent): void {
    switch (event.type) {
      case 'start':
        this.#start(event.ceiling)
        return
      case 'wake':
        this.#context.wallMs = event.wallMs
        this.#wake()
        return
      case 'datagram':
        this.#hear(event.message, event.from)
        return
      case 'asked': {
        const answer = this.#syncer.answer(event.question, event.from)
        this.#context.effect({ type: 'answer', token: event.token, answer })
        return
      }
      case 'answered':
        this.#syncer.hearAnswer(event.answer, event.from)
        return
      case 'unanswered':
        this.#syncer.hearNothing(event.from)
        return
      case 'join':
        this.#syncer.join(event.peers)
        return
      case 'leave':
        this.#leave()
        return
      case 'describe':
        this.#own.describe(event.description)
        return
      case 'vitals':
        this.#context.setVitals(event.vitals)
        return
      case 'lag':
        this.#stalled(event.ms)
        return
      case 'connected':
        this.#context.connected.add(event.peer)
        this.#syncer.connected(event.peer)
        return
      case 'disconnected':
        this.#context.connected.delete(event.peer)
        this.#prober.hint(event.peer)
        return
      case 'expel':
        this.#expel(event.peer)
    }
  }

  #start(ceiling: number): void {
    this.#own.start(ceiling)
    this.#upSinceMs = this.#context.nowMs
    this.#prober.start()
    this.#syncer.start()
    this.#armSweep()
  }

  /** Runs what is due; every part puts off its next turn into the future, so this ends. */
  #wake(): void {
    const { timers, nowMs } = this.#context
    const lateMs = nowMs - (timers.peek()?.atMs ?? nowMs)
    if (lateMs > LATE_MS) this.#stalled(lateMs)
    for (let due = timers.peek(); due !== undefined && due.atMs <= nowMs; due = timers.peek()) {
      timers.pop()
      due.value()
      if (this.#isGone) return
    }
  }

  /** Whoever could not listen cannot blame others for silence. */
  #stalled(ms: number): void {
    if (ms <= LATE_MS) return
    const { nowMs, health, options } = this.#context
    // The driver's watch and a late timer tell of the same stall.
    if (nowMs - this.#stalledAtMs > Math.max(ms, options.profile.periodMs)) health.lagged(ms)
    this.#stalledAtMs = nowMs
    this.#prober.voidProbe()
    this.#beliefs.postponeVerdicts(options.profile.periodMs)
  }

  #hear(message: SwimMessage, from: PeerId): void {
    const member = this.#prober.probed(from) ?? this.#context.table.get(from)
    if (member === undefined) this.#meet(from)
    else if ('vitals' in message) this.#noteVitals(member, message.vitals)
    if ('rumors' in message && message.rumors.length > 0)
      this.#beliefs.hearRumors(message.rumors, from)
    this.#prober.hear(message, from, member)
    // The answer to a ping says it already.
    if (message.type === 'gossip' || message.type === 'ping-req') this.#context.tellDead(from)
  }

  /** A stranger speaks: the rumour of it was missed. */
  #meet(stranger: PeerId): void {
    if (this.#context.options.admits?.(stranger) !== false) this.#syncer.catchUp(stranger)
  }

  #noteVitals(member: Member, vitals: Vitals): void {
    const { nowMs } = this.#context
    const { healthMean } = member
    if (member.vitals === undefined) member.healthMean = vitals.health
    else if (healthMean !== vitals.health) {
      const kept = Math.exp((member.vitalsAtMs - nowMs) / HEALTH_MEMORY_MS)
      member.healthMean = vitals.health + (healthMean - vitals.health) * kept
    }
    member.vitals = vitals
    // Whole milliseconds take no memory of their own, of which there is a million times as much.
    member.vitalsAtMs = Math.trunc(nowMs)
  }

  #armGossip(): void {
    this.#isGossiping = true
    this.#context.after(this.#context.options.profile.gossipMs, () => this.#gossip())
  }

  #gossip(): void {
    this.#isGossiping = false
    const { table, options, nowMs } = this.#context
    const { gossipFanout, gossipToDeadMs } = options.profile
    const isFreshlyDead = ({ state, sinceMs }: Member): boolean =>
      state === 'dead' && nowMs - sinceMs < gossipToDeadMs
    // Rumours go along the connections there are; probes go everywhere anyhow.
    const isNear = (member: Member): boolean => isLive(member) && this.#context.isNear(member)
    const near = table.pick(gossipFanout, isNear)
    const listeners =
      near.length === 0
        ? table.pick(gossipFanout, each => isLive(each) || isFreshlyDead(each))
        : [...near, ...table.pick(1, isFreshlyDead)]
    if (listeners.length === 0 && table.liveCount === 0) this.#context.rumors.clear()
    for (const { peer } of listeners) {
      const rumors = this.#context.gossip()
      if (rumors.length > 0) this.#context.send(peer, { type: 'gossip', rumors })
    }
  }

  #leave(): void {
    if (this.#own.isLeft) return
    this.#own.leave()
    this.#prober.stop()
    const { profile } = this.#context.options
    const sayingMs = retransmitLimit(profile, this.#context.n) * profile.gossipMs
    this.#context.after(Math.max(LEAVE_MIN_MS, sayingMs), () => {
      this.#isGone = true
      this.#context.effect({ type: 'left' })
    })
  }

  #expel(peer: PeerId): void {
    const member = this.#context.table.get(peer)
    if (member !== undefined) this.#beliefs.forget(member)
  }

  #armSweep(): void {
    const { tombstoneMs } = this.#context.options.profile
    this.#context.after(SWEEP_MS, () => {
      this.#armSweep()
      const { nowMs, table } = this.#context
      if (table.size === table.liveCount) return
      const isForgotten = ({ state, sinceMs }: Member): boolean =>
        (state === 'dead' || state === 'left') && nowMs - sinceMs >= tombstoneMs
      for (const member of table.members.filter(isForgotten)) this.#beliefs.forget(member)
    })
  }

  #selfEntry(nowMs: number): RosterEntry {
    return entryOfSelf(this.#own.record, {
      vitals: this.#context.vitals,
      upSinceMs: this.#upSinceMs,
      nowMs,
    })
  }
}
