import type { Random } from '../base/environment.ts'
import { HoldfastError } from '../base/errors.ts'
import { canTake, type PeerView, roomOf, zoneOf } from './peer-view.ts'

/**
 * Who is to hold the fragments of a segment: live peers with room, each at most one, spread over the
 * zones as evenly as these allow, and by chance in proportion to their room, so that empty peers fill
 * up faster and nobody is everybody's first choice.
 *
 * One holder after another: of the zones that hold the fewest fragments of this segment so far, all
 * peers that can take one more are drawn from together. So the numbers of two zones differ by more
 * than one only where the poorer one has no peer left.
 */
export interface HolderWish {
  /** Whom to choose from; order does not matter to the outcome. */
  readonly peers: readonly PeerView[]
  /** How many are wanted, and below how many it is no use. */
  readonly count: number
  readonly need: number
  readonly fragmentBytes: number
  /** Who has a fragment of this segment already, or must not get one. */
  readonly taken?: readonly number[]
  readonly random: Random
}

/**
 * Up to `count` seats, and at least `need` of them.
 * @throws {HoldfastError} `TOO_FEW_PEERS` with how many there are
 */
export function chooseHolders(wish: HolderWish): number[] {
  const { peers, count, need, fragmentBytes, taken = [], random } = wish
  const free = peers
    .filter(peer => canTake(peer, fragmentBytes) && !taken.includes(peer.seat))
    .toSorted((a, b) => a.seat - b.seat)
  if (free.length < need) throw tooFew(free.length, need)
  const zones = countZones(peers, taken)
  const chosen: number[] = []
  while (chosen.length < count && free.length > 0) {
    const holder = draw(poorest(free, zones), random)
    free.splice(free.indexOf(holder), 1)
    zones.set(zoneOf(holder), (zones.get(zoneOf(holder)) ?? 0) + 1)
    chosen.push(holder.seat)
  }
  return chosen
}

/** How many of the taken seats each zone has. */
function countZones(peers: readonly PeerView[], taken: readonly number[]): Map<string, number> {
  const zones = new Map<string, number>()
  for (const peer of peers) {
    if (taken.includes(peer.seat)) zones.set(zoneOf(peer), (zones.get(zoneOf(peer)) ?? 0) + 1)
  }
  return zones
}

/** Those whose zone holds the fewest. */
function poorest(free: readonly PeerView[], zones: ReadonlyMap<string, number>): PeerView[] {
  const countOf = (peer: PeerView): number => zones.get(zoneOf(peer)) ?? 0
  const least = Math.min(...free.map(countOf))
  return free.filter(peer => countOf(peer) === least)
}

/** One of them, as likely as it has room. */
function draw(peers: readonly PeerView[], random: Random): PeerView {
  const total = peers.reduce((sum, peer) => sum + roomOf(peer), 0)
  let at = random.float() * total
  for (const peer of peers) {
    at -= roomOf(peer)
    if (at < 0) return peer
  }
  return peers.at(-1) as PeerView
}

const tooFew = (have: number, need: number): HoldfastError =>
  new HoldfastError(`Cannot place fragments: ${have} peers can take one, need ${need}`, {
    code: 'TOO_FEW_PEERS',
    have,
    need,
  })
