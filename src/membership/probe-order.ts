import type { PeerId } from '../base/environment.ts'
import { hashOf, mix } from './knowledge.ts'
import type { MemberTable } from './member-table.ts'
import { isLive, type Member } from './member.ts'

/** Slots stay numbers that can be counted up one by one, whatever a clock says. */
const SLOT_LIMIT: number = 2 ** 48
/** A peer that is out of step falls into step again only after so many passes over all others. */
const PASSES_PER_JUMP = 2

/**
 * Whom this peer probes in which period, so that all are probed evenly without a word about it.
 *
 * Wall time is cut into slots of a period, and all peers stand in a ring, ordered by a hash of their
 * id. In one slot everybody probes the peer at the same distance, so each is probed by exactly one;
 * from slot to slot the distance runs through all there are, in an order drawn anew for each pass.
 * Each peer's slots begin at a moment of its own, so that probes do not come in bursts.
 *
 * Where clocks are apart or rosters differ, this is as good as probing by chance, and no worse: a
 * peer walks through the slots one by one, and looks at the clock only now and then.
 *
 * Invariant: whatever the clock says, each of m other peers comes within 4·m turns if they stay.
 */
export class ProbeOrder {
  readonly #table: MemberTable
  readonly #periodMs: number
  readonly #phaseMs: number
  readonly #place: Place
  #slot: number | undefined
  #turnsInStep = 0
  /** The living others, beginning with the next one after this peer. */
  #ring: readonly Member[] = []
  #revision = -1

  constructor(self: PeerId, periodMs: number, table: MemberTable) {
    this.#table = table
    this.#periodMs = periodMs
    this.#phaseMs = (hashOf(`phase of ${self}`) / 2 ** 32) * periodMs
    this.#place = { idHash: hashOf(self), peer: self }
  }

  /** Whose turn it is; undefined if there is nobody else. */
  next(wallMs: number): Member | undefined {
    const ring = this.#others()
    const slot = this.#follow(this.#slotAt(wallMs), ring.length)
    this.#slot = slot
    return ring[distance(slot, ring.length)]
  }

  /** How long after the nearest beginning of a slot this is, or before it if negative. */
  latenessMs(wallMs: number): number {
    const slots = this.#slotsAt(wallMs)
    return (slots - Math.round(slots)) * this.#periodMs
  }

  #follow(clock: number, others: number): number {
    const next = this.#slot === undefined ? clock : this.#slot + 1
    this.#turnsInStep++
    if (next === clock || this.#turnsInStep <= PASSES_PER_JUMP * others) return next
    this.#turnsInStep = 0
    return clock
  }

  #slotAt(wallMs: number): number {
    return modulo(Math.round(this.#slotsAt(wallMs)), SLOT_LIMIT)
  }

  #slotsAt(wallMs: number): number {
    return Number.isFinite(wallMs) ? (wallMs - this.#phaseMs) / this.#periodMs : 0
  }

  #others(): readonly Member[] {
    if (this.#revision === this.#table.liveRevision) return this.#ring
    this.#revision = this.#table.liveRevision
    const sorted = this.#table.members.filter(isLive).toSorted(byPlace)
    const after = sorted.findIndex(member => byPlace(member, this.#place) > 0)
    this.#ring = after < 0 ? sorted : [...sorted.slice(after), ...sorted.slice(0, after)]
    return this.#ring
  }
}

/** 0 … others - 1, each once in a pass of so many slots. */
function distance(slot: number, others: number): number {
  if (others === 0) return 0
  const pass = mix(Math.floor(slot / others) >>> 0)
  const stride = coprimeTo(others, 1 + (pass % others))
  return (stride * (slot % others) + (mix(~pass) % others)) % others
}

/** The first number from `least` on that has no divisor in common with `of`. */
function coprimeTo(of: number, least: number): number {
  let candidate = least
  while (greatestDivisor(of, candidate) > 1) candidate++
  return candidate
}

const greatestDivisor = (a: number, b: number): number => (b === 0 ? a : greatestDivisor(b, a % b))

const modulo = (value: number, by: number): number => ((value % by) + by) % by

type Place = Pick<Member, 'idHash' | 'peer'>

const byPlace = (a: Place, b: Place): number =>
  a.idHash - b.idHash || (a.peer < b.peer ? -1 : a.peer > b.peer ? 1 : 0)
