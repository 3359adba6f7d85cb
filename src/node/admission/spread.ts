/**
 * Brings every member record to every member. News are pushed to a few connected members at once,
 * who push them on; and now and then each peer tells another the digest of its table, and if theirs
 * differ the two compare and exchange what either lacks. The pushes make it fast, the comparisons
 * make it certain: whoever missed a ban has it once it has talked to anybody who has not.
 *
 * Only members are talked to and listened to; and what they say counts only if the authority signed
 * it, so a lying member can withhold, but not invent.
 */
import { equals } from '../../base/bytes.ts'
import type { Environment, Network, PeerId } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import type { Tasks } from '../../base/tasks.ts'
import { sleep } from '../../base/waiting.ts'
import type { Log } from '../log.ts'
import type { MemberBook } from './member-book.ts'
import type { MemberRecord } from './member-record.ts'
import type { Refusals } from './refusals.ts'
import {
  decodeComparison,
  decodeSpreadRequest,
  encodeComparison,
  encodeSpreadRequest,
  RECORDS_PER_MESSAGE_MAX,
} from './spread-messages.ts'

/** The request protocol, and the kind of the datagrams. */
export const MEMBERS_PROTOCOL = 'members'

/** How often a peer tells a digest to one other. */
const DIGEST_INTERVAL_MS = 1000
/** To how many members news are pushed: by the peer that made them, and by those that heard. */
const FANOUT_FIRST = 32
const FANOUT_NEXT = 3
/** News are collected for this long before they are pushed. */
const PUSH_DELAY_MS = 20
const REQUEST_MS = 5000
/** How long one that is banned may take to hear why before it is cut off. */
const BANNED_MS = 500
/** Comparisons this peer may have under way. */
const COMPARISONS_MAX = 4

export interface SpreadOptions {
  readonly book: MemberBook
  readonly network: Network
  readonly environment: Pick<Environment, 'timers' | 'random'>
  readonly tasks: Tasks
  readonly refusals: Refusals
  readonly log: Log
  /** Told of each record that is news and came from another peer. */
  readonly onHeard: (record: MemberRecord) => void
}

export class Spread {
  readonly #options: SpreadOptions
  readonly #comparing = new Set<PeerId>()
  readonly #news = new Map<string, { bytes: Uint8Array; isOwn: boolean }>()
  /** Connected members that have told a digest since. */
  readonly #heardOf = new Set<PeerId>()
  #isPushing = false

  constructor(options: SpreadOptions) {
    this.#options = options
  }

  start(): void {
    const { network, tasks } = this.#options
    network.onDatagram(MEMBERS_PROTOCOL, (from, digest) => this.#hear(from, digest))
    network.onRequest(MEMBERS_PROTOCOL, (from, body) => this.#serve(from, body))
    network.onPeer(({ peer, state }) => {
      this.#heardOf.delete(peer)
      if (state === 'up') this.#tell(peer)
    })
    tasks.start('tell digests', signal => this.#tellDigests(signal))
  }

  /** Whether a connected peer has shown that it takes this one for a member. */
  hasHeardOf(peer: PeerId): boolean {
    return this.#heardOf.has(peer)
  }

  /** Pushes a record that this peer has made or been shown. */
  push(bytes: Uint8Array, isOwn: boolean): void {
    this.#news.set(Buffer.from(bytes.subarray(-16)).toString('hex'), { bytes, isOwn })
    if (this.#isPushing || this.#options.tasks.signal.aborted) return
    this.#isPushing = true
    this.#options.tasks.start('push records', signal => this.#pushSoon(signal))
  }

  /**
   * Tells a peer that it is banned, by the record that says so: it is signed, so it believes it of
   * anybody. It may as well not listen.
   */
  async tellBanned(peer: PeerId, signal: AbortSignal): Promise<void> {
    const { book, network } = this.#options
    const record = book.table.recordOf(peer)
    if (record === undefined || !network.connected().includes(peer)) return
    const body = encodeSpreadRequest({ type: 'push', records: [record] })
    await this.#request(peer, body, signal, BANNED_MS).catch((error: unknown) =>
      this.#forgive(error, peer),
    )
  }

  async #tellDigests(signal: AbortSignal): Promise<void> {
    const { timers, random } = this.#options.environment
    for (;;) {
      await sleep(timers, DIGEST_INTERVAL_MS * (0.5 + random.float()), signal)
      const [peer] = this.#someMembers(1)
      if (peer !== undefined) this.#tell(peer)
    }
  }

  #tell(peer: PeerId): void {
    const { book, network } = this.#options
    if (book.statusOf(peer).state === 'member')
      network.sendDatagram(peer, MEMBERS_PROTOCOL, book.table.digest)
  }

  #hear(from: PeerId, digest: Uint8Array): void {
    const { book, tasks } = this.#options
    if (book.statusOf(from).state !== 'member' || tasks.signal.aborted) return
    this.#heardOf.add(from)
    if (equals(digest, book.table.digest) || this.#comparing.has(from)) return
    if (this.#comparing.size >= COMPARISONS_MAX) return
    this.#comparing.add(from)
    tasks.start('compare member tables', signal => this.#compare(from, signal))
  }

  async #compare(peer: PeerId, signal: AbortSignal): Promise<void> {
    const { book } = this.#options
    try {
      const names = book.table.names()
      const answer = await this.#request(
        peer,
        encodeSpreadRequest({ type: 'compare', names }),
        signal,
      )
      const { records, wanted } = decodeComparison(answer)
      this.#accept(peer, records)
      const asked = wanted.slice(0, RECORDS_PER_MESSAGE_MAX).map(name => book.table.named(name))
      const push = asked.filter(record => record !== undefined)
      if (push.length > 0)
        await this.#request(peer, encodeSpreadRequest({ type: 'push', records: push }), signal)
    } catch (error) {
      this.#forgive(error, peer)
    } finally {
      this.#comparing.delete(peer)
    }
  }

  async #serve(from: PeerId, body: Uint8Array): Promise<Uint8Array> {
    const { book } = this.#options
    if (book.statusOf(from).state !== 'member') throw notMember(from)
    const request = decodeSpreadRequest(body)
    if (request.type === 'push') {
      this.#accept(from, request.records)
      return new Uint8Array()
    }
    const theirs = new Set(request.names)
    const mine = book.table.names()
    const records = mine
      .filter(name => !theirs.has(name))
      .slice(0, RECORDS_PER_MESSAGE_MAX)
      .map(name => book.table.named(name) as Uint8Array)
    const known = new Set(mine)
    return encodeComparison({ records, wanted: request.names.filter(name => !known.has(name)) })
  }

  /**
   * Takes in what is news, and passes it on. Nobody waits for the disk: should the news be lost with
   * the power, there are others to hear it from.
   */
  #accept(from: PeerId, records: readonly Uint8Array[]): void {
    const { book, refusals, tasks } = this.#options
    let isNews = false
    for (const bytes of records) {
      try {
        const record = book.learn(bytes)
        if (record === undefined) continue
        isNews = true
        this.push(bytes, false)
        this.#options.onHeard(record)
      } catch (error) {
        if (!(error instanceof HoldfastError)) throw error
        refusals.note('member record', from, error.message)
      }
    }
    if (isNews && !tasks.signal.aborted) tasks.start('keep records', () => book.saved())
  }

  async #pushSoon(signal: AbortSignal): Promise<void> {
    const { timers } = this.#options.environment
    await sleep(timers, PUSH_DELAY_MS, signal).finally(() => (this.#isPushing = false))
    const news = [...this.#news.values()]
    this.#news.clear()
    const records = news.map(({ bytes }) => bytes).slice(0, RECORDS_PER_MESSAGE_MAX)
    const body = encodeSpreadRequest({ type: 'push', records })
    const fanout = news.some(({ isOwn }) => isOwn) ? FANOUT_FIRST : FANOUT_NEXT
    await Promise.all(
      this.#someMembers(fanout).map(peer =>
        this.#request(peer, body, signal).catch((error: unknown) => this.#forgive(error, peer)),
      ),
    )
  }

  #request(
    peer: PeerId,
    body: Uint8Array,
    signal: AbortSignal,
    deadlineMs: number = REQUEST_MS,
  ): Promise<Uint8Array> {
    const { network } = this.#options
    return network.request(peer, MEMBERS_PROTOCOL, { body, deadlineMs, signal })
  }

  /** Connected members, at most `count`, by chance. */
  #someMembers(count: number): readonly PeerId[] {
    const { network, book, environment } = this.#options
    const members = network.connected().filter(peer => book.statusOf(peer).state === 'member')
    return members.length <= count ? members : environment.random.shuffle(members).slice(0, count)
  }

  /** A peer that does not answer is no failure of ours: the next comparison makes up for it. */
  #forgive(error: unknown, peer: PeerId): void {
    if (this.#options.tasks.signal.aborted) return
    if (codeOf(error) === undefined || codeOf(error)?.startsWith('DISK_')) throw error
    this.#options.log.debug('members not exchanged', { peer, reason: (error as Error).message })
  }
}

const notMember = (peer: PeerId): HoldfastError =>
  new HoldfastError(`Cannot exchange members: ${peer} is none`, { code: 'NOT_A_MEMBER', peer })
