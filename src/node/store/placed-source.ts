/**
 * Fragments of a blob's segments from whoever holds them. Of those that can be had, the own ones come
 * first, then data before parity, then the quick before the slow; among those that are about equally
 * quick chance decides, so that readers spread over all holders. Peers that are away, or kept
 * somebody waiting just now, are only asked where there are too few others.
 *
 * A fetch is late after what its peer takes as a rule at most; then the reader asks others as well,
 * and the peer is left alone for a second. So one that hangs costs a read a fraction of a second,
 * once.
 */
import type { Clock, PeerId, Random, Timers } from '../../base/environment.ts'
import { HoldfastError } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import type { Segment } from '../../catalog/records.ts'
import { formatFragmentId } from '../../erasure/fragment-id.ts'
import type { PeerView } from '../../placement/peer-view.ts'
import type { CellRange, FragmentPlace, FragmentSource } from '../coder/fragment-source.ts'
import type { FragmentPeers, ReadCells } from '../fragments/fragment-peers.ts'
import type { PeerPace } from './peer-pace.ts'
import type { Seats } from './seats.ts'
import type { Served } from './store.ts'
import { whileBusy } from './while-busy.ts'

/** How long a peer may take that nobody can stand in for. */
const FETCH_MS = 10_000

export interface PlacedSourceDrivers {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly peers: FragmentPeers
  readonly seats: Seats
  readonly pace: PeerPace
  readonly self: PeerId
  readonly onServed?: ((served: Served) => void) | undefined
}

/** Up to which it does not matter how quick a peer is. */
const QUICK_MS = 8

type Leaves = PromiseWithResolvers<Uint8Array>

export class PlacedSource implements FragmentSource {
  readonly #drivers: PlacedSourceDrivers
  readonly #segments: readonly Segment[]
  readonly #first: number
  readonly #views: ReadonlyMap<number, PeerView>
  /** Fragments that could not be had. */
  readonly #failed = new Set<string>()
  /** By which holders are told apart that are equally good. */
  readonly #dice = new Map<string, number>()
  /** Leaves that are to come with the first cells. */
  readonly #wanted = new Map<string, Leaves>()

  /** @param first number of the first of these segments */
  constructor(drivers: PlacedSourceDrivers, segments: readonly Segment[], first: number) {
    this.#drivers = drivers
    this.#segments = segments
    this.#first = first
    this.#views = new Map(drivers.seats.views().map(view => [view.seat, view]))
  }

  columnsOf(segment: number): readonly number[] {
    const record = this.#recordOf(segment)
    const all = record.fragments
      .map((_, column) => this.#rank(segment, column, record.k))
      .filter(({ peer }) => peer !== undefined)
      .toSorted((a, b) => a.distance - b.distance || a.pace - b.pace || a.die - b.die)
    const good = all.filter(({ isGood }) => isGood)
    const chosen = good.length >= record.k ? good : [...good, ...all.filter(it => !it.isGood)]
    return chosen.map(({ column }) => column)
  }

  leaves(place: FragmentPlace, signal: AbortSignal): Promise<Uint8Array> {
    const name = nameOf(place)
    const wanted = Promise.withResolvers<Uint8Array>()
    this.#wanted.set(name, wanted)
    // Cells that are asked for in the same breath bring them along.
    queueMicrotask(() => {
      if (!this.#wanted.delete(name)) return
      const { peers } = this.#drivers
      const id = formatFragmentId(place.id)
      const call = { deadlineMs: FETCH_MS, signal }
      this.#from(place, signal, peer => peers.leaves(peer, id, call)).then(
        wanted.resolve,
        wanted.reject,
      )
    })
    return wanted.promise
  }

  async cells(
    place: FragmentPlace,
    range: CellRange,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const cells = await this.#cells(place, range, signal)
    const peer = this.#peerOf(place)
    const { onServed } = this.#drivers
    if (peer !== undefined) onServed?.({ peer, index: place.column, bytes: cells.length })
    return cells
  }

  async #cells(
    place: FragmentPlace,
    { from, to }: CellRange,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { peers } = this.#drivers
    const id = formatFragmentId(place.id)
    const range = { from, to, deadlineMs: FETCH_MS, signal }
    const name = nameOf(place)
    const leaves = this.#wanted.get(name)
    this.#wanted.delete(name)
    if (leaves === undefined) return this.#from(place, signal, peer => peers.cells(peer, id, range))
    // Whoever asked hears of a failure through the cells as well.
    leaves.promise.catch(() => undefined)
    try {
      const found: ReadCells = await this.#from(place, signal, peer => peers.read(peer, id, range))
      leaves.resolve(found.leaves)
      return found.cells
    } catch (error) {
      leaves.reject(error)
      throw error
    }
  }

  async late(place: FragmentPlace, signal: AbortSignal): Promise<void> {
    const { timers, pace } = this.#drivers
    const peer = this.#peerOf(place)
    if (peer === undefined) return
    try {
      await sleep(timers, pace.patienceMs(peer), signal)
    } catch {
      return new Promise(() => undefined)
    }
    pace.late(peer)
  }

  async #from<Found>(
    place: FragmentPlace,
    signal: AbortSignal,
    fetch: (peer: PeerId) => Promise<Found>,
  ): Promise<Found> {
    const { clock, pace } = this.#drivers
    const peer = this.#peerOf(place)
    if (peer === undefined) throw nobody(place)
    const began = clock.monotonicMs()
    try {
      const found = await whileBusy(this.#drivers, signal, () => fetch(peer))
      pace.took(peer, clock.monotonicMs() - began)
      return found
    } catch (error) {
      this.#failed.add(nameOf(place))
      throw error
    }
  }

  #rank(
    segment: number,
    column: number,
    k: number,
  ): {
    column: number
    peer: PeerId | undefined
    isGood: boolean
    distance: number
    pace: number
    die: number
  } {
    const { pace, self } = this.#drivers
    const peer = this.#peerOf({ segment, column })
    const state = this.#views.get(this.#seatOf(segment, column))?.state
    const isThere = state === 'alive' || state === 'draining'
    const isHere = peer === self
    const isGood =
      peer !== undefined &&
      !this.#failed.has(nameOf({ segment, column })) &&
      (isHere || (isThere && !pace.isAvoided(peer)))
    const far = isThere ? (column < k ? 1 : 2) : 3
    const typicalMs = peer === undefined ? 0 : pace.typicalMs(peer)
    // Twice as slow is slower; less than that is chance.
    const doublings = Math.floor(Math.log2(1 + typicalMs / QUICK_MS))
    const die = this.#dieOf(segment, column)
    return { column, peer, isGood, distance: isHere ? 0 : far, pace: doublings, die }
  }

  /** The same whenever it is asked for. */
  #dieOf(segment: number, column: number): number {
    const name = nameOf({ segment, column })
    const thrown = this.#dice.get(name) ?? this.#drivers.random.float()
    this.#dice.set(name, thrown)
    return thrown
  }

  #peerOf({ segment, column }: { segment: number; column: number }): PeerId | undefined {
    const seat = this.#seatOf(segment, column)
    return seat === 0 ? undefined : this.#drivers.seats.peerAt(seat)
  }

  #seatOf(segment: number, column: number): number {
    return this.#recordOf(segment).fragments[column]?.seat ?? 0
  }

  #recordOf(segment: number): Segment {
    return this.#segments[segment - this.#first] as Segment
  }
}

const nameOf = ({ segment, column }: { segment: number; column: number }): string =>
  `${segment}/${column}`

const nobody = ({ segment, column }: FragmentPlace): HoldfastError => {
  const id = `${column} of segment ${segment}`
  return new HoldfastError(`Cannot read fragment ${id}: nobody holds it`, {
    code: 'FRAGMENT_MISSING',
    id,
  })
}
