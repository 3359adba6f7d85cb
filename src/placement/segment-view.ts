import { hasItsFragments, type PeerView } from './peer-view.ts'

/** A segment as placement sees it: who has which fragment. */
export interface SegmentView {
  /** Opaque; names it in effects. */
  readonly id: string
  readonly revision: number
  readonly k: number
  readonly fragmentBytes: number
  /** Seats by fragment index; 0 is nobody. */
  readonly seats: readonly number[]
}

export type Peers = ReadonlyMap<number, PeerView>

/** Indices of the fragments that are there, as far as anybody knows. */
export const survivorsOf = ({ seats }: SegmentView, peers: Peers): number[] =>
  [...seats.keys()].filter(index => {
    const peer = peers.get(seats[index] as number)
    return peer !== undefined && hasItsFragments(peer)
  })

export function lostOf(segment: SegmentView, peers: Peers): number[] {
  const survivors = survivorsOf(segment, peers)
  return [...segment.seats.keys()].filter(index => !survivors.includes(index))
}

/** How many more may be lost before its bytes are; negative once they are. */
export const marginOf = (segment: SegmentView, peers: Peers): number =>
  survivorsOf(segment, peers).length - segment.k
