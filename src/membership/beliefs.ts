import type { PeerId } from '../base/environment.ts'
import { type Accusation, asHearsay, isGenuineAccusation, signAccusation } from './accusation.ts'
import type { Context } from './context.ts'
import { MEMBERS_MAX } from './member-table.ts'
import { isLive, type Member } from './member.ts'
import {
  isAccusation,
  type Rumor,
  SWIM_BYTES_MAX,
  SWIM_HEADER_BYTES,
  type SyncEntry,
} from './message.ts'
import { isRestart, type OwnRecord } from './own-record.ts'
import { isGenuineRecord, type PeerRecord } from './record.ts'
import { Suspicion } from './suspicion.ts'
import { TrackRecord } from './track-record.ts'

/** For how long nothing is believed of a peer that passed on a forgery; how many are remembered. */
const DISTRUST_MS = 60_000
const DISTRUSTED_MAX = 1_024

/** Where beliefs lead to work of other parts. */
export interface BeliefsHooks {
  /** A peer is back from the dead; it may be that it was this one that was cut off. */
  readonly returned: () => void
  /** This peer seems to know of records that are missing here. */
  readonly isBehind: (behindWhom: PeerId) => void
}

/**
 * What this peer believes of the others, and the rules by which that changes.
 *
 * Invariants, per subject:
 * - A higher incarnation wins; only the subject can make one, for it signs it.
 * - At one incarnation: left > dead > suspect > alive. Nobody comes back to life without a new one.
 * - Accusations count only against an incarnation whose signed record is held, and only from
 *   accusers that are known. Else one liar could invent both.
 * - Another's verdict "dead" is a mere suspicion unless the subject is a suspect here already, and
 *   has had time to refute; and it is passed on as what it was taken for.
 */
export class Beliefs {
  readonly #context: Context
  readonly #own: OwnRecord
  readonly #hooks: BeliefsHooks
  readonly #distrusted = new Map<PeerId, number>()

  constructor(context: Context, own: OwnRecord, hooks: BeliefsHooks) {
    this.#context = context
    this.#own = own
    this.#hooks = hooks
  }

  hearRumors(rumors: readonly Rumor[], from: PeerId): void {
    for (const rumor of rumors) {
      if (this.#isDistrusted(from)) return
      if (isAccusation(rumor)) this.#hearAccusation(rumor, from, true)
      else this.hearRecord(rumor, from)
    }
    this.#correct(from, rumors)
  }

  /** Who accuses an incarnation that has refuted long ago is told of the refutation. */
  #correct(from: PeerId, rumors: readonly Rumor[]): void {
    const refutations: PeerRecord[] = []
    let room = SWIM_BYTES_MAX - SWIM_HEADER_BYTES
    for (const rumor of rumors) {
      const record = isAccusation(rumor)
        ? this.#context.table.get(rumor.subject)?.record
        : undefined
      if (record === undefined || !isAccusation(rumor)) continue
      if (rumor.incarnation >= record.incarnation || record.sizeBytes + 1 > room) continue
      room -= record.sizeBytes + 1
      refutations.push(record)
    }
    if (refutations.length > 0) this.#context.send(from, { type: 'gossip', rumors: refutations })
  }

  /**
   * Records first, for an accusation needs the records of both. A newcomer knows nobody who does
   * not know them already, so it does not pass them on.
   */
  hearEntries(entries: readonly SyncEntry[], from: PeerId): void {
    const isNewcomer = this.#context.table.liveCount <= 1
    for (const entry of entries) {
      if (this.#isDistrusted(from)) return
      if (!this.#adoptGone(entry, from)) this.hearRecord(entry.record, from)
      if (isNewcomer) this.#context.rumors.drop(entry.record.peer)
    }
    for (const { accusation } of entries) {
      if (this.#isDistrusted(from)) return
      if (accusation !== undefined) this.#hearAccusation(accusation, from, false)
    }
  }

  hearRecord(record: PeerRecord, from: PeerId): void {
    if (record.peer === this.#context.options.self) {
      this.#hearOfSelf(record, from)
      return
    }
    const member = this.#context.table.get(record.peer)
    if (member !== undefined && record.incarnation <= member.record.incarnation) return
    if (!this.#mayBelieve(record, from)) return
    if (member === undefined) this.#welcome(record)
    else this.#renew(member, record)
    this.#context.rumors.put(record)
  }

  /** This peer's own probe found no answer. */
  suspect(member: Member): void {
    if (!isLive(member)) return
    const accusation = this.#accuse(member, 'suspect')
    const { self } = this.#context.options
    if (member.suspicion === undefined)
      this.#beginSuspicion(member, accusation, 'no answer to a probe')
    else if (member.suspicion.isNews(self)) this.#confirm(member, accusation)
  }

  /** A verdict that was due while the event loop stood still waits once more for a refutation. */
  postponeVerdicts(byMs: number): void {
    for (const member of this.#context.table.members) {
      if (member.timer !== undefined && member.timer.atMs <= this.#context.nowMs) {
        this.#rearm(member, this.#context.nowMs + byMs)
      }
    }
  }

  forget(member: Member): void {
    this.#endSuspicion(member)
    this.#context.rumors.drop(member.peer)
    this.#context.table.remove(member)
  }

  #mayBelieve(record: PeerRecord, from: PeerId): boolean {
    const { options, table } = this.#context
    if (options.admits?.(record.peer) === false) return false
    if (table.size >= MEMBERS_MAX && table.get(record.peer) === undefined) return false
    if (isGenuineRecord(options.seal, options.network, record)) return true
    this.#distrust(from, `a record of ${record.peer} that it did not sign`)
    return false
  }

  #welcome(record: PeerRecord): void {
    const { table, nowMs } = this.#context
    const state = record.isLeft ? 'left' : 'alive'
    const why = record.isLeft ? 'left before it was known here' : 'heard of it'
    const member = table.add(record, state, { sinceMs: nowMs, why })
    this.#context.change(record.isLeft ? 'LEFT' : 'ALIVE', member)
  }

  /** A later incarnation: a refutation, a restart, a new description, or a farewell. */
  #renew(member: Member, record: PeerRecord): void {
    const before = member.state
    const wasRestarted = isRestart(member.record.incarnation, record.incarnation)
    this.#endSuspicion(member)
    member.accusation = undefined
    this.#context.table.update(member, { record })
    if (record.isLeft) {
      this.#turn(member, 'left', 'said farewell')
      if (before !== 'left') this.#context.change('LEFT', member)
      return
    }
    if (wasRestarted || before === 'dead' || before === 'left')
      member.upSinceMs = this.#context.nowMs
    if (before === 'dead') this.#trackOf(member).returned(this.#context.nowMs)
    if (before === 'alive') return
    this.#turn(member, 'alive', wasRestarted ? 'restarted' : `refuted that it was ${before}`)
    this.#context.change('ALIVE', member)
    if (before === 'dead') this.#hooks.returned()
  }

  /**
   * One long gone that was never known here is taken over as it is. Everybody else forgets it some
   * day: starting anew with a suspicion, the peers would remind each other of it for ever.
   */
  #adoptGone({ record, accusation, ageMs }: SyncEntry, from: PeerId): boolean {
    const { table, options, nowMs } = this.#context
    const isGone = record.isLeft || accusation?.kind === 'dead'
    if (!isGone || record.peer === options.self || table.get(record.peer) !== undefined)
      return false
    if (ageMs >= options.profile.tombstoneMs) return true
    if (!this.#mayBelieve(record, from)) return true
    if (accusation !== undefined && !this.#isSound(accusation, record, from)) return true
    const why = record.isLeft ? 'left before it was known here' : `${from} knows it is dead`
    const state = record.isLeft ? 'left' : 'dead'
    const member = table.add(record, state, { sinceMs: nowMs - ageMs, why })
    member.accusation = accusation
    if (state === 'dead') member.track = new TrackRecord(false, nowMs)
    this.#context.change(record.isLeft ? 'LEFT' : 'DEAD', member)
    return true
  }

  #isSound(accusation: Accusation, { peer, incarnation }: PeerRecord, from: PeerId): boolean {
    const isAbout = accusation.subject === peer && accusation.incarnation === incarnation
    return isAbout && this.#isGenuine(accusation, from)
  }

  #hearOfSelf(record: PeerRecord, from: PeerId): void {
    const { options } = this.#context
    if (record.incarnation <= this.#own.record.incarnation) return
    // The disk forgot an incarnation that the network remembers.
    if (isGenuineRecord(options.seal, options.network, record)) this.#own.raise(record.incarnation)
    else this.#distrust(from, 'a record of this peer that it did not sign')
  }

  #hearAccusation(accusation: Accusation, from: PeerId, isGossip: boolean): void {
    const { table, options } = this.#context
    if (accusation.subject === options.self) {
      this.#refute(accusation, from)
      return
    }
    const member = table.get(accusation.subject)
    if (member === undefined || accusation.incarnation > member.record.incarnation) {
      this.#hooks.isBehind(from)
      return
    }
    if (accusation.incarnation < member.record.incarnation || !isLive(member)) return
    if (!this.#isKnown(accusation.accuser)) {
      this.#hooks.isBehind(from)
      return
    }
    const isVerdict = isGossip && accusation.kind === 'dead' && !accusation.isHearsay
    this.#weigh(member, accusation, { from, isVerdict })
  }

  #weigh(
    member: Member,
    accusation: Accusation,
    { from, isVerdict }: { from: PeerId; isVerdict: boolean },
  ): void {
    const { suspicion } = member
    const { ripeShare } = this.#context.options.profile
    const isRipe = suspicion === undefined ? ripeShare < 0 : suspicion.isRipe(this.#context.nowMs)
    const isFatal = isVerdict && isRipe
    if (!isFatal && suspicion?.isNews(accusation.accuser) === false) return
    if (!this.#isGenuine(accusation, from)) return
    if (isFatal) this.#die(member, accusation, `${accusation.accuser} found it dead`)
    else if (suspicion !== undefined) this.#confirm(member, accusation)
    else this.#beginSuspicion(member, accusation, `${accusation.accuser} gets no answer`)
  }

  #refute(accusation: Accusation, from: PeerId): void {
    const { incarnation } = this.#own.record
    if (accusation.incarnation < incarnation || this.#own.isLeft) return
    // Nobody honest accuses an incarnation that was never signed; the signed one will come.
    if (accusation.incarnation > incarnation) this.#hooks.isBehind(from)
    else if (this.#isGenuine(accusation, from)) {
      this.#own.raise(incarnation)
      this.#context.health.refuted()
    }
  }

  #beginSuspicion(member: Member, accusation: Accusation, why: string): void {
    const { options, n, nowMs, table } = this.#context
    member.suspicion = new Suspicion(options.profile, { n, accuser: accusation.accuser, nowMs })
    table.update(member, { state: 'suspect' })
    member.sinceMs = nowMs
    member.why = why
    member.accusation = accusation
    this.#rearm(member, member.suspicion.deadlineMs)
    this.#context.rumors.put(asHearsay(accusation))
    this.#context.change('SUSPECT', member)
  }

  #confirm(member: Member, accusation: Accusation): void {
    const suspicion = member.suspicion as Suspicion
    suspicion.confirm(accusation.accuser)
    this.#rearm(member, suspicion.deadlineMs)
    this.#context.rumors.put(asHearsay(accusation))
  }

  #rearm(member: Member, atMs: number): void {
    const { timers } = this.#context
    if (member.timer !== undefined) timers.cancel(member.timer)
    member.timer = timers.push(atMs, () => this.#expire(member))
  }

  #expire(member: Member): void {
    member.timer = undefined
    const accusers = member.suspicion?.accusers.join(', ') ?? ''
    this.#die(member, this.#accuse(member, 'dead'), `no refutation; suspected by ${accusers}`)
  }

  #die(member: Member, accusation: Accusation, why: string): void {
    this.#endSuspicion(member)
    member.accusation = accusation
    this.#trackOf(member).died(this.#context.nowMs)
    this.#turn(member, 'dead', why)
    this.#context.rumors.put(accusation)
    this.#context.change('DEAD', member)
  }

  #turn(member: Member, state: Member['state'], why: string): void {
    this.#context.table.update(member, { state })
    member.sinceMs = this.#context.nowMs
    member.why = why
  }

  #endSuspicion(member: Member): void {
    if (member.timer !== undefined) this.#context.timers.cancel(member.timer)
    member.timer = undefined
    member.suspicion = undefined
  }

  #trackOf(member: Member): TrackRecord {
    member.track ??= new TrackRecord(true, member.upSinceMs)
    return member.track
  }

  #accuse({ peer, record }: Member, kind: Accusation['kind']): Accusation {
    const { seal, network, self } = this.#context.options
    const content = { kind, subject: peer, incarnation: record.incarnation, accuser: self }
    return signAccusation(seal, network, content)
  }

  #isKnown(accuser: PeerId): boolean {
    const { table, options } = this.#context
    return accuser === options.self || table.get(accuser) !== undefined
  }

  #isGenuine(accusation: Accusation, from: PeerId): boolean {
    const { seal, network } = this.#context.options
    if (isGenuineAccusation(seal, network, accusation)) return true
    this.#distrust(from, `an accusation that ${accusation.accuser} did not sign`)
    return false
  }

  /** Honest peers pass on only what they have checked, so who passes on a forgery made it. */
  #distrust(from: PeerId, reason: string): void {
    if (this.#distrusted.size >= DISTRUSTED_MAX) this.#distrusted.clear()
    this.#distrusted.set(from, this.#context.nowMs + DISTRUST_MS)
    this.#context.effect({ type: 'refused', from, reason: `sent ${reason}` })
  }

  #isDistrusted(from: PeerId): boolean {
    const untilMs = this.#distrusted.get(from)
    if (untilMs === undefined) return false
    if (this.#context.nowMs < untilMs) return true
    this.#distrusted.delete(from)
    return false
  }
}
