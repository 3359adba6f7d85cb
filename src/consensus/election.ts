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
import { isJoint, type Membership } from './configuration.ts'
import type {
  ElectionGroup,
  ElectionHold,
  ElectionPeer,
  ElectionReason,
  LearnerFault,
  LearnerPurpose,
} from './election-input.ts'
import { ElectionView, FLAPS_PER_HOUR_MAX } from './election-view.ts'
import { chooseSpread, zoneCap, zoneCounts } from './election-zones.ts'
import type { ReplicaId } from './entry.ts'
import { majorityOf } from './quorum.ts'

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

export interface ElectionDecision {
  readonly membership: Membership
  readonly reason: ElectionReason
}

const DEAD_MS = 60_000
const DEAD_URGENT_MS = 30_000
const SILENT_MS = 30_000
const SILENT_ALONE_MS = 600_000
const SPACING_MS = 60_000
const SWAP_RATIO = 1.2
const SWAP_AFTER_MS = 600_000
const SWAP_SPACING_MS = 600_000
const LEARNERS_WARM_MAX = 2
const LEARNER_IDLE_MS = 600_000
/** For how long a decision is given to show. */
const PATIENCE_MS = 10_000

export class Election {
  readonly #votersMax: number
  readonly #holds: ElectionHold[] = []
  #view: ElectionView | undefined
  #lastChangeMs = 0
  #lastSwapMs = 0
  #decidedMs = -Infinity
  /** The configuration a decision was made on. */
  #decidedOn = ''
  #swap: { readonly pair: string; readonly sinceMs: number } | undefined
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
    this.#lastSwapMs = nowMs
    this.#decidedMs = -Infinity
    this.#swap = undefined
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
    if (reason.code === 'SWAP') this.#lastSwapMs = nowMs
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
    const bySize = peers < 3 ? 1 : peers < 7 ? 3 : this.#votersMax === 7 && peers >= 9 ? 7 : 5
    return Math.min(bySize, this.#votersMax)
  }

  #decide(view: ElectionView, target: number): ElectionDecision | undefined {
    return (
      this.#dropUseless(view) ??
      this.#replaceLost(view) ??
      this.#resize(view, target) ??
      this.#demoteFlapping(view) ??
      this.#spreadZones(view) ??
      this.#swapWorst(view) ??
      this.#prepare(view) ??
      this.#dropIdle(view)
    )
  }

  #replaceLost(view: ElectionView): ElectionDecision | undefined {
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
        return this.#replace(view, replica, by => ({ code: 'REPLACE_WIPED', replica, by }))
      }
      if (deadMs >= deadMsMin && silentMs >= SILENT_MS) {
        return this.#replace(view, replica, by => ({
          code: 'REPLACE_DEAD',
          replica,
          by,
          deadMs,
          silentMs,
        }))
      }
      if (silentMs >= SILENT_ALONE_MS) {
        return this.#replace(view, replica, by => ({
          code: 'REPLACE_SILENT',
          replica,
          by,
          silentMs,
        }))
      }
    }
    return undefined
  }

  #resize(view: ElectionView, target: number): ElectionDecision | undefined {
    const from = view.voters.length
    if (target > from) {
      // As many at a time as may be learners: from one odd number to the next.
      const to = from + (from % 2 === 0 ? 1 : LEARNERS_WARM_MAX)
      const reason = { code: 'GROW', from, to } as const
      return this.#seat(view, { out: [], seats: to - from, purpose: 'GROW' }, () => reason)
    }
    if (target === from || !this.#isSpaced(view, this.#lastChangeMs, SPACING_MS)) return undefined
    const out = view.worstFirst().slice(0, from - target)
    const voters = view.voters.filter(voter => !out.includes(voter))
    // Who can still be reached keeps its copy, as learner.
    const kept = out.filter(voter => view.isHealthy(voter)).slice(0, LEARNERS_WARM_MAX)
    const learners = [...new Set([...view.learners, ...kept])]
    const reason = { code: 'SHRINK', from, to: target } as const
    return this.#isSafe(view, voters, true)
      ? { membership: { voters, learners }, reason }
      : undefined
  }

  #demoteFlapping(view: ElectionView): ElectionDecision | undefined {
    for (const replica of view.others) {
      const { flapsPerHour = 0 } = view.peer(replica) ?? {}
      if (!(flapsPerHour > FLAPS_PER_HOUR_MAX)) continue
      if (!this.#isSpaced(view, this.#lastChangeMs, SPACING_MS)) return undefined
      const change = this.#replace(view, replica, by => ({
        code: 'DEMOTE_FLAPPING',
        replica,
        by,
        flapsPerHour,
      }))
      if (change !== undefined) return change
    }
    return undefined
  }

  #spreadZones(view: ElectionView): ElectionDecision | undefined {
    const counts = zoneCounts(view.peersOf(view.voters))
    const cap = zoneCap(view.voters.length, view.zones)
    for (const [zone, voters] of counts) {
      if (voters <= cap) continue
      const replica = view.worstFirst().find(voter => view.peer(voter)?.zone === zone)
      if (replica === undefined || !this.#isSpaced(view, this.#lastChangeMs, SPACING_MS)) continue
      return this.#replace(view, replica, by => ({
        code: 'SPREAD_ZONES',
        replica,
        by,
        zone,
        voters,
      }))
    }
    return undefined
  }

  #swapWorst(view: ElectionView): ElectionDecision | undefined {
    const replica = view.worstFirst().find(voter => view.isHealthy(voter))
    const best = replica === undefined ? undefined : this.#betterThan(view, replica)
    if (replica === undefined || best === undefined) return this.#noSwap()
    const pair = pairOf(replica, best)
    if (this.#swap?.pair !== pair) this.#swap = { pair, sinceMs: view.nowMs }
    if (view.nowMs - this.#swap.sinceMs < SWAP_AFTER_MS) return undefined
    if (!this.#isSpaced(view, this.#lastSwapMs, SWAP_SPACING_MS)) return undefined
    const score = view.scoreOf(replica)
    const byScore = best.score
    return this.#replace(view, replica, by => ({ code: 'SWAP', replica, by, score, byScore }), [
      best,
    ])
  }

  /** Clearly steadier than this voter, and no loss for the spread over zones. */
  #betterThan(view: ElectionView, replica: ReplicaId): ElectionPeer | undefined {
    const stay = view.peersOf(view.voters.filter(voter => voter !== replica))
    const zonesMin = zoneCounts(view.peersOf(view.voters)).size
    const scoreMin = SWAP_RATIO * view.scoreOf(replica)
    const better = view
      .candidates()
      .filter(peer => peer.score > 0 && peer.score >= scoreMin)
      .filter(peer => zoneCounts([...stay, peer]).size >= zonesMin)
    const cap = zoneCap(view.voters.length, view.zones)
    const isPreferred = (peer: ElectionPeer): boolean => this.#swap?.pair === pairOf(replica, peer)
    return chooseSpread(stay, better, { seats: 1, cap, isPreferred })[0]
  }

  #noSwap(): undefined {
    this.#swap = undefined
  }

  /** A learner in time: for a voter that seems dead, or as the only copy beside a single voter. */
  #prepare(view: ElectionView): ElectionDecision | undefined {
    const failing = view.others.find(voter => view.deadMs(voter) > 0)
    const purpose =
      failing !== undefined ? 'PREPARE' : view.voters.length === 1 ? 'COPY' : undefined
    if (purpose === undefined) return undefined
    const stay = view.voters.filter(voter => voter !== failing)
    const [wanted] = this.#choose(view, stay, 1)
    if (wanted === undefined) return undefined
    this.#neededMs.set(wanted.replica, view.nowMs)
    return view.learners.includes(wanted.replica)
      ? undefined
      : this.#addLearner(view, wanted, purpose)
  }

  #replace(
    view: ElectionView,
    replica: ReplicaId,
    reasonFor: (by: ReplicaId) => ElectionReason & { readonly by: ReplicaId },
    candidates?: readonly ElectionPeer[],
  ): ElectionDecision | undefined {
    const purpose = reasonFor('').code as LearnerPurpose
    return this.#seat(view, { out: [replica], seats: 1, purpose, candidates }, ([by]) =>
      reasonFor(by as ReplicaId),
    )
  }

  /** Takes some out and seats as many others as said, or first sees to it that they are ready. */
  #seat(
    view: ElectionView,
    { out, seats, purpose, candidates }: Seating,
    reasonFor: (by: readonly ReplicaId[]) => ElectionReason,
  ): ElectionDecision | undefined {
    const stay = view.voters.filter(voter => !out.includes(voter))
    const chosen = this.#choose(view, stay, seats, candidates)
    for (const { replica } of chosen) this.#neededMs.set(replica, view.nowMs)
    if (chosen.length < seats) return this.#hold({ code: 'NO_CANDIDATE', purpose })
    const absent = chosen.find(({ replica }) => !view.learners.includes(replica))
    if (absent !== undefined) return this.#addLearner(view, absent, purpose)
    const late = chosen.find(({ replica }) => !view.isReady(replica))
    if (late !== undefined) return this.#hold(view.catchingUp(late.replica))
    const by = chosen.map(({ replica }) => replica)
    const voters = [...stay, ...by]
    if (!this.#isSafe(view, voters, false)) return undefined
    const reason = reasonFor(by)
    const demoted = reason.code === 'DEMOTE_FLAPPING' ? out : []
    const learners = [...view.learners.filter(learner => !by.includes(learner)), ...demoted]
    return { membership: { voters, learners }, reason }
  }

  #choose(
    view: ElectionView,
    stay: readonly ReplicaId[],
    seats: number,
    candidates: readonly ElectionPeer[] = view.candidates(),
  ): ElectionPeer[] {
    const cap = zoneCap(stay.length + seats, view.zones)
    const isPreferred = ({ replica }: ElectionPeer): boolean => view.learners.includes(replica)
    return chooseSpread(view.peersOf(stay), candidates, { seats, cap, isPreferred })
  }

  #addLearner(
    view: ElectionView,
    { replica }: ElectionPeer,
    purpose: LearnerPurpose,
  ): ElectionDecision | undefined {
    if (view.learners.length >= LEARNERS_WARM_MAX) {
      const idle = view.learners.find(learner => this.#neededMs.get(learner) !== view.nowMs)
      return idle === undefined ? undefined : drop(view, idle, 'not needed')
    }
    const { voters, learners } = view
    return {
      membership: { voters, learners: [...learners, replica] },
      reason: { code: 'ADD_LEARNER', replica, purpose },
    }
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

  #isSpaced(view: ElectionView, lastMs: number, spacingMs: number): boolean {
    const leftMs = lastMs + spacingMs - view.nowMs
    if (leftMs > 0) this.#hold({ code: 'SPACING', leftMs })
    return leftMs <= 0
  }

  #isSafe(view: ElectionView, next: readonly ReplicaId[], mayBearLess: boolean): boolean {
    for (const voters of [view.voters, next]) {
      const healthy = voters.filter(voter => view.isHealthy(voter)).length
      const needed = majorityOf(voters.length)
      if (healthy >= needed) continue
      this.#hold({ code: 'QUORUM_AT_RISK', healthy, needed })
      return false
    }
    return mayBearLess || view.toleranceOf(next) >= view.toleranceOf(view.voters)
  }

  #hold(hold: ElectionHold): undefined {
    this.#holds.push(hold)
  }
}

interface Seating {
  readonly out: readonly ReplicaId[]
  readonly seats: number
  readonly purpose: LearnerPurpose
  readonly candidates?: readonly ElectionPeer[] | undefined
}

const pairOf = (voter: ReplicaId, by: ElectionPeer): string => JSON.stringify([voter, by.replica])

const drop = (
  { voters, learners }: ElectionView,
  replica: ReplicaId,
  why: LearnerFault,
): ElectionDecision => ({
  membership: { voters, learners: learners.filter(learner => learner !== replica) },
  reason: { code: 'DROP_LEARNER', replica, why },
})
