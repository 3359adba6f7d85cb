/**
 * Counts how safe the segments of one group are, beside its leader: goes through all of them, page by
 * page, and sees of each how many more of its fragments may be lost, and how many are on nobody who is
 * there. A pass begins at once when the roster changes or something was placed, and else every few
 * seconds, or up to a minute where one takes long; it rests ten times as long as it works, so a large
 * group takes longer and costs no more.
 *
 * What it says is of placements that were proven before they were listed, never of work in progress.
 */
import type { Clock, Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import type { PeerView } from '../../placement/peer-view.ts'
import { lostOf, marginOf } from '../../placement/segment-view.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { Bell } from './bell.ts'
import { listed } from './listed-segment.ts'

export interface CensusOptions {
  readonly group: number
  readonly catalog: Pick<Catalog, 'askOf'>
  readonly clock: Clock
  readonly timers: Timers
  readonly views: () => readonly PeerView[]
}

/** What one pass has counted. */
export interface Count {
  readonly segments: number
  /** How many segments may lose how many more of their fragments. */
  readonly margins: ReadonlyMap<number, number>
  /** How many segments lack how many of their fragments; those that lack none are left out. */
  readonly missing: ReadonlyMap<number, number>
}

const PAGE = 256
const CALL_MS = 10_000
const REST_PER_WORK = 10
const REST_MS_MIN = 1
/** Between two passes, whatever happens. */
const BETWEEN_MS = 1_000
const ANEW_PER_PASS = 100
const ANEW_MS_MIN = 5_000
const ANEW_MS_MAX = 60_000

export class Census {
  readonly #options: CensusOptions
  readonly #bell = new Bell()
  #last: { readonly count: Count; readonly atMs: number } | undefined

  constructor(options: CensusOptions) {
    this.#options = options
  }

  /** What was counted last, and how long ago; undefined before the first pass is done. */
  get last(): { readonly count: Count; readonly msAgo: number } | undefined {
    if (this.#last === undefined) return undefined
    const { count, atMs } = this.#last
    return { count, msAgo: this.#options.clock.monotonicMs() - atMs }
  }

  /** Peers or placements are not what they were. */
  changed(): void {
    this.#bell.ring()
  }

  async run(signal: AbortSignal): Promise<never> {
    const { clock, timers } = this.#options
    for (;;) {
      const startMs = clock.monotonicMs()
      const count = await this.#pass(signal)
      const endMs = clock.monotonicMs()
      if (count !== undefined) this.#last = { count, atMs: endMs }
      await sleep(timers, BETWEEN_MS, signal)
      if (count === undefined) continue
      const anewMs = Math.max(ANEW_MS_MIN, (endMs - startMs) * ANEW_PER_PASS)
      await this.#rest(Math.min(ANEW_MS_MAX, anewMs), signal)
    }
  }

  /** Until something has changed, or so long. */
  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    const within = AbortSignal.any([signal, over.signal])
    try {
      const rung = this.#bell.wait(within)
      rung.catch(() => undefined)
      await Promise.race([rung, sleep(this.#options.timers, ms, within)])
    } finally {
      over.abort(new Error('rested'))
    }
  }

  /** Undefined if the group could not be asked to the end. */
  async #pass(signal: AbortSignal): Promise<Count | undefined> {
    const { catalog, group, clock, timers } = this.#options
    const count = { segments: 0, margins: new Map<number, number>(), missing: new Map() }
    let after: Uint8Array | undefined
    do {
      const startMs = clock.monotonicMs()
      try {
        const asked = { after, limit: PAGE }
        const call = { deadlineMs: CALL_MS, signal }
        const page = await catalog.askOf(group, 'allSegments', asked, call)
        this.#add(count, page.items)
        after = page.next
      } catch (error) {
        if (codeOf(error) === undefined || signal.aborted) throw error
        return undefined
      }
      if (after === undefined) break
      const tookMs = clock.monotonicMs() - startMs
      await sleep(timers, Math.max(REST_MS_MIN, tookMs * REST_PER_WORK), signal)
    } while (after !== undefined)
    return count
  }

  #add(
    count: { segments: number; margins: Map<number, number>; missing: Map<number, number> },
    page: readonly Parameters<typeof listed>[0][],
  ): void {
    const peers = new Map(this.#options.views().map(view => [view.seat, view]))
    for (const segment of page.map(listed)) {
      count.segments++
      increase(count.margins, marginOf(segment, peers))
      const lost = lostOf(segment, peers).length
      if (lost > 0) increase(count.missing, lost)
    }
  }
}

const increase = (counts: Map<number, number>, of: number): void =>
  void counts.set(of, (counts.get(of) ?? 0) + 1)
