import type { PeerId } from '../base/environment.ts'

/**
 * Who may connect, and who may be served what: supplied by admission, asked synchronously from
 * tables in memory. A change of heart takes effect with the next question; whoever takes a right
 * away must afterwards call `NetworkHost.drop`, for an open stream is not asked again.
 */
export interface PeerPolicy {
  /** Asked when a handshake has proven who the other side is, in both directions. */
  verdict(peer: PeerId): Verdict
  /**
   * May this peer be served this? Asked when a stream opens and for each request, with the name of
   * a `Channel` for all of it, and then with e.g. `request/raft`: channel, slash, protocol.
   * `kad/locate` asks whether its word on where a group is served counts.
   */
  mayServe(peer: PeerId, protocol: string): boolean
}

/**
 * - `member`: let in.
 * - `provisional`: a stranger who may be about to join; let in for `PROVISIONAL_MS`, with few others,
 *   to speak `join` only.
 * - `deny`: the connection is closed before anything is read from it.
 */
export type Verdict = 'member' | 'provisional' | 'deny'

/** What a peer can ask for. Those behind `relay` exist only where the option is on. */
export type Channel =
  | 'identify'
  | 'ping'
  | 'kad'
  | 'gossip'
  | 'datagram'
  | 'request'
  | 'stream'
  /** Requests whose protocol is among the host's `openProtocols`. */
  | 'join'
  | 'relay'

/** Everybody may do everything: for tests and benches. */
export const openPolicy: PeerPolicy = { verdict: () => 'member', mayServe: () => true }
