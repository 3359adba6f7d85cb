import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { PeerId } from '../../base/environment.ts'
import type { Drain } from './seats.ts'

/**
 * How seats are written in the replicated map, and what of it is known here:
 *
 *     seats/peer/0000000007    the id of the peer
 *     seats/drain/0000000007   `draining` or `drained`
 *
 * A seat is taken by writing it where nothing is, from the lowest number on that is not known to be
 * taken. So whoever tries comes past everything that others took first, and a peer gets one number.
 * Keys of peers are never written twice and never deleted.
 */
export const SEATS = 'seats/'
const PEER = `${SEATS}peer/`
const DRAIN = `${SEATS}drain/`
const SEATS_MAX = 0xffff_fffe

export const seatKey = (seat: number): string => PEER + digits(seat)
export const drainKey = (seat: number): string => DRAIN + digits(seat)
export const peerValue = (peer: PeerId): Uint8Array => fromUtf8(peer)
export const drainValue = (drain: Drain): Uint8Array => fromUtf8(drain)

export class SeatTable {
  readonly #peers = new Map<number, PeerId>()
  readonly #seats = new Map<PeerId, number>()
  readonly #drains = new Map<number, Drain>()

  seatOf(peer: PeerId): number | undefined {
    return this.#seats.get(peer)
  }

  peerAt(seat: number): PeerId | undefined {
    return this.#peers.get(seat)
  }

  drainOf(seat: number): Drain | undefined {
    return this.#drains.get(seat)
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
    if (key.startsWith(PEER)) return this.#learnPeer(numberIn(key, PEER), value)
    if (key.startsWith(DRAIN)) return this.#learnDrain(numberIn(key, DRAIN), value)
    return false
  }

  #learnPeer(seat: number | undefined, value: Uint8Array | undefined): boolean {
    if (seat === undefined || value === undefined || this.#peers.has(seat)) return false
    const peer = toUtf8(value)
    this.#peers.set(seat, peer)
    this.#seats.set(peer, Math.min(seat, this.#seats.get(peer) ?? seat))
    return true
  }

  #learnDrain(seat: number | undefined, value: Uint8Array | undefined): boolean {
    if (seat === undefined) return false
    const drain = value && toUtf8(value) === 'drained' ? 'drained' : 'draining'
    if (value === undefined) return this.#drains.delete(seat)
    if (this.#drains.get(seat) === drain) return false
    this.#drains.set(seat, drain)
    return true
  }
}

const digits = (seat: number): string => String(seat).padStart(10, '0')

function numberIn(key: string, prefix: string): number | undefined {
  const text = key.slice(prefix.length)
  const seat = /^\d{10}$/.test(text) ? Number(text) : 0
  return seat >= 1 && seat <= SEATS_MAX ? seat : undefined
}
