import { equals } from '../../../src/base/bytes.ts'
import type { Environment, Random } from '../../../src/base/environment.ts'
import { codeOf } from '../../../src/base/errors.ts'
import { sleep } from '../../../src/base/waiting.ts'
import type { FragmentStore } from '../../../src/storage/fragment-store.ts'
import type { TestFragment } from '../../support/fragments.ts'
import { demand } from '../scenario.ts'
import { type FragmentsModel, type Hold, isPromised } from './fragments-model.ts'

const HOLDS_MAX = 20

/** Failures that say that nothing happened. */
const refusals = ['DISK_FULL', 'DISK_IO', 'STORE_READONLY', 'BUSY', 'TOO_LARGE']

/** Failures that say that a reference is gone. */
const losses = ['FRAGMENT_MISSING', 'LEASE_EXPIRED', 'FRAGMENT_CORRUPT']

export interface FragmentUsersSettings {
  readonly thinkMs: number
  readonly leaseMs: number
  readonly graceMs: number
}

/** Those who put, commit, read and release, and compare every answer with the model. */
export class FragmentUsers {
  readonly counts: Record<
    'stored' | 'present' | 'refused' | 'commits' | 'releases' | 'reads' | 'corrupt',
    number
  > = {
    stored: 0,
    present: 0,
    refused: 0,
    commits: 0,
    releases: 0,
    reads: 0,
    corrupt: 0,
  }
  readonly #model: FragmentsModel
  readonly #settings: FragmentUsersSettings
  /** Told when a fragment is put anew, or need not be kept any more. */
  readonly #onSettled: (id: string) => void
  #latest: TestFragment | undefined

  constructor(
    model: FragmentsModel,
    settings: FragmentUsersSettings,
    onSettled: (id: string) => void,
  ) {
    this.#model = model
    this.#settings = settings
    this.#onSettled = onSettled
  }

  async write(store: FragmentStore, environment: Environment, writer: number): Promise<never> {
    const random = environment.random.fork(`writer ${writer}`)
    for (;;) {
      await sleep(environment.timers, random.exponential(this.#settings.thinkMs))
      try {
        await this.#act(store, environment, random)
      } catch (error) {
        this.excuse(error)
      }
    }
  }

  /** Something that a peer of this store might ask for. */
  async #act(store: FragmentStore, environment: Environment, random: Random): Promise<void> {
    if (random.chance(0.4)) return this.#read(store, environment, random)
    const holds = this.#model.holds.filter(({ isBusy }) => !isBusy)
    const hold =
      this.#model.holds.length < HOLDS_MAX && random.chance(0.5)
        ? this.#model.newHold(this.#choose(random), random.below(4))
        : holds.length > 0
          ? random.pick(holds)
          : undefined
    if (hold === undefined) return
    hold.isBusy = true
    try {
      await this.#advance(store, environment, hold, random)
    } finally {
      hold.isBusy = false
    }
  }

  /** Often one that somebody else may be putting just now. */
  #choose(random: Random): TestFragment {
    if (this.#latest === undefined || random.chance(0.6)) {
      this.#latest = random.pick(this.#model.fragments)
    }
    return this.#latest
  }

  #advance(
    store: FragmentStore,
    environment: Environment,
    hold: Hold,
    random: Random,
  ): Promise<void> {
    const nowMs = environment.clock.wallMs()
    if (hold.isDoubtful) return this.release(store, hold)
    if (!isPromised(hold, nowMs)) return this.#put(store, environment, hold, random)
    if (hold.isListed) return this.release(store, hold)
    if (random.chance(0.3)) return this.#put(store, environment, hold, random)
    return this.commit(store, hold)
  }

  async #put(
    store: FragmentStore,
    { clock, timers }: Environment,
    hold: Hold,
    random: Random,
  ): Promise<void> {
    const { id, bytes } = hold.fragment
    const { leaseMs } = this.#settings
    const spoiled = random.chance(0.05) ? random.below(bytes.length) : undefined
    const cells = streamOf(hold.fragment, spoiled, () =>
      random.chance(0.2)
        ? sleep(timers, random.exponential(random.pick([1, 30])))
        : Promise.resolve(),
    )
    const beganMs = clock.wallMs()
    const wasRotten = this.#model.rotten.has(id)
    // The same each time, so that a file has the same bytes each time.
    const sealed = bytes.subarray(0, bytes.length % 200)
    try {
      const put = { ...hold.name, sizeBytes: bytes.length, sealed, leaseMs }
      const outcome = await store.put(id, put, cells)
      this.counts[outcome]++
      demand(spoiled === undefined || outcome === 'present', `${id} was stored from other bytes`)
      if (outcome === 'stored') {
        this.#model.rotten.delete(id)
        this.#onSettled(id)
      }
      if (outcome === 'stored' || !wasRotten) {
        hold.promisedUntilMs = Math.max(hold.promisedUntilMs, beganMs + leaseMs)
      }
    } catch (error) {
      const isRefused = spoiled !== undefined && codeOf(error) === 'FRAGMENT_CORRUPT'
      if (!isRefused) throw error
      this.counts.refused++
    }
  }

  /** The catalog lists it first; the store is told after that. */
  async commit(store: FragmentStore, hold: Hold): Promise<void> {
    hold.isListed = true
    hold.promisedUntilMs = Number.POSITIVE_INFINITY
    try {
      await store.commit(hold.fragment.id, hold.name)
      hold.isKept = true
      this.counts.commits++
    } catch (error) {
      const isLost = losses.includes(codeOf(error) ?? '')
      demand(
        !isLost || this.#model.rotten.has(hold.fragment.id),
        `a promise is forgotten: ${String(error)}`,
      )
      if (!isLost) throw error
    }
  }

  async release(store: FragmentStore, hold: Hold): Promise<void> {
    hold.isListed = false
    hold.isKept = false
    hold.isDoubtful = true
    hold.promisedUntilMs = Number.NEGATIVE_INFINITY
    if (!this.#model.isKept(hold.fragment.id)) this.#onSettled(hold.fragment.id)
    try {
      await store.release(hold.fragment.id, hold.name, this.#settings.graceMs)
    } catch (error) {
      const isOver = ['FRAGMENT_MISSING', 'FRAGMENT_CORRUPT'].includes(codeOf(error) ?? '')
      if (!isOver) throw error
    }
    this.counts.releases++
    this.#model.holds.splice(this.#model.holds.indexOf(hold), 1)
  }

  async #read(store: FragmentStore, { clock }: Environment, random: Random): Promise<void> {
    const { id, cells } = random.pick(this.#model.fragments)
    const from = random.below(cells.length)
    const to = from + 1 + random.below(cells.length - from)
    const wasPromised = this.#model.isPromised(id, clock.wallMs())
    const wasRotten = this.#model.rotten.has(id)
    this.counts.reads++
    try {
      if (random.chance(0.2)) {
        const revealed = await store.reveal(id, from)
        demand(equals(revealed.cell, cells[from] as Uint8Array), `${id} reveals other bytes`)
        return
      }
      let at = from
      for await (const cell of store.read(id, { from, to })) {
        demand(equals(cell, cells[at++] as Uint8Array), `${id} returns other bytes`)
      }
      demand(at === to, `${id} returns ${at - from} cells of ${to - from}`)
    } catch (error) {
      const isKept = wasPromised && this.#model.isPromised(id, clock.wallMs())
      if (codeOf(error) === 'FRAGMENT_MISSING') {
        demand(!isKept, `${id} is missing`)
        demand(!this.#model.isKept(id), `${id} rotted and went without a word`)
      } else if (codeOf(error) === 'FRAGMENT_CORRUPT') {
        this.counts.corrupt++
        demand(
          wasRotten || this.#model.rotten.has(id),
          `${id} is corrupt where nothing rotted: ${String(error)}`,
        )
      } else throw error
    }
  }

  /** Lets pass what a disk like this one may answer; the end of the store ends the process. */
  excuse(error: unknown): void {
    if (!refusals.includes(codeOf(error) ?? '')) throw error
    this.counts.refused++
  }
}

/** The cells of a fragment, one after another, one of them perhaps with a wrong byte. */
async function* streamOf(
  { cells }: TestFragment,
  spoiled: number | undefined,
  pause: () => Promise<void>,
): AsyncGenerator<Uint8Array> {
  let from = 0
  for (const cell of cells) {
    await pause()
    const copy = cell.slice()
    const at = (spoiled ?? -1) - from
    if (at >= 0 && at < copy.length) copy[at] = (copy[at] as number) ^ 1
    from += cell.length
    yield copy
  }
}
