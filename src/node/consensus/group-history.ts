import type { Clock, PeerId } from '../../base/environment.ts'
import type { ElectionReason } from '../../consensus/election-input.ts'

/** Something that became of a group, as a replica of it has seen it. */
export type GroupMoment =
  | {
      readonly type: 'leader'
      /** ISO 8601, by the wall clock of who tells. */
      readonly at: string
      /** Undefined: none is known. */
      readonly leader: PeerId | undefined
      readonly term: number
      readonly why: string
    }
  | { readonly type: 'members'; readonly at: string; readonly reason: ElectionReason }
  | { readonly type: 'split'; readonly at: string; readonly child: number }

/** What may have become of a peer, as far as is known here. */
export type PeerFate = 'alive' | 'suspect' | 'dead' | 'left' | undefined

const MOMENTS_MAX = 32

/** What became of each group since this peer was started. */
export class GroupHistories {
  readonly #clock: Clock
  readonly #fateOf: (peer: PeerId) => PeerFate
  readonly #moments = new Map<number, GroupMoment[]>()
  readonly #leaders = new Map<number, PeerId>()

  constructor(clock: Clock, fateOf: (peer: PeerId) => PeerFate) {
    this.#clock = clock
    this.#fateOf = fateOf
  }

  /** Newest first. */
  of(group: number): readonly GroupMoment[] {
    return this.#moments.get(group)?.toReversed() ?? []
  }

  leaderChanged(group: number, leader: PeerId | undefined, term: number): void {
    const before = this.#leaders.get(group)
    // That there is none before the first is known is no news.
    if (before === undefined && leader === undefined) return
    const why = this.#why(before, leader)
    if (leader !== undefined) this.#leaders.set(group, leader)
    this.#add(group, { type: 'leader', at: this.#now, leader, term, why })
  }

  membersChanged(group: number, reason: ElectionReason): void {
    this.#add(group, { type: 'members', at: this.#now, reason })
  }

  split(group: number, child: number): void {
    this.#add(group, { type: 'split', at: this.#now, child })
  }

  /** What can be told from here; why its voters voted so, nobody knows. */
  #why(before: PeerId | undefined, leader: PeerId | undefined): string {
    if (leader === undefined) return 'none is heard'
    if (before === undefined) return 'the first that this peer knows of'
    if (before === leader) return 'elected again'
    switch (this.#fateOf(before)) {
      case 'left':
        return 'the one before was stopped'
      case 'dead':
      case 'suspect':
        return 'the one before does not answer'
      case 'alive':
      case undefined:
        return 'the one before handed over, or was not heard in time'
    }
  }

  get #now(): string {
    return new Date(this.#clock.wallMs()).toISOString()
  }

  #add(group: number, moment: GroupMoment): void {
    const moments = this.#moments.get(group) ?? []
    moments.push(moment)
    if (moments.length > MOMENTS_MAX) moments.shift()
    this.#moments.set(group, moments)
  }
}
