import type { PeerId } from '../base/environment.ts'
import type { Due } from '../base/timer-queue.ts'
import type { Beliefs } from './beliefs.ts'
import type { Context } from './context.ts'
import { isLive, type Member } from './member.ts'
import type { SwimMessage } from './message.ts'
import { ProbeOrder } from './probe-order.ts'
import { RoundTrip } from './round-trip.ts'

/** Probes made for others at once; more are not made, and the asker is not told. */
const RELAYS_MAX = 256
/** Peers that are remembered to be asked out of turn. */
const HINTS_MAX = 16
/** When a helper says that it got no answer, as a share of the timeout. */
const NACK_SHARE = 0.8
/** How much of a period a peer gives or takes to begin when its slot does. */
const TUNING_SHARE = 0.05
/** No timeout is shorter than this, however near the peer. */
const TIMEOUT_MIN_MS = 100
const TIMEOUT_RTTS = 3
const RESPONSIVENESS_WEIGHT = 0.1
/** For so many periods a newcomer is left to those who are connected with it. */
const NEWCOMER_PERIODS = 20
const SEQ_LIMIT: number = 2 ** 32

interface Probe {
  readonly member: Member
  readonly seq: number
  readonly startedMs: number
  readonly timeout: Due<() => void>
  helpers: readonly PeerId[]
  nacks: number
  isAnswered: boolean
}

interface Relay {
  readonly asker: PeerId
  readonly askerSeq: number
  readonly target: PeerId
  readonly nack: Due<() => void>
}

/**
 * Asks one peer after the other whether it is there, in an order in which each peer is asked by one
 * other in each period (`ProbeOrder`), so that a death is noticed soon.
 *
 * ```
 * period begins ── ping ──▶  …timeout…  ── ping-req to k ──▶  …  period ends: answered, or suspect
 * ```
 * A period is T, within a twentieth, times the local health multiplier plus one; wall time cannot
 * make it shorter than that. Answers count until its end.
 */
export class Prober {
  readonly #context: Context
  readonly #beliefs: Beliefs
  readonly #order: ProbeOrder
  #probe: Probe | undefined
  #tick: Due<() => void> | undefined
  #seq: number
  /** Peers to be asked before it is their turn. */
  readonly #hints = new Set<PeerId>()
  readonly #relays = new Map<number, Relay>()

  constructor(context: Context, beliefs: Beliefs) {
    this.#context = context
    this.#beliefs = beliefs
    const { self, random, profile } = context.options
    this.#order = new ProbeOrder(self, profile.periodMs, context.table)
    this.#seq = random.u32()
  }

  /** Begins at a moment of its own, so that peers started together do not probe together. */
  start(): void {
    const { random, profile } = this.#context.options
    this.#tick = this.#context.after(random.float() * profile.periodMs, () => this.#period())
  }

  stop(): void {
    this.voidProbe()
    if (this.#tick !== undefined) this.#context.timers.cancel(this.#tick)
  }

  /**
   * Something speaks for asking this peer next: it costs no more probes, for it takes the turn of
   * another, and finds a killed process a period after its kernel said so.
   */
  hint(peer: PeerId): void {
    if (this.#hints.size < HINTS_MAX) this.#hints.add(peer)
  }

  /** The running probe proves nothing: this peer was not there to hear the answer. */
  voidProbe(): void {
    if (this.#probe !== undefined) this.#context.timers.cancel(this.#probe.timeout)
    this.#probe = undefined
  }

  /** The peer that is being probed, if it is this one. */
  probed(peer: PeerId): Member | undefined {
    const member = this.#probe?.member
    return member?.peer === peer ? member : undefined
  }

  /** @param member what is known of the sender */
  hear(message: SwimMessage, from: PeerId, member: Member | undefined): void {
    switch (message.type) {
      case 'ping':
        this.#context.send(from, {
          type: 'ack',
          seq: message.seq,
          vitals: this.#context.vitals,
          rumors: this.#context.rumorsFor(member),
        })
        return
      case 'ack':
        this.#hearAck(message.seq, from)
        return
      case 'ping-req':
        this.#relay(message.seq, from, message.target)
        return
      case 'relayed':
        if (this.#probe?.seq === message.seq && this.#probe.helpers.includes(from)) this.#succeed()
        return
      case 'nack':
        if (this.#probe?.seq === message.seq && this.#probe.helpers.includes(from)) {
          this.#probe.nacks++
        }
        return
      case 'gossip':
    }
  }

  #period(): void {
    this.#conclude()
    const member = this.#nextMember()
    if (member !== undefined) this.#begin(member)
    this.#tick = this.#context.after(this.#periodMs(), () => this.#period())
  }

  /** Falls into step with the slots bit by bit, so that no clock makes a period much shorter. */
  #periodMs(): number {
    const { periodMs } = this.#context.options.profile
    const mostMs = periodMs * TUNING_SHARE
    const lateMs = this.#order.latenessMs(this.#context.wallMs)
    const tuningMs = Math.min(mostMs, Math.max(-mostMs, lateMs))
    return periodMs * (this.#context.health.points + 1) - tuningMs
  }

  #begin(member: Member): void {
    const seq = this.#nextSeq()
    const timeout = this.#context.after(this.#timeoutMs(member), () => this.#askHelpers())
    const startedMs = this.#context.nowMs
    this.#probe = { member, seq, startedMs, timeout, helpers: [], nacks: 0, isAnswered: false }
    this.#ping(member, seq)
  }

  #ping(member: Member, seq: number): void {
    const rumors = this.#context.rumorsFor(member)
    this.#context.send(member.peer, { type: 'ping', seq, vitals: this.#context.vitals, rumors })
  }

  #askHelpers(): void {
    const probe = this.#probe
    if (probe === undefined || probe.isAnswered) return
    const { profile } = this.#context.options
    const helpers = this.#context.pickNear(
      profile.helpers,
      other => other.state === 'alive' && other !== probe.member,
    )
    probe.helpers = helpers.map(({ peer }) => peer)
    for (const helper of probe.helpers) {
      this.#context.send(helper, { type: 'ping-req', seq: probe.seq, target: probe.member.peer })
    }
  }

  #hearAck(seq: number, from: PeerId): void {
    const probe = this.#probe
    if (probe?.seq === seq && probe.member.peer === from) {
      this.#measure(probe)
      this.#succeed()
      return
    }
    const relay = this.#relays.get(seq)
    if (relay?.target !== from) return
    this.#context.timers.cancel(relay.nack)
    this.#relays.delete(seq)
    this.#context.send(relay.asker, { type: 'relayed', seq: relay.askerSeq })
  }

  #measure({ member, startedMs, isAnswered }: Probe): void {
    if (isAnswered) return
    const rttMs = this.#context.nowMs - startedMs
    if (member.roundTrip === undefined) member.roundTrip = new RoundTrip(rttMs)
    else member.roundTrip.add(rttMs)
  }

  #succeed(): void {
    const probe = this.#probe
    if (probe === undefined || probe.isAnswered) return
    probe.isAnswered = true
    this.#context.timers.cancel(probe.timeout)
    this.#context.health.probeSucceeded()
    rate(probe.member, probe.helpers.length === 0 ? 1 : 0)
  }

  #conclude(): void {
    const probe = this.#probe
    this.voidProbe()
    if (probe === undefined || probe.isAnswered || !isLive(probe.member)) return
    this.#context.health.probeFailed(probe.helpers.length, probe.nacks)
    rate(probe.member, 0)
    this.#beliefs.suspect(probe.member)
  }

  #nextMember(): Member | undefined {
    const next = this.#order.next(this.#context.wallMs)
    for (const peer of this.#hints) {
      this.#hints.delete(peer)
      const member = this.#context.table.get(peer)
      if (member?.state === 'alive') return member
    }
    if (next === undefined || !this.#isFarNewcomer(next)) return next
    const [near] = this.#context.pickNear(1, isLive)
    return near
  }

  /**
   * Where many join at once each would else connect with all others in its first seconds, before
   * anybody had time for anything else.
   */
  #isFarNewcomer(member: Member): boolean {
    if (member.state !== 'alive' || this.#context.isNear(member)) return false
    const { nowMs, options } = this.#context
    return nowMs - member.upSinceMs < NEWCOMER_PERIODS * options.profile.periodMs
  }

  /** Three times what the peer usually takes, within reason. */
  #timeoutMs({ roundTrip }: Member): number {
    const { timeoutMs } = this.#context.options.profile
    const usual = roundTrip?.p99Ms
    if (usual === undefined) return timeoutMs
    return Math.min(timeoutMs, Math.max(TIMEOUT_MIN_MS, usual * TIMEOUT_RTTS))
  }

  /** Probes for another; it hears of the answer, or in time that there was none. */
  #relay(askerSeq: number, asker: PeerId, target: PeerId): void {
    const { table, options } = this.#context
    const member = table.get(target)
    if (this.#relays.size >= RELAYS_MAX || member === undefined) return
    const seq = this.#nextSeq()
    const nack = this.#context.after(options.profile.timeoutMs * NACK_SHARE, () => {
      this.#context.send(asker, { type: 'nack', seq: askerSeq })
      this.#expireRelay(seq)
    })
    this.#relays.set(seq, { asker, askerSeq, target, nack })
    this.#ping(member, seq)
  }

  /** A late answer is still worth telling, until the asker's period is over. */
  #expireRelay(seq: number): void {
    const { periodMs } = this.#context.options.profile
    this.#context.after(periodMs, () => this.#relays.delete(seq))
  }

  #nextSeq(): number {
    this.#seq = (this.#seq + 1) % SEQ_LIMIT
    return this.#seq
  }
}

function rate(member: Member, outcome: number): void {
  if (member.responsiveness === outcome) return
  member.responsiveness += RESPONSIVENESS_WEIGHT * (outcome - member.responsiveness)
}
