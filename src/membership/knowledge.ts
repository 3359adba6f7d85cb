import { varintSize } from '../base/binary-writer.ts'
import type { PeerId } from '../base/environment.ts'
import type { PeerState } from './core-types.ts'
import type { Member } from './member.ts'
import { BUCKETS_MAX, SYNC_BYTES_MAX, type SyncEntry } from './message.ts'
import type { PeerRecord } from './record.ts'

const PEERS_PER_BUCKET = 8
/** A hash is two words. */
const WORDS = 2
const ranks: Readonly<Record<PeerState, number>> = { alive: 0, suspect: 1, dead: 2, left: 3 }

/**
 * A peer's knowledge as hashes, so that two peers find out what differs between them without telling
 * each other all of it. Peers fall into buckets by a hash of their id; the hash of a bucket covers
 * id, incarnation and state of each peer in it. It is a sum, so a change costs one subtraction and
 * one addition, and buckets can be merged: kept are the most there are, told are as many as fit.
 */
export class KnowledgeHash {
  readonly #words = new Uint32Array(BUCKETS_MAX * WORDS)

  add(idHash: number, { incarnation }: PeerRecord, state: PeerState): void {
    this.#sum(idHash, incarnation, { state, sign: 1 })
  }

  remove(idHash: number, { incarnation }: PeerRecord, state: PeerState): void {
    this.#sum(idHash, incarnation, { state, sign: -1 })
  }

  /** Two words for each of so many buckets, a power of two. */
  fold(buckets: number): Uint32Array {
    const folded = new Uint32Array(buckets * WORDS)
    for (const [at, word] of this.#words.entries()) {
      const to = at % folded.length
      folded[to] = (folded[to] as number) + word
    }
    return folded
  }

  #sum(
    idHash: number,
    incarnation: number,
    { state, sign }: { state: PeerState; sign: 1 | -1 },
  ): void {
    const at = bucketOf(idHash, BUCKETS_MAX) * WORDS
    const low = incarnation >>> 0
    const high = Math.floor(incarnation / 2 ** 32) * 8 + ranks[state]
    const words = this.#words
    words[at] = (words[at] as number) + sign * mix(mix(idHash ^ low) ^ high)
    words[at + 1] = (words[at + 1] as number) + sign * mix(mix(~idHash ^ high) ^ low)
  }
}

/** How many buckets for so many peers: few peers each, so that little is told in vain. */
export function bucketsFor(peers: number): number {
  return Math.min(BUCKETS_MAX, 2 ** Math.max(0, Math.ceil(Math.log2(peers / PEERS_PER_BUCKET))))
}

export const isBucketCount = (count: number): boolean =>
  count >= 1 && count <= BUCKETS_MAX && (count & (count - 1)) === 0

export const bucketOf = (idHash: number, buckets: number): number => idHash % buckets

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

/** A word that stands for a peer in buckets and hashes. */
export function hashOf(peer: PeerId): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < peer.length; index++) {
    hash = Math.imul(hash ^ peer.charCodeAt(index), 0x01000193)
  }
  return mix(hash)
}

/** Scatters the bits of a word. */
export function mix(word: number): number {
  let mixed = word
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
