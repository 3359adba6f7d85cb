/**
 * Seats as a running peer knows them: read once from the replicated map and watched from there on.
 * While this peer leads the system group it gives numbers to members that have none.
 *
 * What the map says is joined with what the roster, the member table and the own store say. A peer
 * of which nothing was heard since this one started is `suspect` for a while and then `dead`. One
 * that said farewell is `dead` too, for most come back: how long to wait is for the planner to say.
 */
import type { Environment, PeerId } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { Tasks } from '../../base/tasks.ts'
import { abortable, sleep } from '../../base/waiting.ts'
import type { RosterEntry } from '../../membership/roster.ts'
import type { PeerView } from '../../placement/peer-view.ts'
import type { Members } from '../admission/member-book.ts'
import { type Space, spaceOf } from '../fragments/tell-space.ts'
import type { KvEntry, NodeKv } from '../kv/node-kv.ts'
import type { MembershipService } from '../membership/membership-service.ts'
import { seatKey, SEATS_PREFIX, SeatTable, seatValue } from './seat-table.ts'
import { DRAINS_PREFIX, type Seats } from './seats.ts'

export interface SeatOptions {
  readonly self: PeerId
  readonly environment: Pick<Environment, 'clock' | 'timers'>
  readonly kv: Pick<NodeKv, 'list' | 'cas' | 'watch' | 'revision'>
  readonly book: Members
  readonly membership: Pick<MembershipService, 'roster' | 'peer' | 'onChange'>
  /** Whether this peer leads the system group now. */
  readonly leads: () => boolean
  /** Of the own store. */
  readonly usage: () => Space
  readonly onFailure: (error: unknown) => void
}

/** How often a leader looks for members without a seat; how long to wait after the map failed. */
const LOOK_EVERY_MS = 500
const AGAIN_MS = 500
/** How long a peer that nobody has heard of yet may take. */
const UNHEARD_MS = 30_000
/** Before this, how much of the time peers are up is anybody's guess. */
const UPTIME_KNOWN_MS = 86_400_000
const LISTENERS_MAX = 64

export class SeatService implements Seats {
  readonly #options: SeatOptions
  readonly #table = new SeatTable()
  readonly #tasks: Tasks
  readonly #listeners = new Set<() => void>()
  readonly #unwatch: () => void
  readonly #startedMs: number

  /** Starts watching, and giving out seats. */
  constructor(options: SeatOptions) {
    this.#options = options
    this.#startedMs = options.environment.clock.monotonicMs()
    this.#tasks = new Tasks({ onFailure: ({ error }) => options.onFailure(error) })
    for (const prefix of [SEATS_PREFIX, DRAINS_PREFIX])
      this.#tasks.start(`watch ${prefix}`, signal => this.#watch(prefix, signal))
    this.#tasks.start('give out seats', signal => this.#giveOut(signal))
    this.#unwatch = options.membership.onChange(() => this.#tell())
  }

  seatOf(peer: PeerId): number | undefined {
    return this.#table.seatOf(peer)
  }

  peerAt(seat: number): PeerId | undefined {
    return this.#table.peerAt(seat)
  }

  drainOf(peer: PeerId): 'draining' | 'drained' | undefined {
    return this.#table.drainOf(peer)
  }

  /** What people call a peer; undefined if it was not renamed. */
  nameOf(peer: PeerId): string | undefined {
    return this.#table.nameOf(peer)
  }

  async own(signal?: AbortSignal): Promise<number> {
    const { self } = this.#options
    for (;;) {
      const seat = this.#table.seatOf(self)
      if (seat !== undefined) return seat
      const { promise, resolve } = Promise.withResolvers<void>()
      const stop = this.onChange(resolve)
      const within = signal === undefined ? [this.#tasks.signal] : [signal, this.#tasks.signal]
      await abortable(promise, AbortSignal.any(within)).finally(stop)
    }
  }

  views(): readonly PeerView[] {
    return this.#table.seats.flatMap(seat => {
      const peer = this.#table.peerAt(seat) as PeerId
      return this.#table.seatOf(peer) === seat ? [this.#viewOf(seat, peer)] : []
    })
  }

  uptime(): number {
    const { clock } = this.#options.environment
    if (clock.monotonicMs() - this.#startedMs < UPTIME_KNOWN_MS) return 1
    const shares = this.#options.membership
      .roster()
      .filter(({ peer }) => this.#table.seatOf(peer) !== undefined)
      .map(({ availability }) => availability)
    return shares.reduce((sum, share) => sum + share, 0) / Math.max(1, shares.length)
  }

  onChange(listener: () => void): () => void {
    if (this.#listeners.size >= LISTENERS_MAX) throw busy()
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#unwatch()
    await this.#tasks.stop('seats are closed')
  }

  #viewOf(seat: number, peer: PeerId): PeerView {
    const { self, book, membership, usage } = this.#options
    const status = book.statusOf(peer)
    const zone = 'certificate' in status ? status.certificate.zone : ''
    if (status.state === 'banned') {
      return { seat, state: 'gone', zone, freeBytes: 0, capacityBytes: 0 }
    }
    const isSelf = peer === self
    const entry = membership.peer(peer)
    const space = isSelf ? spaceOf(usage()) : (entry?.vitals ?? { usedBytes: 0, freeBytes: 0 })
    return {
      seat,
      state: this.#stateOf(peer, isSelf ? 'alive' : entry?.state),
      zone,
      freeBytes: space.freeBytes,
      capacityBytes: space.usedBytes + space.freeBytes,
    }
  }

  #stateOf(peer: PeerId, known: RosterEntry['state'] | undefined): PeerView['state'] {
    switch (known) {
      case 'alive':
        return this.#table.drainOf(peer) === undefined ? 'alive' : 'draining'
      case 'suspect':
        return 'suspect'
      case 'dead':
      case 'left':
        return 'dead'
      case undefined: {
        const heardForMs = this.#options.environment.clock.monotonicMs() - this.#startedMs
        return heardForMs < UNHEARD_MS ? 'suspect' : 'dead'
      }
    }
  }

  /** Reads what there is, then follows; anew whenever the map cannot be asked, or forgot. */
  async #watch(prefix: string, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await this.#follow(prefix, signal)
      } catch (error) {
        if (codeOf(error) === undefined || signal.aborted) throw error
        await sleep(this.#options.environment.timers, AGAIN_MS, signal)
      }
    }
  }

  async #follow(prefix: string, signal: AbortSignal): Promise<void> {
    const { kv } = this.#options
    const from = await kv.revision({ signal })
    const entries: KvEntry[] = []
    for (let isMore = true; isMore;) {
      const page = await kv.list(prefix, { after: entries.at(-1)?.key ?? '', signal })
      entries.push(...page.entries)
      isMore = page.isMore
    }
    this.#table.reset(prefix)
    this.#learn(entries)
    this.#tell()
    for await (const change of kv.watch(prefix, from, signal)) this.#learn([change])
  }

  #learn(
    changes: readonly { readonly key: string; readonly value: Uint8Array | undefined }[],
  ): void {
    const news = changes.filter(({ key, value }) => this.#table.learn(key, value))
    if (news.length > 0) this.#tell()
  }

  async #giveOut(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        while (this.#options.leads() && (await this.#giveOne(signal)));
      } catch (error) {
        if (codeOf(error) === undefined || signal.aborted) throw error
      }
      await sleep(this.#options.environment.timers, LOOK_EVERY_MS, signal)
    }
  }

  /** Tries to take the next number for a member that has none; false if all have one. */
  async #giveOne(signal: AbortSignal): Promise<boolean> {
    const { book, kv } = this.#options
    const peer = book
      .records()
      .map(record => record.peer)
      .find(each => this.seatOf(each) === undefined && book.statusOf(each).state === 'member')
    if (peer === undefined) return false
    const key = seatKey(this.#table.free)
    const value = seatValue(peer)
    const answer = await kv.cas({ key, expected: { type: 'absent' }, value }, { signal })
    if (answer.type === 'written') this.#learn([{ key, value }])
    else if (answer.entry !== undefined) this.#learn([answer.entry])
    return true
  }

  #tell(): void {
    for (const listener of this.#listeners) listener()
  }
}

const busy = (): HoldfastError =>
  new HoldfastError(`Cannot listen: ${LISTENERS_MAX} listen already`, {
    code: 'BUSY',
    what: 'listeners of seats',
    limit: LISTENERS_MAX,
  })
