import type { PeerId } from '../base/environment.ts'
import type { Accusation } from './accusation.ts'
import type { PeerRecord } from './record.ts'
import type { Vitals } from './vitals.ts'

/**
 * Everything two peers say to each other in datagrams. Any of it may be lost, doubled, overtaken.
 *
 * ```
 * A ── ping ──▶ B        every period, to the next peer on A's list
 * A ◀── ack ─── B
 *
 * A ── ping-req ──▶ C ── ping ──▶ B      B was silent for a timeout: k others try
 * A ◀─ relayed ──── C ◀── ack ─── B
 * A ◀─── nack ───── C                    C tells that it lives although B is silent
 *
 * A ── gossip ──▶ some                   every tick while there are rumours
 * ```
 */
export type SwimMessage =
  | {
      readonly type: 'ping' | 'ack'
      /** Chosen by whoever pings; the answer repeats it. */
      readonly seq: number
      readonly vitals: Vitals
      readonly rumors: readonly Rumor[]
    }
  | { readonly type: 'ping-req'; readonly seq: number; readonly target: PeerId }
  | { readonly type: 'relayed' | 'nack'; readonly seq: number }
  | { readonly type: 'gossip'; readonly rumors: readonly Rumor[] }

/** News about one peer: its own word, or the word of one who gets no answer from it. */
export type Rumor = PeerRecord | Accusation

export const isAccusation = (rumor: Rumor): rumor is Accusation => 'accuser' in rumor

export const subjectOf = (rumor: Rumor): PeerId =>
  isAccusation(rumor) ? rumor.subject : rumor.peer

/**
 * Two peers compare what they know, in requests: first hashes, then only what differs.
 *
 * ```
 * A ── digest ───▶ B     hashes of A's knowledge in buckets
 * A ◀── same ───── B     nothing differs, or
 * A ◀── differ ─── B     B's knowledge in the buckets that differ
 * A ── entries ──▶ B     what B lacks
 * A ◀── same ───── B
 * ```
 * Each carries its sender's own record, so that a newcomer is known after one question, and a peer
 * that learns of its own death answers with its refutation.
 */
export type SyncMessage =
  | { readonly type: 'digest'; readonly own: PeerRecord; readonly hashes: Uint32Array }
  | { readonly type: 'same'; readonly own: PeerRecord }
  | {
      readonly type: 'differ'
      readonly own: PeerRecord
      /** Which buckets differ, of how many. */
      readonly buckets: readonly number[]
      readonly bucketCount: number
      readonly entries: readonly SyncEntry[]
    }
  | { readonly type: 'entries'; readonly own: PeerRecord; readonly entries: readonly SyncEntry[] }

/** All that a peer knows of another: its record, and who said what against it. */
export interface SyncEntry {
  readonly record: PeerRecord
  /** Absent while it is thought to be alive, and after it has left. */
  readonly accusation: Accusation | undefined
  /** For how long it has been in this state, by the teller's clock. */
  readonly ageMs: number
}

/** What a datagram takes at most: one packet on any path. */
export const SWIM_BYTES_MAX = 1_200
/** Room for type, sequence number, count of rumours. */
export const SWIM_HEADER_BYTES = 8
export const RUMORS_PER_MESSAGE_MAX = 32
/** So that a whole table fits into one request of the network. */
export const SYNC_BYTES_MAX = 900_000
export const BUCKETS_MAX = 256
