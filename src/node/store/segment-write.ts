/**
 * One segment on its way to its holders. Each fragment goes to one; a holder that fails, or takes
 * nothing for a while, is replaced if there is somebody else. The segment is durable once as many
 * holders have it as the catalog demands; the others go on, and what is still short when it is
 * committed is listed as owed.
 *
 * Invariants: a holder is named only after it has said that its fragment is durable; no peer is
 * asked to hold two fragments of one segment.
 */
import type { Clock, Random, Timer, Timers } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import type { Fragment } from '../../catalog/records.ts'
import { durableHolders } from '../../catalog/segments.ts'
import { encodeFragmentId } from '../../erasure/fragment-id.ts'
import { chooseHolders } from '../../placement/choose-holders.ts'
import type { FragmentPeers } from '../fragments/fragment-peers.ts'
import { cellsOf, type EncodedSegment, idOf } from './encoded-segment.ts'
import type { PeerPace } from './peer-pace.ts'
import type { Seats } from './seats.ts'
import { whileBusy } from './while-busy.ts'

/**
 * A holder that took nothing for this long is not counted on, beside the time that the slowest of
 * the others needed: where all are slow, none is to blame.
 */
const STALL_MS = 600
/** How long a holder may take that is not waited for any more. */
const STRAGGLER_MS = 10_000
/** How long all of it may take before it is given up. */
const PATIENCE_MS = 60_000
const LOOK_EVERY_MS = 100
const fullCodes: ReadonlySet<string> = new Set(['STORE_READONLY', 'DISK_FULL', 'BUSY'])

/** A fragment that a peer holds under a lease. */
export interface HeldFragment {
  readonly seat: number
  readonly id: string
  /** The name under which it is held. */
  readonly segment: Uint8Array
  readonly index: number
}

export interface SegmentWriteDrivers {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly peers: FragmentPeers
  readonly seats: Seats
  readonly pace: PeerPace
  /** This peer's own seat: it holds one if it has room. */
  readonly ownSeat: number
}

export interface SegmentWriteOptions {
  readonly drivers: SegmentWriteDrivers
  readonly encoded: EncodedSegment
  /** Under which name peers hold it. */
  readonly reference: Uint8Array
  readonly sealed: (index: number) => Uint8Array
  readonly leaseMs: number
  /** Peers that are not to be asked. */
  readonly without?: readonly number[]
}

interface Attempt {
  readonly index: number
  readonly seat: number
  readonly controller: AbortController
  movedMs: number
  isStalled: boolean
}

export class SegmentWrite {
  readonly encoded: EncodedSegment
  readonly #options: SegmentWriteOptions
  readonly #drivers: SegmentWriteDrivers
  readonly #attempts = new Set<Attempt>()
  /** Everybody who was asked. */
  readonly #asked: number[] = []
  /** Who has which, by index. */
  readonly #holders: (number | undefined)[]
  /** Durable where nobody counts on them. */
  readonly #surplus: HeldFragment[] = []
  readonly #durable = Promise.withResolvers<void>()
  readonly #stuck = Promise.withResolvers<void>()
  readonly #over = Promise.withResolvers<void>()
  readonly #startedMs: number
  #durableMs: number | undefined
  /** How long the slowest took that has its fragment. */
  #slowestMs: number | undefined
  #timer: Timer | undefined
  #isGivenUp = false
  #isListed = false

  /** @throws {HoldfastError} `TOO_FEW_PEERS`: nothing was begun */
  constructor(options: SegmentWriteOptions) {
    this.#options = options
    this.#drivers = options.drivers
    this.encoded = options.encoded
    this.#startedMs = this.#nowMs()
    this.#holders = options.encoded.fragments.map(() => undefined)
    this.#durable.promise.catch(() => undefined)
    for (const [index, seat] of this.#choose().entries()) this.#start(index, seat)
    if (this.#attempts.size > 0) this.#watch()
    else this.#over.resolve()
    this.#judge()
  }

  /** Resolves once enough holders have it. @throws {HoldfastError} `TOO_FEW_PEERS` */
  get durable(): Promise<void> {
    return this.#durable.promise
  }

  /** Resolves if it does not look as if that would happen soon. */
  get stuck(): Promise<void> {
    return this.#stuck.promise
  }

  /** Resolves once nobody is being asked any more. */
  get over(): Promise<void> {
    return this.#over.promise
  }

  get isOver(): boolean {
    return this.#attempts.size === 0
  }

  /** Somebody is owed a fragment. */
  get isShort(): boolean {
    return this.#have < this.#holders.length
  }

  /** Those that have failed or stalled. */
  get unfit(): readonly number[] {
    const busy = [...this.#attempts].filter(({ isStalled }) => !isStalled).map(({ seat }) => seat)
    return this.#asked.filter(seat => !busy.includes(seat) && !this.#holders.includes(seat))
  }

  /**
   * The fragments as the catalog is to list them. Whoever stores one later is not listed, nor told
   * to drop it: a repair that pays the debt finds it there, and its lease ends it otherwise.
   */
  list(): readonly Fragment[] {
    this.#isListed = true
    return this.encoded.fragments.map(({ id }, index) => ({
      id: encodeFragmentId(id),
      seat: this.#holders[index] ?? 0,
    }))
  }

  /** What is held for this segment now, listed or not. */
  held(): { readonly listed: readonly HeldFragment[]; readonly surplus: readonly HeldFragment[] } {
    const listed = this.#holders.flatMap((seat, index) =>
      seat === undefined ? [] : [this.#heldBy(seat, index)],
    )
    return { listed, surplus: this.#surplus }
  }

  /** Asks nobody any more; what is held stays held. */
  giveUp(reason: Error): void {
    this.#isGivenUp = true
    for (const { controller } of this.#attempts) controller.abort(reason)
    this.#durable.reject(reason)
  }

  get #need(): number {
    return durableHolders(this.encoded.scheme.k, this.#holders.length)
  }

  get #have(): number {
    return this.#holders.filter(seat => seat !== undefined).length
  }

  /** The own seat gets a column of data, so that some of what is read is at hand. */
  #choose(): number[] {
    const { seats, random, ownSeat } = this.#drivers
    const { encoded, without = [] } = this.#options
    const { k } = encoded.scheme
    const wish = { random, count: this.#holders.length, need: this.#need }
    const fragmentBytes = encoded.fragments[0]?.sizeBytes ?? 0
    const all = { ...wish, peers: seats.views(), fragmentBytes }
    const chosen = chooseFirst(all, [[...without, ...avoidedSeats(this.#drivers)], without])
    const isOwn = chosen.includes(ownSeat) || canHold(all, ownSeat)
    if (!isOwn || without.includes(ownSeat)) return chosen
    const others = chosen.filter(seat => seat !== ownSeat).slice(0, this.#holders.length - 1)
    return others.toSpliced(encoded.segment % k, 0, ownSeat)
  }

  #start(index: number, seat: number): void {
    const { peers, seats, clock, pace } = this.#drivers
    const { encoded, reference, sealed, leaseMs } = this.#options
    const peer = seats.peerAt(seat)
    if (peer === undefined) return
    this.#asked.push(seat)
    const controller = new AbortController()
    const attempt = { index, seat, controller, movedMs: clock.monotonicMs(), isStalled: false }
    this.#attempts.add(attempt)
    const put = {
      segment: reference,
      index,
      sizeBytes: encoded.fragments[index]?.sizeBytes ?? 0,
      sealed: sealed(index),
      leaseMs,
      signal: controller.signal,
    }
    const putIt = (): Promise<unknown> =>
      peers.put(peer, idOf(encoded, index), put, this.#cells(attempt))
    whileBusy(this.#drivers, controller.signal, putIt).then(
      () => this.#stored(attempt),
      (error: unknown) => {
        // A full peer is as good to read from as ever.
        const isFull = fullCodes.has(codeOf(error) ?? '')
        if (!this.#isGivenUp && !isFull) pace.failed(peer)
        this.#failed(attempt)
      },
    )
  }

  *#cells(attempt: Attempt): Generator<Uint8Array<ArrayBuffer>> {
    for (const cell of cellsOf(this.encoded, attempt.index)) {
      attempt.movedMs = this.#nowMs()
      yield cell
    }
    attempt.movedMs = this.#nowMs()
  }

  #stored(attempt: Attempt): void {
    const { index, seat } = attempt
    this.#slowestMs = this.#nowMs() - this.#startedMs
    const isWanted = this.#holders[index] === undefined && !this.#isGivenUp
    if (isWanted && !this.#isListed) this.#holders[index] = seat
    else if (!isWanted) this.#surplus.push(this.#heldBy(seat, index))
    this.#end(attempt)
  }

  #failed(attempt: Attempt): void {
    // One that was called off may have been taken all the same.
    if (this.#isGivenUp) this.#surplus.push(this.#heldBy(attempt.seat, attempt.index))
    else this.#replace(attempt.index)
    this.#end(attempt)
  }

  #end(attempt: Attempt): void {
    this.#attempts.delete(attempt)
    this.#judge()
    if (this.#attempts.size > 0) return
    this.#timer?.cancel()
    this.#over.resolve()
  }

  /** Somebody else for a fragment; after enough have theirs, that is left to repair. */
  #replace(index: number): void {
    if (this.#durableMs !== undefined || this.#holders[index] !== undefined) return
    const { seats, random } = this.#drivers
    const { without = [] } = this.#options
    const taken = [...this.#asked, ...without, ...avoidedSeats(this.#drivers)]
    const fragmentBytes = this.encoded.fragments[index]?.sizeBytes ?? 0
    const wish = { peers: seats.views(), random, count: 1, need: 0, fragmentBytes, taken }
    const [seat] = chooseHolders(wish)
    if (seat !== undefined) this.#start(index, seat)
  }

  #judge(): void {
    const [have, need] = [this.#have, this.#need]
    if (have >= need) {
      this.#durableMs ??= this.#nowMs()
      this.#durable.resolve()
      return
    }
    const fit = [...this.#attempts].filter(
      ({ isStalled, index }) => !isStalled && this.#holders[index] === undefined,
    )
    if (have + new Set(fit.map(({ index }) => index)).size >= need) return
    this.#stuck.resolve()
    if (this.#attempts.size === 0) this.#durable.reject(tooFew(have, need))
  }

  /** Looks now and then who has stalled, and who is waited for no more. */
  #watch(): void {
    const { timers, seats, pace } = this.#drivers
    this.#timer = timers.after(LOOK_EVERY_MS, () => {
      const nowMs = this.#nowMs()
      for (const attempt of this.#attempts) {
        const isOverdue =
          nowMs - this.#startedMs > PATIENCE_MS ||
          (this.#durableMs !== undefined && nowMs - this.#durableMs > STRAGGLER_MS)
        if (isOverdue) attempt.controller.abort(tooSlow(nowMs - this.#startedMs))
        const patienceMs = STALL_MS + (this.#slowestMs ?? STALL_MS)
        if (attempt.isStalled || nowMs - attempt.movedMs <= patienceMs) continue
        attempt.isStalled = true
        const peer = seats.peerAt(attempt.seat)
        if (peer !== undefined) pace.failed(peer)
        this.#replace(attempt.index)
      }
      this.#judge()
      if (this.#attempts.size > 0) this.#watch()
    })
  }

  #heldBy(seat: number, index: number): HeldFragment {
    return { seat, index, id: idOf(this.encoded, index), segment: this.#options.reference }
  }

  #nowMs(): number {
    return this.#drivers.clock.monotonicMs()
  }
}

/** Peers that kept somebody waiting just now, or are not known here. */
function avoidedSeats({ seats, pace }: Pick<SegmentWriteDrivers, 'seats' | 'pace'>): number[] {
  return seats.views().flatMap(({ seat }) => {
    const peer = seats.peerAt(seat)
    return peer === undefined || pace.isAvoided(peer) ? [seat] : []
  })
}

type Wish = Parameters<typeof chooseHolders>[0]

/** Does without the first list of seats; if that leaves too few, without the next. */
function chooseFirst(wish: Wish, lists: readonly (readonly number[])[]): number[] {
  for (const taken of lists.slice(0, -1)) {
    const chosen = chooseHolders({ ...wish, taken, need: 0 })
    if (chosen.length >= wish.need) return chosen
  }
  return chooseHolders({ ...wish, taken: lists.at(-1) ?? [] })
}

const canHold = ({ peers, fragmentBytes, random }: Wish, seat: number): boolean => {
  const own = peers.filter(peer => peer.seat === seat)
  return chooseHolders({ peers: own, fragmentBytes, random, count: 1, need: 0 }).length > 0
}

const tooFew = (have: number, need: number): HoldfastError =>
  new HoldfastError(`Cannot make a segment durable: ${have} holders have it, need ${need}`, {
    code: 'TOO_FEW_PEERS',
    have,
    need,
  })

const tooSlow = (afterMs: number): HoldfastError =>
  new HoldfastError(`Cannot put a fragment: not taken within ${Math.round(afterMs)} ms`, {
    code: 'TIMEOUT',
    what: 'a holder',
    afterMs: Math.round(afterMs),
  })
