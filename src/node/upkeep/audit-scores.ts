import type { Clock } from '../../base/environment.ts'
import type { PeerView } from '../../placement/peer-view.ts'
import type { UpkeepStatus } from '../store/upkeep.ts'
import type { AuditShare } from './health-share.ts'

export type Outcome = keyof UpkeepStatus['audits']

/** A peer whose answers were wrong this often, this recently, is given nothing new. */
const WRONG_MAX = 3
const WRONG_MS = 3_600_000

/** What audits found, in all and by peer. */
export class AuditScores {
  readonly #clock: Clock
  readonly #totals: Record<Outcome, number> = { ok: 0, wrong: 0, unknown: 0, offline: 0 }
  readonly #bySeat = new Map<
    number,
    { counts: Record<Outcome, number>; last: Outcome; ms: number }
  >()
  /** When the last wrong answers of a peer came. */
  readonly #wrongMs = new Map<number, number[]>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get totals(): UpkeepStatus['audits'] {
    return { ...this.#totals }
  }

  /** What was found of each peer that was audited here. */
  get audited(): readonly AuditShare[] {
    const nowMs = this.#clock.monotonicMs()
    return [...this.#bySeat].map(([seat, { counts, last, ms }]) => ({
      seat,
      counts: { ...counts },
      last,
      lastMsAgo: nowMs - ms,
    }))
  }

  note(seat: number, outcome: Outcome): void {
    this.#totals[outcome]++
    const ms = this.#clock.monotonicMs()
    const counts = this.#bySeat.get(seat)?.counts ?? { ok: 0, wrong: 0, unknown: 0, offline: 0 }
    counts[outcome]++
    this.#bySeat.set(seat, { counts, last: outcome, ms })
    if (outcome === 'wrong') this.noteWrong(seat)
  }

  /** A reader was given wrong bytes: as bad as an audit that failed. */
  noteWrong(seat: number): void {
    const times = [...(this.#wrongMs.get(seat) ?? []), this.#clock.monotonicMs()]
    this.#wrongMs.set(seat, times.slice(-WRONG_MAX))
  }

  /** The roster as placement should see it: one that was often wrong keeps what it has. */
  judge(views: readonly PeerView[]): readonly PeerView[] {
    return views.map(view =>
      view.state === 'alive' && this.#isDoubtful(view.seat) ? { ...view, state: 'suspect' } : view,
    )
  }

  #isDoubtful(seat: number): boolean {
    const times = this.#wrongMs.get(seat) ?? []
    const [oldest] = times
    if (times.length < WRONG_MAX || oldest === undefined) return false
    return this.#clock.monotonicMs() - oldest < WRONG_MS
  }
}
