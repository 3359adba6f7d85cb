/**
 * Runs the repair planner of one group, beside its leader: brings it lists from the catalog, the
 * roster and the latency of the foreground, and carries out what it decides.
 *
 *     list ─→ catalog    build ─→ read k, make, deliver    prove ─→ challenge    place ─→ catalog
 *
 * What a job holds in memory it holds until its proof. One that is called off or fails tells the new
 * holders, who ask the catalog before they drop anything. Nothing is kept that the catalog does not
 * have: whoever leads next begins with lists.
 */
import { equals, toHex } from '../../base/bytes.ts'
import type { Clock, PeerId, Timer, Timers } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { Tasks } from '../../base/tasks.ts'
import { sleep } from '../../base/waiting.ts'
import type { PlacedSegment } from '../../catalog/query-upkeep.ts'
import type { PeerView } from '../../placement/peer-view.ts'
import type { Move } from '../../placement/rebalance-plan.ts'
import type { Target } from '../../placement/repair-job.ts'
import {
  type RepairEffect,
  type RepairEvent,
  RepairPlanner,
  type RepairOptions,
} from '../../placement/repair-planner.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Delivery, FragmentMover, Proof } from './fragment-mover.ts'
import { listed, nameOf, placedOf } from './listed-segment.ts'
import type { Books } from './repair-books.ts'
import type { FragmentStanding } from './standing.ts'

export interface RepairDriverOptions extends RepairOptions {
  readonly group: number
  readonly catalog: Catalog
  readonly mover: FragmentMover
  readonly books: Books
  readonly clock: Clock
  readonly timers: Timers
  readonly views: () => readonly PeerView[]
  readonly peerAt: (seat: number) => PeerId | undefined
  readonly foreground: () => number
  /** A failure that nobody expects. */
  readonly onFailure: (error: unknown) => void
}

export interface RepairStatus {
  readonly waiting: number
  readonly running: number
  readonly short: number
  readonly repairs: number
  /** The smallest margin of a segment under repair; undefined if none is. */
  readonly margin: number | undefined
}

const PAGE = 256
/** After a list that failed. */
const AGAIN_MS = 1_000
/** How often the planner hears of the foreground, and of small changes in free space. */
const BEAT_MS = 1_000
const SPACE_BEATS = 10
/** How long a segment counts as short of peers after that was last found. */
const SHORT_MS = 30_000
const SHORT_MAX = 10_000
const CALL_MS = 10_000

/** A job between its build and its end. */
interface Run {
  readonly placed: PlacedSegment
  readonly kind: 'repair' | 'drain' | 'move'
  readonly controller: AbortController
  readonly startedMs: number
  /** Ends the hold on what was built. */
  readonly finish: () => void
  readonly built: Promise<void>
  deliveries: Delivery[]
  proven: Delivery[]
  proofs: Proof[]
  bytesRead: number
}

export class RepairDriver {
  readonly #options: RepairDriverOptions
  readonly #planner: RepairPlanner
  readonly #tasks: Tasks
  readonly #runs = new Map<number, Run>()
  readonly #shortSinceMs = new Map<string, number>()
  #wake: { readonly atMs: number; readonly timer: Timer } | undefined
  #roster = ''

  constructor(options: RepairDriverOptions) {
    this.#options = options
    this.#planner = new RepairPlanner(options)
    this.#tasks = new Tasks({ onFailure: ({ error }) => options.onFailure(error) })
  }

  /** What of a content is being made anew now. */
  repairing(content: Uint8Array): FragmentStanding['repairing'] {
    const ofContent = [...this.#runs].filter(([, { placed }]) => equals(placed.content, content))
    return ofContent.flatMap(([id, { placed }]) => {
      const targets = this.#planner.jobs.find(job => job.id === id)?.targets ?? []
      const { segment } = placed
      return targets.map(({ index }) => ({ blob: toHex(placed.blob), segment, index }))
    })
  }

  get status(): RepairStatus {
    const { jobs } = this.#planner
    const waiting = jobs.filter(({ state }) => state === 'waiting').length
    const repairs = jobs.filter(({ kind }) => kind === 'repair')
    const margin = repairs.length === 0 ? undefined : Math.min(...repairs.map(job => job.margin))
    this.#forgetShort()
    const [running, short] = [jobs.length - waiting, this.#shortSinceMs.size]
    return { waiting, running, short, repairs: repairs.length, margin }
  }

  start(): void {
    this.#tellPeers()
    this.#tasks.start('beat', signal => this.#beat(signal))
  }

  /** Calls off what runs. Jobs that were begun leave nothing behind but leases. */
  async stop(): Promise<void> {
    this.#wake?.timer.cancel()
    this.#wake = undefined
    for (const { controller, finish } of this.#runs.values()) {
      controller.abort(calledOff())
      finish()
    }
    this.#runs.clear()
    await this.#tasks.stop()
  }

  /** Peers came, went or changed: told at once if that matters to jobs. */
  peersChanged(): void {
    if (!this.#tasks.signal.aborted && signatureOf(this.#options.views()) !== this.#roster) {
      this.#tellPeers()
    }
  }

  /** Something was added to the debts. */
  debtsChanged(): void {
    if (!this.#tasks.signal.aborted) this.#tellPeers()
  }

  move(moves: readonly Move[]): void {
    this.#step({ type: 'moves', moves })
  }

  #tellPeers(): void {
    const peers = this.#options.views()
    this.#roster = signatureOf(peers)
    this.#step({ type: 'peers', peers })
  }

  async #beat(signal: AbortSignal): Promise<void> {
    for (let beat = 1; ; beat++) {
      await sleep(this.#options.timers, BEAT_MS, signal)
      this.#step({ type: 'foreground', ratio: this.#options.foreground() })
      if (beat % SPACE_BEATS === 0) this.#tellPeers()
    }
  }

  #step(event: RepairEvent): void {
    if (this.#tasks.signal.aborted) return
    const effects = this.#planner.step(event, this.#options.clock.monotonicMs())
    for (const effect of effects) this.#carryOut(effect)
  }

  #carryOut(effect: RepairEffect): void {
    switch (effect.type) {
      case 'list':
        return this.#tasks.start('list', signal => this.#list(effect, signal))
      case 'build':
        return this.#build(effect)
      case 'prove':
        return this.#tasks.start('prove', () => this.#prove(effect.job))
      case 'place':
        return this.#tasks.start('place', () => this.#place(effect.job, effect.targets))
      case 'cancel':
        return this.#cancel(effect.job)
      case 'short':
        if (this.#shortSinceMs.size < SHORT_MAX) {
          this.#shortSinceMs.set(effect.segment, this.#options.clock.monotonicMs())
        }
        return undefined
      case 'wake':
        return this.#wakeAt(effect.atMs)
      case 'drained':
        // Whoever asks is told by the lists themselves.
        return undefined
    }
  }

  /** The planner waits for an answer: it gets one, or somebody else leads. */
  async #list(
    { source, scan, after }: Extract<RepairEffect, { type: 'list' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { catalog, group, timers } = this.#options
    for (;;) {
      try {
        const options = { after, limit: PAGE }
        const call = { deadlineMs: CALL_MS, signal }
        const page =
          source === 'debts'
            ? await catalog.askOf(group, 'debts', options, call)
            : await catalog.askOf(group, 'segmentsOf', { seat: source, ...options }, call)
        const segments = page.items.map(listed)
        return this.#step({ type: 'listed', source, scan, segments, next: page.next })
      } catch (error) {
        if (codeOf(error) === undefined) throw error
        await sleep(timers, AGAIN_MS, signal)
      }
    }
  }

  #build({ job, segment, targets, survivors }: Extract<RepairEffect, { type: 'build' }>): void {
    const placed = placedOf(segment)
    const { kind = 'repair' } = this.#planner.jobs.find(({ id }) => id === job) ?? {}
    const held = Promise.withResolvers<void>()
    const run: Run = {
      placed,
      kind,
      controller: new AbortController(),
      startedMs: this.#options.clock.monotonicMs(),
      finish: held.resolve,
      built: held.promise,
      deliveries: [],
      proven: [],
      proofs: [],
      bytesRead: 0,
    }
    this.#runs.set(job, run)
    this.#tasks.start('build', () => this.#buildAndHold(job, run, targets, survivors))
  }

  /** Holds what was built until the job is over, for the proofs are checked against it. */
  async #buildAndHold(
    job: number,
    run: Run,
    targets: readonly Target[],
    survivors: readonly number[],
  ): Promise<void> {
    const { mover, peerAt } = this.#options
    const { placed, controller } = run
    const { signal } = controller
    try {
      const wanted = targets.map(({ index }) => index)
      await mover.withBuilt(placed, { wanted, from: survivors }, signal, async built => {
        run.bytesRead = built.bytesRead
        const deliveries = built.fragments.flatMap((fragment, at) => {
          const peer = peerAt(targets[at]?.seat ?? 0)
          return peer === undefined ? [] : [{ fragment, peer }]
        })
        run.deliveries = await mover.deliver(placed, deliveries, schemeOf(placed), signal)
        if (run.deliveries.length === 0) throw noHolder()
        this.#step({ type: 'built', job, isDone: true })
        await run.built
      })
    } catch (error) {
      if (this.#runs.get(job) !== run) return
      if (codeOf(error) === undefined) throw error
      await this.#end(job, 'failed', (error as Error).message)
      this.#step({ type: 'built', job, isDone: false })
    }
  }

  async #prove(job: number): Promise<void> {
    const run = this.#runs.get(job)
    if (run === undefined) return
    try {
      const { proven, proofs } = await this.#options.mover.prove(
        run.deliveries,
        run.controller.signal,
      )
      Object.assign(run, { proven, proofs })
      if (proven.length === 0) await this.#end(job, 'failed', 'no new holder proved its fragment')
      const indices = proven.map(({ fragment }) => fragment.index)
      this.#step({ type: 'proven', job, indices })
    } catch (error) {
      if (this.#runs.get(job) === run) throw error
    }
  }

  async #place(job: number, targets: readonly Target[]): Promise<void> {
    const run = this.#runs.get(job)
    if (run === undefined) return
    const { placed, proven } = run
    const { record } = placed
    const placements = targets
      .toSorted((a, b) => a.index - b.index)
      .map(({ index, seat }, at) => {
        const id = proven.find(({ fragment }) => fragment.index === index)?.fragment.id
        if (id === undefined) throw new Error('only what was proven is placed')
        return {
          ...nameOf(placed),
          ifRevision: record.revision + at,
          index,
          fragment: { id, seat },
        }
      })
    try {
      const { catalog, group } = this.#options
      const call = { deadlineMs: CALL_MS, signal: this.#tasks.signal }
      await catalog.proposeTo(group, { type: 'place', placements }, call)
    } catch (error) {
      if (codeOf(error) === undefined) throw error
      await this.#end(job, 'failed', (error as Error).message)
      return this.#step({ type: 'placed', job, isDone: false })
    }
    this.#shortSinceMs.delete(listed(placed).id)
    await this.#end(job, 'done', '')
    this.#step({ type: 'placed', job, isDone: true })
  }

  #cancel(job: number): void {
    this.#runs.get(job)?.controller.abort(calledOff())
    if (this.#runs.has(job)) {
      this.#tasks.start('cancel', () => this.#end(job, 'called off', 'the reason is gone'))
    }
  }

  async #end(
    job: number,
    outcome: 'done' | 'failed' | 'called off',
    reason: string,
  ): Promise<void> {
    const run = this.#runs.get(job)
    if (run === undefined) return
    this.#runs.delete(job)
    run.finish()
    const { placed, proven, deliveries } = run
    const { mover, books, clock } = this.#options
    const { generation } = placed.record
    books.note({ ...run, outcome, reason, tookMs: clock.monotonicMs() - run.startedMs })
    const useless = outcome === 'done' ? deliveries.filter(it => !proven.includes(it)) : deliveries
    if (outcome === 'done') await mover.commit(placed, proven, generation, this.#tasks.signal)
    await mover.giveUp(placed, useless, generation, this.#tasks.signal)
  }

  #wakeAt(atMs: number): void {
    if (this.#wake !== undefined && this.#wake.atMs <= atMs) return
    this.#wake?.timer.cancel()
    const { timers, clock } = this.#options
    const timer = timers.after(Math.max(0, atMs - clock.monotonicMs()), () => {
      this.#wake = undefined
      this.#step({ type: 'tick' })
    })
    this.#wake = { atMs, timer }
  }

  #forgetShort(): void {
    const nowMs = this.#options.clock.monotonicMs()
    for (const [segment, sinceMs] of this.#shortSinceMs) {
      if (nowMs - sinceMs > SHORT_MS) this.#shortSinceMs.delete(segment)
    }
  }
}

/** What of the roster makes a difference at once. Free space follows later. */
const signatureOf = (views: readonly PeerView[]): string =>
  views.map(({ seat, state, zone }) => `${seat} ${state} ${zone}`).join(';')

const schemeOf = ({ record }: PlacedSegment): { k: number; m: number; generation: number } => ({
  k: record.k,
  m: record.fragments.length - record.k,
  generation: record.generation,
})

const calledOff = (): HoldfastError =>
  new HoldfastError('Cannot go on with a repair: it was called off', {
    code: 'CLOSED',
    what: 'repair',
  })

const noHolder = (): HoldfastError =>
  new HoldfastError('Cannot deliver fragments: no new holder took its own', {
    code: 'TOO_FEW_PEERS',
    have: 0,
    need: 1,
  })
