import type { PeerId } from '../../base/environment.ts'
import type { PeerView } from '../../placement/peer-view.ts'

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

  /** Whether a peer is to be emptied: its state in `views` is `draining`, alive or not. */
  drainOf(seat: number): Drain | undefined
  /** Says so, or takes it back with undefined, for all peers. @throws what the replicated map throws */
  setDrain(seat: number, drain: Drain | undefined, signal?: AbortSignal): Promise<void>
}

export type Drain = 'draining' | 'drained'
