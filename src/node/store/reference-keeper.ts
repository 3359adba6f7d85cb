/**
 * Tells peers, in the background, what became of the fragments they hold under a lease: `commit` once
 * the catalog lists them, `release` once it is sure that it never will.
 *
 * None of this is needed for safety. What gets lost here, with this process or on its way, the
 * collector of the peer makes up for: a lease that ends is no reason to drop a fragment, only to ask
 * the catalog (`Ask` of `FragmentStore.collect`), by `disown`. Its answer must be taken so:
 *
 *  - `kept`: it is listed here. The reference is kept from then on, as a commit would have done.
 *  - `open`: its content is being written, under an intent or an upload. Keep it and ask again.
 *  - `released`: it is not listed, and no command under way can list it any more. Drop it.
 *
 * So a commit that comes after its lease finds either a kept reference, or `LEASE_EXPIRED` of one
 * that was let go by mistake of nobody: the catalog then lists what the peer has not, which is what
 * `FragmentStore.reconcile` and the audits find. It is told to `onLost` as well.
 */
import type { Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import type { FragmentPeers } from '../fragments/fragment-peers.ts'
import type { Seats } from './seats.ts'
import type { HeldFragment } from './segment-write.ts'

/** Calls under way at once, and how many may wait; more are left to the collectors. */
const AT_ONCE = 32
const WAITING_MAX = 65_536
/** When it is tried again that did not work. */
const PAUSES_MS: readonly number[] = [500, 5_000, 30_000]

interface Errand {
  readonly what: 'commit' | 'release'
  readonly held: HeldFragment
}

export interface ReferenceKeeperOptions {
  readonly timers: Timers
  readonly peers: FragmentPeers
  readonly seats: Seats
  /** Told of a listed fragment that its peer does not have. */
  readonly onLost: (held: HeldFragment) => void
}

export class ReferenceKeeper {
  readonly #options: ReferenceKeeperOptions
  readonly #waiting: Errand[] = []
  readonly #running = new Set<Promise<void>>()
  readonly #controller = new AbortController()

  constructor(options: ReferenceKeeperOptions) {
    this.#options = options
  }

  /** The catalog lists these. */
  commit(fragments: readonly HeldFragment[]): void {
    this.#add('commit', fragments)
  }

  /** The catalog does not list these and never will. */
  release(fragments: readonly HeldFragment[]): void {
    this.#add('release', fragments)
  }

  /** Gives up what is left, which the collectors will make up for. */
  async close(): Promise<void> {
    this.#waiting.length = 0
    this.#controller.abort(new Error('closed'))
    await Promise.all(this.#running)
  }

  /** Resolves once nothing is left to be told. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.race(this.#running)
  }

  #add(what: Errand['what'], fragments: readonly HeldFragment[]): void {
    if (this.#controller.signal.aborted) return
    const room = WAITING_MAX - this.#waiting.length
    for (const held of fragments.slice(0, room)) this.#waiting.push({ what, held })
    while (this.#running.size < AT_ONCE && this.#waiting.length > 0) this.#run()
  }

  #run(): void {
    const running = this.#work().finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  async #work(): Promise<void> {
    for (let errand = this.#waiting.shift(); errand; errand = this.#waiting.shift()) {
      await this.#tell(errand)
    }
  }

  async #tell(errand: Errand): Promise<void> {
    const { signal } = this.#controller
    for (const pauseMs of [...PAUSES_MS, undefined]) {
      try {
        return await this.#call(errand, signal)
      } catch (error) {
        const code = codeOf(error)
        if (code === 'FRAGMENT_MISSING' || code === 'LEASE_EXPIRED') {
          if (errand.what === 'commit') this.#options.onLost(errand.held)
          return
        }
        if (pauseMs === undefined || signal.aborted) return
      }
      await sleep(this.#options.timers, pauseMs, signal).catch(() => undefined)
    }
  }

  #call({ what, held }: Errand, signal: AbortSignal): Promise<void> {
    const { peers, seats } = this.#options
    const peer = seats.peerAt(held.seat)
    if (peer === undefined) return Promise.resolve()
    const { id, segment, index } = held
    return what === 'commit'
      ? peers.commit(peer, id, { segment, index }, { signal })
      : peers.release(peer, id, { segment, index, graceMs: 0 }, { signal })
  }
}
