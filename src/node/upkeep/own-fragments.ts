/**
 * What a peer does for the fragments it holds, whoever leads what:
 *
 * - it removes what nobody needs any more, and asks the catalog before each;
 * - it reads everything once in a while, and has mended what has rotted;
 * - it looks for fragments that it keeps though the catalog does not list them here: after a while
 *   these are released, and go the way of all garbage.
 */
import type { Clock, Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import type { Finding } from '../../storage/fragment-health.ts'
import type { FragmentInfo, FragmentStore } from '../../storage/fragment-store.ts'
import { Bell } from './bell.ts'
import type { FragmentFault } from './fault-desk.ts'
import type { FragmentClaims } from './fragment-claims.ts'

export interface OwnFragmentsOptions {
  readonly store: FragmentStore
  readonly claims: FragmentClaims
  readonly clock: Clock
  readonly timers: Timers
  readonly ownSeat: (signal: AbortSignal) => Promise<number>
  readonly onFault: (fault: FragmentFault) => void
  /** Records are gone, and only the catalog knows which. */
  readonly onLost: () => void
  readonly collectEveryMs: number
  /** What a pass over everything may take at most, and the pause after it. */
  readonly scrubPassMs: number
  readonly scrubPauseMs: number
  readonly compareEveryMs: number
  /** How long what is not listed stays, for readers and for lists that are late. */
  readonly graceMs: number
}

const PAGE = 100
/** Share of the time in which the scrubber reads, unless a pass would take too long. */
const SCRUB_SHARE = 0.05
const PAGE_REST_MS = 100
/** Findings that wait to be reported; the next pass and the audits find the others. */
const REPORTED_MAX = 1_000

export class OwnFragments {
  readonly #options: OwnFragmentsOptions
  readonly #reported = new Set<string>()
  readonly #bell = new Bell()
  #scrubbed = 0
  #findings = 0

  constructor(options: OwnFragmentsOptions) {
    this.#options = options
  }

  get scrub(): { readonly fragments: number; readonly findings: number } {
    return { fragments: this.#scrubbed, findings: this.#findings }
  }

  /** Of the store: something is not there any more as it was written. */
  onFinding(finding: Finding): void {
    this.#findings += finding.kind === 'lost' ? finding.fragments : 1
    if (finding.kind === 'lost') this.#options.onLost()
    else if (this.#reported.size < REPORTED_MAX) this.#reported.add(finding.id)
    this.#bell.ring()
  }

  async collect(signal: AbortSignal): Promise<never> {
    const { store, claims, timers, ownSeat, collectEveryMs } = this.#options
    const seat = await ownSeat(signal)
    for (;;) {
      await sleep(timers, collectEveryMs, signal)
      await this.#attempt(signal, () =>
        store.collect(
          (_id, reference) => claims.isListed(reference, seat, { isWeak: false, signal }),
          signal,
        ),
      )
    }
  }

  async scrubForEver(signal: AbortSignal): Promise<never> {
    const { store, timers, scrubPassMs, scrubPauseMs } = this.#options
    const rest = (busyMs: number): Promise<void> => {
      this.#scrubbed++
      const share = busyMs * (1 / SCRUB_SHARE - 1)
      const mostMs = scrubPassMs / Math.max(1, store.usage.fragments)
      return sleep(timers, Math.min(share, mostMs), signal)
    }
    for (;;) {
      await this.#attempt(signal, () => store.scrubber.pass(rest, signal))
      await sleep(timers, scrubPauseMs, signal)
    }
  }

  /** Has mended what was found. */
  async report(signal: AbortSignal): Promise<never> {
    const seat = await this.#options.ownSeat(signal)
    for (;;) {
      const [id] = this.#reported
      if (id === undefined) await this.#bell.wait(signal)
      else {
        this.#reported.delete(id)
        await this.#attempt(signal, () => this.#reportOne(id, seat))
      }
    }
  }

  async compareForEver(signal: AbortSignal): Promise<never> {
    const { timers, compareEveryMs, ownSeat } = this.#options
    const seat = await ownSeat(signal)
    for (;;) {
      await sleep(timers, compareEveryMs, signal)
      await this.#attempt(signal, () => this.#compare(seat, signal))
    }
  }

  async #reportOne(id: string, seat: number): Promise<void> {
    const { store, claims, onFault } = this.#options
    const info = await store.stat(id)
    for (const reference of info?.references ?? []) {
      if (!claims.canRead || reference.segment.length === 0) {
        this.#options.onLost()
        return
      }
      const { generation: _, ...name } = claims.nameOf(reference)
      onFault({ name, index: reference.index, seat, isHearsay: false })
    }
  }

  async #compare(seat: number, signal: AbortSignal): Promise<void> {
    const { store, timers } = this.#options
    let page = await store.list({ limit: PAGE })
    while (page.length > 0) {
      for (const info of page) await this.#compareOne(info, seat, signal)
      // One page after the other, for nobody waits for this.
      await sleep(timers, PAGE_REST_MS, signal)
      page = await store.list({ after: (page.at(-1) as FragmentInfo).id, limit: PAGE })
    }
  }

  async #compareOne(
    { id, references }: FragmentInfo,
    seat: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { store, claims, graceMs } = this.#options
    for (const reference of references) {
      // What has a lease ends by itself, and is asked about then.
      if (reference.untilMs !== 0) continue
      await this.#attempt(signal, async () => {
        if (await claims.isListed(reference, seat, { isWeak: true, signal })) return
        await store.release(id, reference, graceMs)
      })
    }
  }

  /** What fails as expected is tried again with the next round. */
  async #attempt(signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      if (codeOf(error) === undefined || signal.aborted) throw error
    }
  }
}
