import { REJECTIONS_MAX, REJECTIONS_WITHIN_MS, SKIPPED_POLLS_MAX } from './options.ts'
import { betterOf, type Sample } from './sample.ts'
import type { Basis, Status } from './status.ts'

/** An NTP server tells UTC; a peer tells what it believes, and how much it trusts that. */
export type SourceKind = 'server' | 'peer'

/** What became of a source in the last poll that asked it. */
export type Verdict =
  | 'unasked'
  | 'silent'
  /** It said it is of no use itself, or asked to be left alone. */
  | 'unusable'
  /** It counts, and agrees with the others. */
  | 'selected'
  /** It counts, and contradicts the others. */
  | 'falseticker'
  /** Nothing rests on it: it does not know UTC, or too few do, or too few agree. */
  | 'surplus'
  /** Its timestamps were rejected too often. */
  | 'excluded'

/** What a peer says beside the time. */
export interface Standing {
  readonly status: Status
  readonly basis: Basis
  readonly rootAgeMs: number
}

/** A server's word is as good as UTC. */
const serverStanding: Standing = { status: 'SYNCED', basis: 'utc', rootAgeMs: 0 }

/** What is known of one source. */
export class Source {
  readonly kind: SourceKind
  readonly name: string
  verdict: Verdict = 'unasked'
  /** The quickest answer of the poll in progress, or of the last one. */
  sample: Sample | undefined
  standing: Standing = serverStanding
  /** Why the last answer was of no use. */
  refusal: string | undefined
  #asksLeft = 0
  #outstanding = 0
  #silentPolls = 0
  #skip = 0
  #rejectedMs: number[] = []

  constructor(kind: SourceKind, name: string) {
    this.kind = kind
    this.name = name
  }

  /** Questions asked and not answered. */
  get outstanding(): number {
    return this.#outstanding
  }

  get asksLeft(): number {
    return this.#asksLeft
  }

  /** @returns whether it takes part in this poll. */
  beginPoll(burst: number): boolean {
    this.sample = undefined
    this.refusal = undefined
    this.#outstanding = 0
    this.#asksLeft = 0
    if (this.#skip > 0) {
      this.#skip--
      return false
    }
    this.#asksLeft = this.#silentPolls === 0 ? burst : 1
    return true
  }

  /** The next question of the burst leaves. */
  ask(): void {
    this.#asksLeft--
    this.#outstanding++
  }

  answer(sample: Sample, standing: Standing | undefined): void {
    this.#outstanding = Math.max(0, this.#outstanding - 1)
    this.sample = betterOf(this.sample, sample)
    this.standing = standing ?? serverStanding
  }

  /** It does not want to be asked, or cannot help: the rest of the burst is spared. */
  refuse(reason: string): void {
    this.refusal = reason
    this.#outstanding = 0
    this.#asksLeft = 0
  }

  /** The poll is over; whoever failed is asked less and less often, servers above all. */
  endPoll(): void {
    if (this.sample !== undefined) {
      this.#silentPolls = 0
      return
    }
    this.verdict = this.refusal === undefined ? 'silent' : 'unusable'
    this.#silentPolls++
    if (this.kind === 'peer') return
    const backoff = 2 ** Math.max(0, this.#silentPolls - SILENT_POLLS_FREE) - 1
    this.#skip = Math.min(SKIPPED_POLLS_MAX, this.refusal === 'rate' ? backoff + 1 : backoff)
  }

  rejected(nowMs: number): void {
    this.#rejectedMs.push(nowMs)
    if (this.#rejectedMs.length > REJECTIONS_MAX) this.#rejectedMs.shift()
  }

  isExcluded(nowMs: number): boolean {
    const [oldest] = this.#rejectedMs
    if (oldest === undefined || this.#rejectedMs.length < REJECTIONS_MAX) return false
    return nowMs - oldest < REJECTIONS_WITHIN_MS
  }
}

/** Polls a server may miss before it is asked less often. */
const SILENT_POLLS_FREE = 3
