/**
 * What placement knows of a peer: what the roster says, and what the peer says of its disk. Peers
 * are called by their seats, as in the catalog.
 */
export interface PeerView {
  /** Above 0. */
  readonly seat: number
  /**
   * `suspect`: perhaps away for a moment; it keeps what it has and gets nothing new. `draining`: is
   * to be emptied, serves meanwhile. `dead`: does not answer. `gone`: will not come back.
   */
  readonly state: 'alive' | 'suspect' | 'draining' | 'dead' | 'gone'
  /** A label of shared fate; empty: shares it with nobody. */
  readonly zone: string
  readonly freeBytes: number
  readonly capacityBytes: number
}

/** What no fragment may take: room for the peer's own log and for repairs that come at once. */
const RESERVE_SHARE = 0.05

/** What a peer can still take. */
export const roomOf = ({ freeBytes, capacityBytes }: PeerView): number =>
  Math.max(0, freeBytes - capacityBytes * RESERVE_SHARE)

/** Takes new fragments of this size. */
export const canTake = (peer: PeerView, fragmentBytes: number): boolean =>
  peer.state === 'alive' && roomOf(peer) >= fragmentBytes

/** Still has what it was given, as far as anybody knows. */
export const hasItsFragments = ({ state }: PeerView): boolean =>
  state === 'alive' || state === 'suspect' || state === 'draining'

/** A peer without a label is a zone of its own. */
export const zoneOf = ({ zone, seat }: PeerView): string => (zone === '' ? `seat ${seat}` : zone)
