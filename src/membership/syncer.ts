import type { PeerId } from '../base/environment.ts'
import type { Due } from '../base/timer-queue.ts'
import type { Beliefs } from './beliefs.ts'
import type { Context } from './context.ts'
import {
  bucketOf,
  bucketsFor,
  differingBuckets,
  entryOf,
  fitting,
  hashOf,
  isNewer,
} from './knowledge.ts'
import { isLive, type Member } from './member.ts'
import type { SyncEntry, SyncMessage } from './message.ts'
import type { OwnRecord } from './own-record.ts'
import { RECONNECT_OFTEN_MS, syncIntervalMs } from './profile.ts'

/** Questions asked and not yet answered. */
const ASKED_MAX = 4
/**
 * A newcomer compares again soon, for others may be coming at the same time; so does who sees the
 * dead return, for among so many rumours some are missed: every so many periods, until a comparison
 * finds no difference, but not more often than so.
 */
const EARLY_SYNC_PERIODS = 5
const EARLY_SYNCS_MAX = 6
/** How many of the peers to join through are remembered. */
const SEEDS_MAX = 64

/**
 * Compares knowledge with others: with a random living peer now and then, which mends what rumours
 * missed; with a random dead one more often, which heals partitions; and with those named for
 * joining while nobody else is known.
 */
export class Syncer {
  readonly #context: Context
  readonly #own: OwnRecord
  readonly #beliefs: Beliefs
  readonly #asked = new Map<PeerId, SyncMessage['type']>()
  #earlySyncs = EARLY_SYNCS_MAX
  #nextSync: Due<() => void> | undefined
  #seeds: readonly PeerId[] = []
  #caughtUpAtMs = Number.NEGATIVE_INFINITY

  constructor(context: Context, own: OwnRecord, beliefs: Beliefs) {
    this.#context = context
    this.#own = own
    this.#beliefs = beliefs
  }

  start(): void {
    const { profile, random } = this.#context.options
    this.#syncEarly()
    this.#context.after(random.float() * profile.reconnectMs, () => this.#reconnect())
  }

  join(peers: readonly PeerId[]): void {
    const { self } = this.#context.options
    this.#seeds = [...new Set([...peers, ...this.#seeds])].filter(peer => peer !== self)
    this.#seeds = this.#seeds.slice(0, SEEDS_MAX)
    for (const peer of peers.slice(0, ASKED_MAX)) if (peer !== self) this.ask(peer)
  }

  /** Much may have changed unnoticed. */
  compareSoon(): void {
    if (this.#earlySyncs > 0) return
    this.#earlySyncs = EARLY_SYNCS_MAX
    this.#syncEarly()
  }

  /** A peer that was dead is connected again. */
  connected(peer: PeerId): void {
    if (this.#context.table.get(peer)?.state === 'dead') this.ask(peer)
  }

  /** Somebody speaks of what is not known here; at most one question each period. */
  catchUp(withWhom: PeerId): void {
    const { nowMs, options } = this.#context
    if (nowMs - this.#caughtUpAtMs < options.profile.periodMs) return
    this.#caughtUpAtMs = nowMs
    this.ask(withWhom)
  }

  ask(peer: PeerId): void {
    if (this.#asked.has(peer) || this.#asked.size >= ASKED_MAX || this.#own.isLeft) return
    this.#asked.set(peer, 'digest')
    const hashes = this.#hashes(bucketsFor(this.#context.table.size + 1))
    const question: SyncMessage = { type: 'digest', own: this.#own.record, hashes }
    this.#context.effect({ type: 'ask', to: peer, question })
  }

  answer(question: SyncMessage, from: PeerId): SyncMessage {
    this.#beliefs.hearRecord(question.own, from)
    if (question.type === 'digest') return this.#compare(question.hashes)
    if (question.type === 'entries') this.#beliefs.hearEntries(question.entries, from)
    return { type: 'same', own: this.#own.record }
  }

  hearAnswer(answer: SyncMessage, from: PeerId): void {
    if (answer.type === 'same' && this.#asked.get(from) === 'digest') this.#earlySyncs = 0
    this.#asked.delete(from)
    this.#beliefs.hearRecord(answer.own, from)
    if (answer.type !== 'differ') return
    this.#beliefs.hearEntries(answer.entries, from)
    const entries = this.#whatTheyLack(answer)
    if (entries.length === 0 && !answer.entries.some(entry => this.#isMyDeath(entry))) return
    if (this.#asked.has(from)) return
    this.#asked.set(from, 'entries')
    const question: SyncMessage = { type: 'entries', own: this.#own.record, entries }
    this.#context.effect({ type: 'ask', to: from, question })
  }

  hearNothing(from: PeerId): void {
    this.#asked.delete(from)
  }

  #isMyDeath({ record }: SyncEntry): boolean {
    return record.peer === this.#context.options.self
  }

  /** Not all at the same moment. */
  #syncEarly(): void {
    const { profile, random } = this.#context.options
    this.#armSync(random.float() * EARLY_SYNC_PERIODS * profile.periodMs)
  }

  #armSync(delayMs: number): void {
    if (this.#nextSync !== undefined) this.#context.timers.cancel(this.#nextSync)
    this.#nextSync = this.#context.after(delayMs, () => this.#syncNow())
  }

  #syncNow(): void {
    const { profile } = this.#context.options
    const isEarly = this.#earlySyncs > 0
    if (isEarly) this.#earlySyncs--
    const delayMs = isEarly
      ? EARLY_SYNC_PERIODS * profile.periodMs
      : syncIntervalMs(profile, this.#context.n)
    this.#armSync(delayMs)
    const [peer] = isEarly ? this.#context.pickNear(1, isLive) : this.#context.table.pick(1, isLive)
    if (peer !== undefined) this.ask(peer.peer)
  }

  #reconnect(): void {
    const { table, options, nowMs } = this.#context
    const { profile, random } = options
    if (table.liveCount === 0 && this.#seeds.length > 0) this.ask(random.pick(this.#seeds))
    const dead = table.size === table.liveCount ? [] : table.members.filter(isDead)
    const isRecent = dead.some(({ sinceMs }) => nowMs - sinceMs < RECONNECT_OFTEN_MS)
    if (dead.length > 0) this.ask(random.pick(dead).peer)
    const isLate = dead.length > 0 && !isRecent && table.liveCount > 0
    this.#context.after(isLate ? profile.reconnectLateMs : profile.reconnectMs, () =>
      this.#reconnect(),
    )
  }

  #compare(theirs: Uint32Array): SyncMessage {
    const own = this.#own.record
    const buckets = theirs.length / 2
    const differing = differingBuckets(this.#hashes(buckets), theirs)
    if (differing.length === 0) return { type: 'same', own }
    const wanted = new Set(differing)
    const isWanted = ({ idHash }: Member): boolean => wanted.has(bucketOf(idHash, buckets))
    const entries = fitting(this.#context.options.random.shuffle(this.#entries(isWanted)))
    return { type: 'differ', own, buckets: differing, bucketCount: buckets, entries }
  }

  #whatTheyLack(answer: Extract<SyncMessage, { type: 'differ' }>): SyncEntry[] {
    const theirs = new Map(answer.entries.map(entry => [entry.record.peer, entry]))
    const wanted = new Set(answer.buckets)
    const mine = this.#entries(({ idHash }) => wanted.has(bucketOf(idHash, answer.bucketCount)))
    return fitting(
      mine.filter(entry => {
        const their = theirs.get(entry.record.peer) ?? ownEntryOf(answer, entry.record.peer)
        return their === undefined || isNewer(entry, their)
      }),
    )
  }

  /** The dead of long ago are left to be forgotten. */
  #entries(isWanted: (member: Member) => boolean): SyncEntry[] {
    const { table, nowMs, options } = this.#context
    return table.members
      .filter(isWanted)
      .map(member => entryOf(member, nowMs))
      .filter(({ record, accusation, ageMs }) => {
        const isGone = record.isLeft || accusation?.kind === 'dead'
        return !isGone || ageMs < options.profile.tombstoneMs
      })
  }

  /** This peer's own record is part of what it knows. */
  #hashes(buckets: number): Uint32Array {
    const { hash } = this.#context.table
    const { record } = this.#own
    const own = [hashOf(record.peer), record, record.isLeft ? 'left' : 'alive'] as const
    hash.add(...own)
    const hashes = hash.fold(buckets)
    hash.remove(...own)
    return hashes
  }
}

const isDead = ({ state }: Member): boolean => state === 'dead'

/** The answering peer speaks of itself apart from the entries. */
function ownEntryOf({ own }: SyncMessage, peer: PeerId): SyncEntry | undefined {
  return own.peer === peer ? { record: own, accusation: undefined, ageMs: 0 } : undefined
}
