import type { Clock, Timers } from '../base/environment.ts'
import { codeOf } from '../base/errors.ts'
import { sleep } from '../base/waiting.ts'
import { hasEnded } from './fragment-collector.ts'
import type { FragmentHealth } from './fragment-health.ts'
import type { FragmentIndex, IndexedFragment } from './fragment-index.ts'
import type { FragmentNames } from './fragment-names.ts'
import { UNREADABLE } from './fragment-record.ts'
import { Limiter } from './limiter.ts'

const PAGE = 16
const START = new Uint8Array(0)

export interface FragmentScrubberOptions {
  readonly index: FragmentIndex
  readonly health: FragmentHealth
  readonly names: FragmentNames
  readonly clock: Clock
}

export interface ScrubPass {
  readonly checked: number
  readonly rotten: number
  /** Records that are gone: only the catalog knows which. */
  readonly lost: number
}

export interface ScrubPace {
  readonly timers: Timers
  /** Share of the time in which the scrubber reads. @default 0.05 */
  readonly share?: number
  /** @default one day */
  readonly pauseMs?: number
}

/**
 * Looks at everything the store holds, in the order of the ids, and finds what has rotted before a
 * reader needs it. Each pass begins with a census, which finds records that vanished altogether.
 * Its place is kept, so a pass goes on after a restart.
 *
 * It is also the second line of the collector: should the hint be lost that something has ended, it
 * is written again.
 */
export class FragmentScrubber {
  readonly #options: FragmentScrubberOptions
  readonly #passes = new Limiter('scrub passes', 1)

  constructor(options: FragmentScrubberOptions) {
    this.#options = options
  }

  /**
   * Goes on from where the last one stopped to the end. `rest` is called after each fragment.
   * @throws {HoldfastError} `BUSY` while another pass runs; `DISK_*`; the signal's reason
   */
  pass(
    rest: (busyMs: number) => Promise<void> = () => Promise.resolve(),
    signal?: AbortSignal,
  ): Promise<ScrubPass> {
    return this.#passes.run(() => this.#pass(rest, signal))
  }

  async #pass(
    rest: (busyMs: number) => Promise<void>,
    signal: AbortSignal | undefined,
  ): Promise<ScrubPass> {
    const { index, clock } = this.#options
    let cursor = await index.scrubCursor()
    const pass = { checked: 0, rotten: 0, lost: cursor.length === 0 ? await this.#census() : 0 }
    for (;;) {
      const page = await index.page(cursor, PAGE)
      for (const fragment of page) {
        signal?.throwIfAborted()
        const startedMs = clock.monotonicMs()
        if (!(await this.#check(fragment, signal))) pass.rotten++
        pass.checked++
        await rest(clock.monotonicMs() - startedMs)
      }
      cursor = page.at(-1)?.id ?? START
      await index.setScrubCursor(cursor)
      if (cursor.length === 0) return pass
    }
  }

  /**
   * Makes passes until it is told to stop, at a pace that leaves the disk to others: after each
   * fragment it rests so long that reading takes no more than its share.
   */
  async run(
    { timers, share = 0.05, pauseMs = 86_400_000 }: ScrubPace,
    signal: AbortSignal,
  ): Promise<never> {
    const rest = (busyMs: number): Promise<void> => sleep(timers, busyMs * (1 / share - 1), signal)
    for (;;) {
      await this.pass(rest, signal)
      await sleep(timers, pauseMs, signal)
    }
  }

  async #census(): Promise<number> {
    const { index, health } = this.#options
    const difference = await index.census()
    let lost = 0
    if (difference.fragments !== 0 || difference.fingerprint !== 0) {
      // Some may be back that had been removed, so there may be more than this.
      lost = Math.max(1, difference.fragments)
      health.report({ kind: 'lost', fragments: lost })
      await health.adoptOrphans()
    }
    await index.writeOff(difference)
    return lost
  }

  /** Returns whether the fragment is as it was written, or is nobody's business any more. */
  async #check({ id, record }: IndexedFragment, signal?: AbortSignal): Promise<boolean> {
    const { index, health, clock } = this.#options
    if (!this.#isName(id)) {
      await index.turn(id, (_, apply) => apply({ record: 'removed', sync: false }))
      health.report({ kind: 'lost', fragments: 1 })
      return false
    }
    const nowMs = clock.wallMs()
    const isDue =
      record.references.length === 0 || record.references.some(entry => hasEnded(entry, nowMs))
    if (isDue && record !== UNREADABLE) await this.#hintAgain(id)
    if (record !== UNREADABLE && record.references.length === 0) return true
    return !record.isRotten || record === UNREADABLE ? health.verify(id, record, signal) : true
  }

  #hintAgain(id: Uint8Array): Promise<void> {
    return this.#options.index.turn(id, async (record, apply) => {
      if (record === undefined || record === UNREADABLE) return
      await apply({ record, renewsHints: true, sync: false })
    })
  }

  /** The key of a record can rot like everything else. */
  #isName(id: Uint8Array): boolean {
    try {
      this.#options.names.encode(id)
      return true
    } catch (error) {
      if (codeOf(error) === undefined) throw error
      return false
    }
  }
}
