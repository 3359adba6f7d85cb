import type { PeerId, Random } from '../base/environment.ts'
import type { PeerState } from './core-types.ts'
import { hashOf, KnowledgeHash } from './knowledge.ts'
import { isLive, type Member } from './member.ts'
import type { PeerRecord } from './record.ts'

/** Peers remembered at most, the dead included; more are not believed in. */
export const MEMBERS_MAX = 4_096
interface Update {
  readonly record?: PeerRecord
  readonly state?: PeerState
}

/** Draws per wanted member before giving up: with few fitting ones the draw is not exhaustive. */
const DRAWS_PER_PICK = 6

/**
 * All other peers this one knows. Found by id, and drawn by chance from a dense list.
 *
 * Invariant: `list[m.index] === m` for every member; `liveCount` counts the live ones; `hash` covers
 * the record and state of each.
 */
export class MemberTable {
  readonly #byPeer = new Map<PeerId, Member>()
  readonly #list: Member[] = []
  readonly #random: Random
  readonly hash: KnowledgeHash = new KnowledgeHash()
  #liveCount = 0
  #liveRevision = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** Members that are alive or suspect, without this peer. */
  get liveCount(): number {
    return this.#liveCount
  }

  /** Changes whenever another set of members is alive or suspect. */
  get liveRevision(): number {
    return this.#liveRevision
  }

  get size(): number {
    return this.#list.length
  }

  get members(): readonly Member[] {
    return this.#list
  }

  get(peer: PeerId): Member | undefined {
    return this.#byPeer.get(peer)
  }

  add(
    record: PeerRecord,
    state: PeerState,
    { sinceMs, why }: { sinceMs: number; why: string },
  ): Member {
    const member: Member = {
      peer: record.peer,
      idHash: hashOf(record.peer),
      record,
      state,
      sinceMs,
      why,
      accusation: undefined,
      suspicion: undefined,
      timer: undefined,
      upSinceMs: sinceMs,
      track: undefined,
      roundTrip: undefined,
      responsiveness: 1,
      vitals: undefined,
      vitalsAtMs: 0,
      healthMean: 0,
      index: this.#list.length,
    }
    this.#byPeer.set(record.peer, member)
    this.#list.push(member)
    this.hash.add(member.idHash, record, state)
    if (isLive(member)) this.#count(1)
    return member
  }

  /** A later record, or another state. */
  update(member: Member, { record = member.record, state = member.state }: Update): void {
    const wasLive = isLive(member)
    this.hash.remove(member.idHash, member.record, member.state)
    member.record = record
    member.state = state
    this.hash.add(member.idHash, record, state)
    if (isLive(member) !== wasLive) this.#count(wasLive ? -1 : 1)
  }

  remove(member: Member): void {
    this.hash.remove(member.idHash, member.record, member.state)
    if (isLive(member)) this.#count(-1)
    this.#byPeer.delete(member.peer)
    const last = this.#list.pop() as Member
    if (last === member) return
    this.#list[member.index] = last
    last.index = member.index
  }

  #count(change: 1 | -1): void {
    this.#liveCount += change
    this.#liveRevision++
  }

  /** Up to `count` different members that fit, by chance; may miss some if few fit. */
  pick(count: number, fits: (member: Member) => boolean): Member[] {
    const size = this.#list.length
    if (size <= count * DRAWS_PER_PICK)
      return this.#random.shuffle(this.#list.filter(fits)).slice(0, count)
    const picked: Member[] = []
    for (let draws = 0; draws < count * DRAWS_PER_PICK && picked.length < count; draws++) {
      const member = this.#list[this.#random.below(size)] as Member
      if (!picked.includes(member) && fits(member)) picked.push(member)
    }
    return picked
  }
}
