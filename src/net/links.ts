import type { PeerId } from '../base/environment.ts'
import type { Pipe } from './pipe.ts'

/** What the channels need of the host: pipes to peers, however those are reached. */
export interface Links {
  readonly self: PeerId
  /**
   * Opens a pipe of a protocol, over a connection that is made if there is none.
   * @throws {HoldfastError} `PEER_UNREACHABLE`, `PROTOCOL_UNKNOWN`; or the signal's reason.
   */
  open(peer: PeerId, protocol: string, signal?: AbortSignal): Promise<Pipe>
  /** Whether the peer is connected, or it is known where to find it. */
  isKnown(peer: PeerId): boolean
  /** As last measured; undefined before that. */
  rttMs(peer: PeerId): number | undefined
}
