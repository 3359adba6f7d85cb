import { varintSize } from '../base/binary-writer.ts'
import type { PeerId } from '../base/environment.ts'
import type { PeerState } from './core-types.ts'
import type { Member } from './member.ts'
import { BUCKETS_MAX, SYNC_BYTES_MAX, type SyncEntry } from './message.ts'
import type { PeerRecord } from './record.ts'

/**
 * A peer's knowledge as hashes, so that two peers find out what differs between them without telling
 * each other all of it. Peers fall into buckets by their id; a bucket's hash covers id, incarnation
 * and state of each peer in it, in any order.
 */
export interface Known {
  readonly peer: PeerId
  readonly record: PeerRecord
  readonly state: PeerState
}

const PEERS_PER_BUCKET = 4
/** A hash is two words. */
const WORDS = 2
const ranks: Readonly<Record<PeerState, number>> = { alive: 0, suspect: 1, dead: 2, left: 3 }

/** How many buckets for so many peers: few peers each, so that little is told in vain. */
export function bucketsFor(peers: number): number {
  return Math.min(BUCKETS_MAX, 2 ** Math.max(0, Math.ceil(Math.log2(peers / PEERS_PER_BUCKET))))
}

export const bucketOf = (peer: PeerId, buckets: number): number => hashOf(peer, 0) % buckets

/** Two words for each bucket. */
export function hashKnowledge(known: Iterable<Known>, buckets: number): Uint32Array {
  const hashes = new Uint32Array(buckets * WORDS)
  for (const { peer, record, state } of known) {
    const at = bucketOf(peer, buckets) * WORDS
    const low = record.incarnation >>> 0
    const high = Math.floor(record.incarnation / 2 ** 32) * 8 + ranks[state]
    // Addition, so that equal summands do not cancel each other out.
    hashes[at] = (hashes[at] as number) + mix(mix(hashOf(peer, 1) ^ low) ^ high)
    hashes[at + 1] = (hashes[at + 1] as number) + mix(mix(hashOf(peer, 2) ^ high) ^ low)
  }
  return hashes
}

/** The buckets in which two hashes of equal length differ. */
export function differingBuckets(a: Uint32Array, b: Uint32Array): number[] {
  const buckets: number[] = []
  for (let at = 0; at < a.length; at += WORDS) {
    if (a[at] !== b[at] || a[at + 1] !== b[at + 1]) buckets.push(at / WORDS)
  }
  return buckets
}

export function entryOf({ record, accusation, sinceMs }: Member, nowMs: number): SyncEntry {
  return { record, accusation, ageMs: Math.max(0, Math.floor(nowMs - sinceMs)) }
}

/** What an entry takes in a message. */
export const entryBytes = ({ record, accusation, ageMs }: SyncEntry): number =>
  record.sizeBytes + 1 + (accusation?.sizeBytes ?? 0) + varintSize(ageMs)

/** As many of the entries as one message holds, from the front. */
export function fitting(
  entries: readonly SyncEntry[],
  bytesMax: number = SYNC_BYTES_MAX,
): SyncEntry[] {
  let room = bytesMax
  const firstOut = entries.findIndex(entry => {
    room -= entryBytes(entry)
    return room < 0
  })
  return firstOut < 0 ? [...entries] : entries.slice(0, firstOut)
}

/** Whether `mine` tells more than `theirs` about the same peer. */
export function isNewer(mine: SyncEntry, theirs: SyncEntry): boolean {
  const ahead = mine.record.incarnation - theirs.record.incarnation
  return ahead > 0 || (ahead === 0 && rankOf(mine) > rankOf(theirs))
}

function rankOf({ record, accusation }: SyncEntry): number {
  if (record.isLeft) return ranks.left
  return accusation === undefined ? ranks.alive : ranks[accusation.kind]
}

function hashOf(text: string, salt: number): number {
  let hash = 0x811c9dc5 ^ salt
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return mix(hash)
}

function mix(word: number): number {
  let mixed = word
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
