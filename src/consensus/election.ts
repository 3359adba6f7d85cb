/**
 * Who should vote. The leader looks at the peers every second or so and, if something ought to
 * change, says which membership is wanted and why; Raft then gets there by one joint step.
 *
 * How many: 1 voter below 3 peers, 3 below 7, else 5 (7 by option). Deaths shrink nothing for a day.
 *
 * Of what ought to change, the first of these, and never two changes at once:
 *  1. A voter that is dead, or whose store is gone, or that the leader has not heard for long, gives
 *     its seat to another. Dead means 60 s, or 30 s if no further death could be borne and the other
 *     is ready; and no word to the leader for 30 s, for the others may be wrong about it.
 *  2. Seats that the number of peers allows are filled; those it no longer bears are given up.
 *  3. A voter that comes and goes makes way.
 *  4. Where three zones could share the voters, none has a majority.
 *  5. A voter makes way for one that has been 1.2 times as steady for 10 minutes.
 * 3 to 5, and giving up seats, wait a minute after the change before, swaps ten.
 *
 * A newcomer is learner first, until it has been close to the end of the log for 10 s (2 s while the
 * group is short of voters), and then takes the seat in the same step in which the other loses it:
 * the group is never smaller in between. The leader never removes itself.
 *
 * No change is made unless majorities of the old and of the new voters are healthy, and unless the
 * new bear as many deaths as the old do (but for giving up seats).
 *
 * Memory is the leader's own and begins anew with it, so that a new leader is slow, never rash.
 */
import { isJoint } from './configuration.ts'
import type { ElectionGroup, ElectionHold, ElectionPeer } from './election-input.ts'
import { drop, type ElectionDecision, ElectionSeats, LEARNERS_WARM_MAX } from './election-seats.ts'
import { ElectionSwap } from './election-swap.ts'
import { ElectionView, FLAPS_PER_HOUR_MAX } from './election-view.ts'
import { zoneCap, zoneCounts } from './election-zones.ts'
import type { ReplicaId } from './entry.ts'

export interface ElectionOptions {
  /** @default 5 */
  readonly votersMax?: 1 | 3 | 5 | 7
}

export interface Observation {
  readonly type: 'observe'
  readonly peers: readonly ElectionPeer[]
  readonly group: ElectionGroup
}

/** What to do, or why nothing; both may be empty: all is well. */
export interface ElectionOutcome {
  readonly decision: ElectionDecision | undefined
  readonly holds: readonly ElectionHold[]
  /** Voters there should be. */
  readonly target: number
}

const DEAD_MS = 60_000
const DEAD_URGENT_MS = 30_000
const SILENT_MS = 30_000
const SILENT_ALONE_MS = 600_000
const SPACING_MS = 60_000
const LEARNER_IDLE_MS = 600_000
/** For how long a decision is given to show. */
const PATIENCE_MS = 10_000

export class Election {
  readonly #votersMax: number
  readonly #holds: ElectionHold[] = []
  #view: ElectionView | undefined
  #lastChangeMs = 0
  #decidedMs = -Infinity
  /** The configuration a decision was made on. */
  #decidedOn = ''
  readonly #swap = new ElectionSwap()
  readonly #neededMs: Map<ReplicaId, number> = new Map()

  constructor({ votersMax = 5 }: ElectionOptions = {}) {
    this.#votersMax = votersMax
  }

  step({ peers, group }: Observation, nowMs: number): ElectionOutcome {
    this.#holds.length = 0
    if (!group.isLeader) {
      this.#view = undefined
      return this.#outcome(undefined, group.configuration.voters.length, { code: 'NOT_LEADER' })
    }
    if (this.#view === undefined) this.#begin(nowMs)
    const view = new ElectionView(peers, group, nowMs, this.#view)
    this.#view = view
    for (const replica of this.#neededMs.keys()) {
      if (!view.learners.includes(replica)) this.#neededMs.delete(replica)
    }
    const target = this.#target(view)
    view.isShort = view.healthyVoters().length < target
    if (this.#isChanging(group, nowMs)) {
      return this.#outcome(undefined, target, { code: 'CHANGING' })
    }
    const decision = this.#decide(view, target)
    if (decision !== undefined) this.#remember(decision, group, nowMs)
    return this.#outcome(decision, target)
  }

  #begin(nowMs: number): void {
    this.#lastChangeMs = nowMs
    this.#swap.begin(nowMs)
    this.#decidedMs = -Infinity
    this.#neededMs.clear()
  }

  #outcome(
    decision: ElectionDecision | undefined,
    target: number,
    ...holds: ElectionHold[]
  ): ElectionOutcome {
    return { decision, holds: [...this.#holds, ...holds], target }
  }

  #isChanging({ isChanging, configuration }: ElectionGroup, nowMs: number): boolean {
    if (isChanging || isJoint(configuration)) return true
    const isSame = this.#decidedOn === JSON.stringify(configuration)
    return isSame && nowMs - this.#decidedMs < PATIENCE_MS
  }

  #remember({ reason }: ElectionDecision, group: ElectionGroup, nowMs: number): void {
    this.#decidedMs = nowMs
    this.#decidedOn = JSON.stringify(group.configuration)
    if (reason.code === 'ADD_LEARNER' || reason.code === 'DROP_LEARNER') return
    this.#lastChangeMs = nowMs
    if (reason.code === 'SWAP') this.#swap.swapped(nowMs)
  }

  /** More only while there are peers for them; fewer only once peers are gone for good. */
  #target(view: ElectionView): number {
    const current = view.voters.length
    const most = this.#size(view.presentCount())
    const least = this.#size(view.knownCount())
    if (current < most) return most
    if (current > least) return least
    return current % 2 === 1 ? current : current - 1
  }

  #size(peers: number): number {
    const bySize = peers < 3 ? 1 : peers < 5 ? 3 : this.#votersMax === 7 && peers >= 9 ? 7 : 5
    return Math.min(bySize, this.#votersMax)
  }

  #decide(view: ElectionView, target: number): ElectionDecision | undefined {
    const seats = new ElectionSeats(view, this.#holds, this.#neededMs)
    return (
      this.#dropUseless(view) ??
      this.#replaceLost(seats) ??
      this.#resize(seats, target) ??
      this.#demoteFlapping(seats) ??
      this.#spreadZones(seats) ??
      this.#swap.decide(seats) ??
      this.#prepare(seats) ??
      this.#dropIdle(view)
    )
  }

  #replaceLost(seats: ElectionSeats): ElectionDecision | undefined {
    const { view } = seats
    const isUrgent = view.toleranceOf(view.voters) <= 0 && view.readyLearners().length > 0
    const deadMsMin = isUrgent ? DEAD_URGENT_MS : DEAD_MS
    const lost = view.others
      .map(replica => ({
        replica,
        deadMs: view.deadMs(replica),
        silentMs: view.silentMs(replica),
        isWiped: view.isWiped(replica),
      }))
      .toSorted((a, b) => Number(b.isWiped) - Number(a.isWiped) || b.deadMs - a.deadMs)
    for (const { replica, deadMs, silentMs, isWiped } of lost) {
      if (isWiped) {
        return seats.replace(replica, by => ({ code: 'REPLACE_WIPED', replica, by }))
      }
      if (deadMs >= deadMsMin && silentMs >= SILENT_MS) {
        return seats.replace(replica, by => ({
          code: 'REPLACE_DEAD',
          replica,
          by,
          deadMs,
          silentMs,
        }))
      }
      if (silentMs >= SILENT_ALONE_MS) {
        return seats.replace(replica, by => ({
          code: 'REPLACE_SILENT',
          replica,
          by,
          silentMs,
        }))
      }
    }
    return undefined
  }

  #resize(seats: ElectionSeats, target: number): ElectionDecision | undefined {
    const { view } = seats
    const from = view.voters.length
    if (target > from) {
      // As many at a time as may be learners: from one odd number to the next.
      const to = from + (from % 2 === 0 ? 1 : LEARNERS_WARM_MAX)
      const reason = { code: 'GROW', from, to } as const
      return seats.seat({ out: [], seats: to - from, purpose: 'GROW' }, () => reason)
    }
    if (target === from || !seats.isSpaced(this.#lastChangeMs, SPACING_MS)) return undefined
    const out = view.worstFirst().slice(0, from - target)
    const voters = view.voters.filter(voter => !out.includes(voter))
    // Who can still be reached keeps its copy, as learner.
    const kept = out.filter(voter => view.isHealthy(voter)).slice(0, LEARNERS_WARM_MAX)
    const learners = [...new Set([...view.learners, ...kept])]
    const reason = { code: 'SHRINK', from, to: target } as const
    return seats.isSafe(voters, true) ? { membership: { voters, learners }, reason } : undefined
  }

  #demoteFlapping(seats: ElectionSeats): ElectionDecision | undefined {
    const { view } = seats
    for (const replica of view.others) {
      const { flapsPerHour = 0 } = view.peer(replica) ?? {}
      if (!(flapsPerHour > FLAPS_PER_HOUR_MAX)) continue
      if (!seats.isSpaced(this.#lastChangeMs, SPACING_MS)) return undefined
      const change = seats.replace(replica, by => ({
        code: 'DEMOTE_FLAPPING',
        replica,
        by,
        flapsPerHour,
      }))
      if (change !== undefined) return change
    }
    return undefined
  }

  #spreadZones(seats: ElectionSeats): ElectionDecision | undefined {
    const { view } = seats
    const counts = zoneCounts(view.peersOf(view.voters))
    const cap = zoneCap(view.voters.length, view.zones)
    for (const [zone, voters] of counts) {
      if (voters <= cap) continue
      const replica = view.worstFirst().find(voter => view.peer(voter)?.zone === zone)
      if (replica === undefined || !seats.isSpaced(this.#lastChangeMs, SPACING_MS)) continue
      return seats.replace(replica, by => ({
        code: 'SPREAD_ZONES',
        replica,
        by,
        zone,
        voters,
      }))
    }
    return undefined
  }

  /** A learner in time: for a voter that seems dead, or as the only copy beside a single voter. */
  #prepare(seats: ElectionSeats): ElectionDecision | undefined {
    const { view } = seats
    const failing = view.others.find(voter => view.deadMs(voter) > 0)
    const purpose =
      failing !== undefined ? 'PREPARE' : view.voters.length === 1 ? 'COPY' : undefined
    if (purpose === undefined) return undefined
    const stay = view.voters.filter(voter => voter !== failing)
    const [wanted] = seats.choose(stay, 1)
    if (wanted === undefined) return undefined
    this.#neededMs.set(wanted.replica, view.nowMs)
    return view.learners.includes(wanted.replica) ? undefined : seats.addLearner(wanted, purpose)
  }

  #dropUseless(view: ElectionView): ElectionDecision | undefined {
    for (const learner of view.learners) {
      if (view.isWiped(learner)) return drop(view, learner, 'wiped')
      if (view.deadMs(learner) >= DEAD_MS) return drop(view, learner, 'dead')
    }
    return undefined
  }

  #dropIdle(view: ElectionView): ElectionDecision | undefined {
    for (const learner of view.learners) {
      const neededMs = this.#neededMs.get(learner)
      if (neededMs === undefined) this.#neededMs.set(learner, view.nowMs)
      else if (view.nowMs - neededMs >= LEARNER_IDLE_MS) return drop(view, learner, 'not needed')
    }
    return undefined
  }
}
