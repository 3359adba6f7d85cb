import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { PeerId } from '../../base/environment.ts'
import { fittingName } from '../peer-note.ts'
import { DRAINS_PREFIX, NAMES_PREFIX } from './seats.ts'

/**
 * How seats are written in the replicated map, and what of it is known here:
 *
 *     seats/0000000007    the id of the peer
 *     drains/PEER         there while the peer is to be emptied, see `upkeep/drains.ts`
 *     seats/names/PEER    what people call it, if not what it calls itself
 *
 * A seat is taken by writing it where nothing is, from the lowest number on that is not known to be
 * taken. So whoever tries comes past everything that others took first, and a peer gets one number.
 * Keys of seats are never written twice and never deleted; names are.
 */
export const SEATS_PREFIX = 'seats/'
const SEATS_MAX = 0xffff_fffe

export const seatKey = (seat: number): string => SEATS_PREFIX + String(seat).padStart(10, '0')
export const seatValue = (peer: PeerId): Uint8Array => fromUtf8(peer)

export class SeatTable {
  readonly #peers = new Map<number, PeerId>()
  readonly #seats = new Map<PeerId, number>()
  readonly #drains = new Map<PeerId, 'draining' | 'drained'>()
  readonly #names = new Map<PeerId, string>()

  seatOf(peer: PeerId): number | undefined {
    return this.#seats.get(peer)
  }

  peerAt(seat: number): PeerId | undefined {
    return this.#peers.get(seat)
  }

  drainOf(peer: PeerId): 'draining' | 'drained' | undefined {
    return this.#drains.get(peer)
  }

  /** Undefined for a peer that was not renamed. */
  nameOf(peer: PeerId): string | undefined {
    return this.#names.get(peer)
  }

  get seats(): readonly number[] {
    return [...this.#peers.keys()].toSorted((a, b) => a - b)
  }

  /** The lowest number that is not known to be taken. */
  get free(): number {
    let seat = 1
    while (this.#peers.has(seat)) seat++
    return seat
  }

  /** Takes in what the map says of one key; true if that was news. Foreign keys are ignored. */
  learn(key: string, value: Uint8Array | undefined): boolean {
    if (key.startsWith(DRAINS_PREFIX)) {
      const state = value && (toUtf8(value) === 'drained' ? 'drained' : 'draining')
      return put(this.#drains, key.slice(DRAINS_PREFIX.length), state)
    }
    if (key.startsWith(NAMES_PREFIX))
      return put(this.#names, key.slice(NAMES_PREFIX.length), value && nameIn(value))
    const seat = seatIn(key)
    if (seat === undefined || value === undefined || this.#peers.has(seat)) return false
    const peer = toUtf8(value)
    this.#peers.set(seat, peer)
    this.#seats.set(peer, Math.min(seat, this.#seats.get(peer) ?? seat))
    return true
  }

  /** What was missed of drains or names cannot be told otherwise: they are told anew. */
  reset(prefix: string): void {
    if (prefix === DRAINS_PREFIX) this.#drains.clear()
    if (prefix === SEATS_PREFIX) this.#names.clear()
  }
}

/** Anybody may have written it: as much of it as a name can be. */
const nameIn = (value: Uint8Array): string | undefined => fittingName(toUtf8(value)) || undefined

/** Puts or, without a value, removes; true if that changed anything. */
function put<Value>(map: Map<PeerId, Value>, peer: PeerId, value: Value | undefined): boolean {
  if (value === undefined) return map.delete(peer)
  const isNews = map.get(peer) !== value
  map.set(peer, value)
  return isNews
}

function seatIn(key: string): number | undefined {
  const text = key.startsWith(SEATS_PREFIX) ? key.slice(SEATS_PREFIX.length) : ''
  const seat = /^\d{10}$/.test(text) ? Number(text) : 0
  return seat >= 1 && seat <= SEATS_MAX ? seat : undefined
}
