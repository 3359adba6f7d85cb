import type { Clock } from '../../base/environment.ts'
import type { AdmissionFiles } from './admission-files.ts'
import type { Authority, AuthorityEffect, AuthorityEvent } from './authority.ts'
import { joinRefused } from './authority.ts'
import type { MemberBook } from './member-book.ts'

/** Events that may wait for their turn. */
const WAITING_MAX = 256

type Outcome = Extract<AuthorityEffect, { type: 'challenge' | 'welcome' | 'done' | 'refuse' }>

interface Case {
  readonly event: AuthorityEvent
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (error: unknown) => void
}

export interface AuthorityDriverOptions {
  readonly authority: Authority
  /** The private half of the network's key, kept with the books. */
  readonly seed: Uint8Array
  readonly files: AdmissionFiles
  readonly book: MemberBook
  readonly clock: Clock
  /** Told of each record that the authority made, once it is durable. */
  readonly onRecord: (bytes: Uint8Array) => void
}

/**
 * Runs the authority. What waits while the disk is busy is decided together and made durable
 * together, so that twenty newcomers at once cost little more than one; nobody is told an outcome
 * before all of it is on disk.
 */
export class AuthorityDriver {
  readonly #options: AuthorityDriverOptions
  #waiting: Case[] = []
  #isBusy = false

  constructor(options: AuthorityDriverOptions) {
    this.#options = options
  }

  /** @throws {HoldfastError} `JOIN_REFUSED` if too many wait, or what the disk says */
  decide(event: AuthorityEvent): Promise<Outcome> {
    if (this.#waiting.length >= WAITING_MAX) return Promise.reject(joinRefused('too-many-attempts'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ event, resolve, reject })
      if (!this.#isBusy) void this.#work()
    })
  }

  async #work(): Promise<void> {
    this.#isBusy = true
    while (this.#waiting.length > 0) {
      const cases = this.#waiting
      this.#waiting = []
      try {
        const outcomes = await this.#settle(cases)
        for (const [index, { resolve }] of cases.entries()) resolve(outcomes[index] as Outcome)
      } catch (error) {
        for (const { reject } of cases) reject(error)
      }
    }
    this.#isBusy = false
  }

  async #settle(cases: readonly Case[]): Promise<Outcome[]> {
    const { authority, seed, files, book, clock, onRecord } = this.#options
    const nowMs = Math.floor(clock.wallMs())
    const effects = cases.map(({ event }) => authority.step(event, nowMs))
    const all = effects.flat()
    const records = all.flatMap(effect => (effect.type === 'record' ? [effect.bytes] : []))
    const books = all.findLast(effect => effect.type === 'persist')?.books
    for (const record of records) book.learn(record)
    // Either may be there without the other after a crash: see `Authority`.
    await Promise.all([
      books === undefined ? undefined : files.writeAuthority({ seed, books }),
      // Also without new records: what is told may rest on one whose write has failed before.
      book.saved(),
    ])
    for (const record of records) onRecord(record)
    return effects.map(each => each.at(-1) as Outcome)
  }
}
