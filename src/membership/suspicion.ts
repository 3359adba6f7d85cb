import type { PeerId } from '../base/environment.ts'
import type { Profile } from './profile.ts'

/**
 * How long a suspect has to refute. Long at first, for the accuser may be the slow one; shorter with
 * each further peer that accuses independently, down to a minimum after K of them:
 *
 *     timeout = max − (max − min) · ln(C + 1) / ln(K + 1)       C confirmations of K
 *
 * Invariant: `accusers` are distinct, so one accuser never shortens anything; 1 ≤ accusers ≤ K + 1.
 */
export class Suspicion {
  readonly startedMs: number
  readonly #accusers: PeerId[]
  readonly #confirmationsMax: number
  readonly #minMs: number
  readonly #maxMs: number
  readonly #ripeShare: number

  /** @param n how many peers are thought to live, this one included */
  constructor(
    profile: Profile,
    { n, accuser, nowMs }: { n: number; accuser: PeerId; nowMs: number },
  ) {
    this.startedMs = nowMs
    this.#accusers = [accuser]
    this.#ripeShare = profile.ripeShare
    this.#confirmationsMax = confirmationsNeeded(profile, n)
    this.#minMs = suspicionMinMs(profile, n)
    this.#maxMs = this.#confirmationsMax === 0 ? this.#minMs : this.#minMs * profile.suspicionBeta
  }

  get accusers(): readonly PeerId[] {
    return this.#accusers
  }

  /** When the suspect is dead if nothing more is heard. */
  get deadlineMs(): number {
    return this.startedMs + this.#timeoutMs()
  }

  /** Whether the word of this peer would still change anything. */
  isNews(accuser: PeerId): boolean {
    return this.#accusers.length <= this.#confirmationsMax && !this.#accusers.includes(accuser)
  }

  confirm(accuser: PeerId): void {
    this.#accusers.push(accuser)
  }

  /** Whether it has lasted so long that another's verdict may be believed. */
  isRipe(nowMs: number): boolean {
    return nowMs - this.startedMs >= this.#minMs * this.#ripeShare
  }

  #timeoutMs(): number {
    const confirmations = this.#accusers.length - 1
    if (confirmations === 0) return this.#maxMs
    const share = Math.log(confirmations + 1) / Math.log(this.#confirmationsMax + 1)
    return this.#maxMs - (this.#maxMs - this.#minMs) * share
  }
}

/** K: none where there are too few others to give them. */
function confirmationsNeeded({ suspicionAlpha }: Profile, n: number): number {
  const wanted = suspicionAlpha - 2
  return n - 2 < wanted ? 0 : wanted
}

function suspicionMinMs({ suspicionAlpha, periodMs }: Profile, n: number): number {
  return suspicionAlpha * Math.max(1, Math.log10(n)) * periodMs
}
