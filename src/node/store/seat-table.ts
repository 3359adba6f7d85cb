import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { PeerId } from '../../base/environment.ts'
import { DRAINS_PREFIX } from './seats.ts'

/**
 * How seats are written in the replicated map, and what of it is known here:
 *
 *     seats/0000000007    the id of the peer
 *     drains/PEER         there while the peer is to be emptied
 *
 * A seat is taken by writing it where nothing is, from the lowest number on that is not known to be
 * taken. So whoever tries comes past everything that others took first, and a peer gets one number.
 * Keys of seats are never written twice and never deleted.
 */
export const SEATS_PREFIX = 'seats/'
const SEATS_MAX = 0xffff_fffe

export const seatKey = (seat: number): string => SEATS_PREFIX + String(seat).padStart(10, '0')
export const seatValue = (peer: PeerId): Uint8Array => fromUtf8(peer)

export class SeatTable {
  readonly #peers = new Map<number, PeerId>()
  readonly #seats = new Map<PeerId, number>()
  #drains = new Set<PeerId>()

  seatOf(peer: PeerId): number | undefined {
    return this.#seats.get(peer)
  }

  peerAt(seat: number): PeerId | undefined {
    return this.#peers.get(seat)
  }

  isDraining(peer: PeerId): boolean {
    return this.#drains.has(peer)
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
      const peer = key.slice(DRAINS_PREFIX.length)
      const before = this.#drains.size
      if (value === undefined) return this.#drains.delete(peer)
      return this.#drains.add(peer).size > before
    }
    const seat = seatIn(key)
    if (seat === undefined || value === undefined || this.#peers.has(seat)) return false
    const peer = toUtf8(value)
    this.#peers.set(seat, peer)
    this.#seats.set(peer, Math.min(seat, this.#seats.get(peer) ?? seat))
    return true
  }

  /** Those that are to be emptied are these: what was missed of them cannot be told otherwise. */
  resetDrains(): void {
    this.#drains = new Set()
  }
}

function seatIn(key: string): number | undefined {
  const text = key.startsWith(SEATS_PREFIX) ? key.slice(SEATS_PREFIX.length) : ''
  const seat = /^\d{10}$/.test(text) ? Number(text) : 0
  return seat >= 1 && seat <= SEATS_MAX ? seat : undefined
}
