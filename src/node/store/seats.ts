import type { PeerId } from '../../base/environment.ts'
import type { PeerView } from '../../placement/peer-view.ts'

/**
 * Under this prefix the replicated map has the peers that are to be emptied, by their ids, as long
 * as they are: `views` calls those that live `draining`, so that nothing new goes there.
 */
export const DRAINS_PREFIX = 'drains/'
/** Under this one, what people call peers, by their ids: beside the seats, for one watch follows both. */
export const NAMES_PREFIX = 'seats/names/'

/**
 * The numbers of peers in the catalog. Each member gets one when it is first seen by the leader of
 * the system group, in the replicated map, for good: a number is never given to somebody else.
 */
export interface Seats {
  /** Undefined while it has none, or is not known here. */
  seatOf(peer: PeerId): number | undefined
  peerAt(seat: number): PeerId | undefined
  /** This peer's; waits until it has one. */
  own(signal?: AbortSignal): Promise<number>
  /** What placement needs to know of every peer with a seat, as of now. */
  views(): readonly PeerView[]
  /** Share of the time that peers are up, 0 … 1; 1 while that is not known yet. */
  uptime(): number
  /** Told when `views` may have changed. */
  onChange(listener: () => void): () => void
}
