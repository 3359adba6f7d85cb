/**
 * How a seat changes hands: the newcomer is found, made a learner, waited for, and seated in the same
 * step in which the other loses its seat; and never if that could cost the group its majority.
 */
import type { Membership } from './configuration.ts'
import type {
  ElectionHold,
  ElectionPeer,
  ElectionReason,
  LearnerFault,
  LearnerPurpose,
} from './election-input.ts'
import type { ElectionView } from './election-view.ts'
import { chooseSpread, zoneCap } from './election-zones.ts'
import type { ReplicaId } from './entry.ts'
import { majorityOf } from './quorum.ts'

export interface ElectionDecision {
  readonly membership: Membership
  readonly reason: ElectionReason
}

export const LEARNERS_WARM_MAX = 2

/** The seats of one look at the group. */
export class ElectionSeats {
  readonly view: ElectionView
  readonly #holds: ElectionHold[]
  /** When each learner was wanted last. */
  readonly #neededMs: Map<ReplicaId, number>

  /** @param holds told why nothing is done, where something could be */
  constructor(view: ElectionView, holds: ElectionHold[], neededMs: Map<ReplicaId, number>) {
    this.view = view
    this.#holds = holds
    this.#neededMs = neededMs
  }

  replace(
    replica: ReplicaId,
    reasonFor: (by: ReplicaId) => ElectionReason & { readonly by: ReplicaId },
    candidates?: readonly ElectionPeer[],
  ): ElectionDecision | undefined {
    const purpose = reasonFor('').code as LearnerPurpose
    return this.seat({ out: [replica], seats: 1, purpose, candidates }, ([by]) =>
      reasonFor(by as ReplicaId),
    )
  }

  /** Takes some out and seats as many others as said, or first sees to it that they are ready. */
  seat(
    { out, seats, purpose, candidates }: Seating,
    reasonFor: (by: readonly ReplicaId[]) => ElectionReason,
  ): ElectionDecision | undefined {
    const stay = this.view.voters.filter(voter => !out.includes(voter))
    const chosen = this.choose(stay, seats, candidates)
    for (const { replica } of chosen) this.#neededMs.set(replica, this.view.nowMs)
    if (chosen.length < seats) return this.hold({ code: 'NO_CANDIDATE', purpose })
    const absent = chosen.find(({ replica }) => !this.view.learners.includes(replica))
    if (absent !== undefined) return this.addLearner(absent, purpose)
    const late = chosen.find(({ replica }) => !this.view.isReady(replica))
    if (late !== undefined) return this.hold(this.view.catchingUp(late.replica))
    const by = chosen.map(({ replica }) => replica)
    const voters = [...stay, ...by]
    if (!this.isSafe(voters, false)) return undefined
    const reason = reasonFor(by)
    const demoted = reason.code === 'DEMOTE_FLAPPING' ? out : []
    const learners = [...this.view.learners.filter(learner => !by.includes(learner)), ...demoted]
    return { membership: { voters, learners }, reason }
  }

  choose(
    stay: readonly ReplicaId[],
    seats: number,
    candidates: readonly ElectionPeer[] = this.view.candidates(),
  ): ElectionPeer[] {
    const cap = zoneCap(stay.length + seats, this.view.zones)
    const isPreferred = ({ replica }: ElectionPeer): boolean => this.view.learners.includes(replica)
    return chooseSpread(this.view.peersOf(stay), candidates, { seats, cap, isPreferred })
  }

  addLearner({ replica }: ElectionPeer, purpose: LearnerPurpose): ElectionDecision | undefined {
    if (this.view.learners.length >= LEARNERS_WARM_MAX) {
      const idle = this.view.learners.find(
        learner => this.#neededMs.get(learner) !== this.view.nowMs,
      )
      return idle === undefined ? undefined : drop(this.view, idle, 'not needed')
    }
    const { voters, learners } = this.view
    return {
      membership: { voters, learners: [...learners, replica] },
      reason: { code: 'ADD_LEARNER', replica, purpose },
    }
  }

  isSpaced(lastMs: number, spacingMs: number): boolean {
    const leftMs = lastMs + spacingMs - this.view.nowMs
    if (leftMs > 0) this.hold({ code: 'SPACING', leftMs })
    return leftMs <= 0
  }

  isSafe(next: readonly ReplicaId[], mayBearLess: boolean): boolean {
    for (const voters of [this.view.voters, next]) {
      const healthy = voters.filter(voter => this.view.isHealthy(voter)).length
      const needed = majorityOf(voters.length)
      if (healthy >= needed) continue
      this.hold({ code: 'QUORUM_AT_RISK', healthy, needed })
      return false
    }
    return mayBearLess || this.view.toleranceOf(next) >= this.view.toleranceOf(this.view.voters)
  }

  hold(hold: ElectionHold): undefined {
    this.#holds.push(hold)
  }
}

interface Seating {
  readonly out: readonly ReplicaId[]
  readonly seats: number
  readonly purpose: LearnerPurpose
  readonly candidates?: readonly ElectionPeer[] | undefined
}

export const drop = (
  { voters, learners }: ElectionView,
  replica: ReplicaId,
  why: LearnerFault,
): ElectionDecision => ({
  membership: { voters, learners: learners.filter(learner => learner !== replica) },
  reason: { code: 'DROP_LEARNER', replica, why },
})
