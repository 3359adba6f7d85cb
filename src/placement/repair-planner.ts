import type { Random } from '../base/environment.ts'
import { codeOf, type HoldfastError } from '../base/errors.ts'
import { chooseHolders } from './choose-holders.ts'
import { Pace } from './pace.ts'
import type { PeerView } from './peer-view.ts'
import type { Move } from './rebalance-plan.ts'
import { compareJobs, type Job, type Target } from './repair-job.ts'
import { Scans } from './repair-scans.ts'
import { lostOf, marginOf, type SegmentView, survivorsOf } from './segment-view.ts'

/**
 * Brings fragments back that were lost with their peers, empties peers that are to leave, and carries
 * out the moves of a rebalance; one of it runs beside the leader of each group.
 *
 *     roster ──→ lists to ask the catalog for ──→ jobs ──→ build ──→ prove ──→ place
 *
 * - A death makes work in proportion to what the peer held: its segments are listed once at once, for
 *   those that may not lose another fragment, and once more when the grace is over, for all.
 *   Suspects count as there.
 * - Fewest survivors first. Those that may lose no more do not wait for the pace either.
 * - A peer that comes back takes the reasons of its jobs along; what already runs is called off.
 * - It keeps nothing that the catalog does not have: a planner that starts anew asks for lists and
 *   goes on. All lists and queues are bounded; what finds no room is listed again.
 */
export type RepairEvent =
  /** The whole roster, whenever anything in it changed. */
  | { readonly type: 'peers'; readonly peers: readonly PeerView[] }
  | Listed
  | { readonly type: 'built'; readonly job: number; readonly isDone: boolean }
  /** Which of the targets gave a good proof. */
  | { readonly type: 'proven'; readonly job: number; readonly indices: readonly number[] }
  /** Not done: the segment has changed since, and was left as it is. */
  | { readonly type: 'placed'; readonly job: number; readonly isDone: boolean }
  | { readonly type: 'moves'; readonly moves: readonly Move[] }
  /** Latency of requests in the foreground, relative to the usual. */
  | { readonly type: 'foreground'; readonly ratio: number }
  | { readonly type: 'tick' }

/** A page that was asked for, by the number it was asked under; without `next` it was the last. */
export interface Listed {
  readonly type: 'listed'
  readonly source: Source
  readonly scan: number
  readonly segments: readonly SegmentView[]
  readonly next: Uint8Array | undefined
}

/** What a list is of: a peer's segments, or those with fragments that nobody has. */
export type Source = number | 'debts'

export type RepairEffect =
  | {
      readonly type: 'list'
      readonly source: Source
      readonly scan: number
      readonly after: Uint8Array | undefined
    }
  | {
      readonly type: 'build'
      readonly job: number
      readonly segment: SegmentView
      readonly targets: readonly Target[]
      /** Indices of the fragments to build from. */
      readonly survivors: readonly number[]
    }
  | {
      readonly type: 'prove'
      readonly job: number
      readonly segment: SegmentView
      readonly targets: readonly Target[]
    }
  /** To be proposed under the segment's revision. */
  | {
      readonly type: 'place'
      readonly job: number
      readonly segment: SegmentView
      readonly targets: readonly Target[]
    }
  | { readonly type: 'cancel'; readonly job: number }
  /** A repair finds too few peers: shown, and tried again when the roster changes. */
  | {
      readonly type: 'short'
      readonly segment: string
      readonly have: number
      readonly need: number
    }
  /** Nothing of the group is left on a peer that was to be emptied. */
  | { readonly type: 'drained'; readonly seat: number }
  | { readonly type: 'wake'; readonly atMs: number }

export interface RepairOptions {
  readonly random: Random
  /** How long a dead peer may come back. @default 60,000 */
  readonly graceMs?: number
}

export const REPAIR_GRACE_MS = 60_000
const JOBS_MAX = 10_000
export const JOBS_RUNNING_MAX = 4
/** A segment that may lose this many fragments at most is repaired at once. */
const URGENT_MARGIN = 1

export class RepairPlanner {
  readonly #random: Random
  readonly #scans: Scans
  readonly #pace = new Pace()
  readonly #peers = new Map<number, PeerView>()
  /** By segment. */
  readonly #jobs = new Map<string, Job>()
  #nextJob = 1
  #effects: RepairEffect[] = []

  constructor({ random, graceMs = REPAIR_GRACE_MS }: RepairOptions) {
    this.#random = random
    this.#scans = new Scans(graceMs)
  }

  /** Jobs that wait or run. */
  get jobs(): readonly Job[] {
    return [...this.#jobs.values()]
  }

  step(event: RepairEvent, nowMs: number): readonly RepairEffect[] {
    this.#effects = []
    this.#handle(event, nowMs)
    this.#start(nowMs)
    this.#effects.push(...this.#scans.next(nowMs, this.#jobs.size < JOBS_MAX / 2))
    const atMs = this.#scans.wakeMs(nowMs)
    if (atMs !== undefined) this.#effects.push({ type: 'wake', atMs })
    return this.#effects
  }

  #handle(event: RepairEvent, nowMs: number): void {
    switch (event.type) {
      case 'peers':
        return this.#updatePeers(event.peers, nowMs)
      case 'listed':
        return this.#listed(event, nowMs)
      case 'built':
        return this.#built(event)
      case 'proven':
        return this.#proven(event)
      case 'placed':
        return this.#placed(event, nowMs)
      case 'moves':
        for (const { segment, index, to } of event.moves) {
          this.#addMove(segment, [{ index, seat: to }], [index])
        }
        return undefined
      case 'foreground':
        return this.#pace.foreground(event.ratio)
      case 'tick':
        return undefined
    }
  }

  #updatePeers(peers: readonly PeerView[], nowMs: number): void {
    this.#peers.clear()
    for (const peer of peers) this.#peers.set(peer.seat, peer)
    this.#scans.updatePeers(peers, nowMs)
    for (const job of this.jobs) this.#review(job)
  }

  /** Whether a job still has a reason, and which, now that the roster is another one. */
  #review(job: Job): void {
    job.margin = marginOf(job.segment, this.#peers)
    const wanted = job.wanted.filter(index => this.#isWanted(job, index))
    const isHolderLost = job.targets.some(
      ({ seat }) => job.state !== 'waiting' && this.#peers.get(seat)?.state !== 'alive',
    )
    if (wanted.length === job.wanted.length && !isHolderLost) return
    // Whether a placement that is on its way succeeds the next list tells.
    if (job.state === 'placing') return
    if (job.state !== 'waiting') this.#effects.push({ type: 'cancel', job: job.id })
    this.#jobs.delete(job.segment.id)
    if (wanted.length > 0) this.#add(job.segment, { kind: job.kind, wanted })
  }

  #isWanted({ kind, segment }: Job, index: number): boolean {
    if (kind === 'repair') return lostOf(segment, this.#peers).includes(index)
    if (kind === 'move') return survivorsOf(segment, this.#peers).includes(index)
    return this.#peers.get(segment.seats[index] as number)?.state === 'draining'
  }

  #listed(page: Listed, nowMs: number): void {
    const scanned = this.#scans.listed(page, nowMs)
    if (scanned === undefined) return
    const { mode, isEmpty } = scanned
    const { source, segments } = page
    for (const segment of segments) {
      const lost = lostOf(segment, this.#peers)
      const isUrgent = marginOf(segment, this.#peers) <= URGENT_MARGIN
      if (lost.length > 0 && (mode !== 'urgent' || isUrgent)) {
        this.#add(segment, { kind: 'repair', wanted: this.#due(segment, lost, isUrgent) })
      } else if (mode === 'drain' && typeof source === 'number') {
        const index = segment.seats.indexOf(source)
        if (index >= 0) this.#add(segment, { kind: 'drain', wanted: [index] })
      }
    }
    if (mode === 'drain' && isEmpty && typeof source === 'number') {
      this.#effects.push({ type: 'drained', seat: source })
    }
  }

  /** A fragment whose peer may yet come back is left alone, unless the segment cannot wait. */
  #due({ seats }: SegmentView, lost: readonly number[], isUrgent: boolean): readonly number[] {
    return lost.filter(index => isUrgent || !this.#scans.isInGrace(seats[index] as number))
  }

  #add(segment: SegmentView, { kind, wanted }: Pick<Job, 'kind' | 'wanted'>): void {
    if (wanted.length === 0) return
    const known = this.#jobs.get(segment.id)
    if (known !== undefined && (known.state !== 'waiting' || known.kind === 'repair')) {
      if (known.state === 'waiting' && kind === 'repair') Object.assign(known, { segment, wanted })
      // What runs may be for other fragments: what is then still lost is to be seen again.
      else this.#scans.missed()
      return
    }
    if (known === undefined && this.#jobs.size >= JOBS_MAX) return this.#scans.missed()
    const margin = marginOf(segment, this.#peers)
    const id = this.#nextJob++
    const job = { id, kind, segment, wanted, margin, targets: [], startedMs: 0 }
    this.#jobs.set(segment.id, { ...job, state: 'waiting' })
  }

  #addMove(segment: SegmentView, targets: readonly Target[], wanted: readonly number[]): void {
    if (this.#jobs.has(segment.id)) return
    this.#add(segment, { kind: 'move', wanted })
    const job = this.#jobs.get(segment.id)
    if (job !== undefined) job.targets = targets
  }

  /** As many jobs as may run, the most pressing first. */
  #start(nowMs: number): void {
    const waiting = this.jobs.filter(({ state }) => state === 'waiting').toSorted(compareJobs)
    let running = this.#jobs.size - waiting.length
    for (const job of waiting) {
      if (running >= JOBS_RUNNING_MAX) return
      const mayWait = job.kind !== 'repair' || job.margin > URGENT_MARGIN
      if (mayWait && nowMs < this.#pace.restUntilMs) {
        this.#effects.push({ type: 'wake', atMs: this.#pace.restUntilMs })
        return
      }
      if (this.#build(job, nowMs)) running++
    }
  }

  #build(job: Job, nowMs: number): boolean {
    const { segment, wanted } = job
    const survivors = survivorsOf(segment, this.#peers)
    const targets = survivors.length < segment.k ? undefined : this.#targetsOf(job)
    if (targets === undefined || targets.length === 0) {
      // It comes back with the next list, once there are peers for it.
      this.#jobs.delete(segment.id)
      this.#scans.missed()
      return false
    }
    if (targets.length < wanted.length) this.#scans.missed()
    Object.assign(job, { targets, state: 'building', startedMs: nowMs })
    const from = job.kind === 'repair' ? survivors : [...wanted, ...survivors]
    const effect = { type: 'build', job: job.id, segment, targets } as const
    this.#effects.push({ ...effect, survivors: [...new Set(from)] })
    return true
  }

  /** New holders for what is wanted; undefined, and said, if there are none. */
  #targetsOf({ segment, wanted, targets }: Job): readonly Target[] | undefined {
    if (targets.length > 0) return targets
    try {
      const seats = chooseHolders({
        peers: [...this.#peers.values()],
        count: wanted.length,
        need: 1,
        fragmentBytes: segment.fragmentBytes,
        taken: segment.seats.filter(seat => seat !== 0),
        random: this.#random,
      })
      return seats.map((seat, at) => ({ index: wanted[at] as number, seat }))
    } catch (error) {
      if (codeOf(error) !== 'TOO_FEW_PEERS') throw error
      const { details } = error as HoldfastError
      const { have, need } = details as Extract<typeof details, { code: 'TOO_FEW_PEERS' }>
      this.#effects.push({ type: 'short', segment: segment.id, have, need })
      return undefined
    }
  }

  #built({ job: id, isDone }: Extract<RepairEvent, { type: 'built' }>): void {
    const job = this.#running(id, 'building')
    if (job === undefined) return
    if (!isDone) return this.#fail(job)
    job.state = 'proving'
    const { segment, targets } = job
    this.#effects.push({ type: 'prove', job: id, segment, targets })
  }

  #proven({ job: id, indices }: Extract<RepairEvent, { type: 'proven' }>): void {
    const job = this.#running(id, 'proving')
    if (job === undefined) return
    const targets = job.targets.filter(({ index }) => indices.includes(index))
    if (targets.length === 0) return this.#fail(job)
    if (targets.length < job.targets.length) this.#scans.missed()
    job.state = 'placing'
    this.#effects.push({ type: 'place', job: id, segment: job.segment, targets })
  }

  #placed({ job: id, isDone }: Extract<RepairEvent, { type: 'placed' }>, nowMs: number): void {
    const job = this.#running(id, 'placing')
    if (job === undefined) return
    if (!isDone) return this.#fail(job)
    this.#pace.stepTook(nowMs - job.startedMs, nowMs)
    this.#jobs.delete(job.segment.id)
  }

  #fail(job: Job): void {
    this.#jobs.delete(job.segment.id)
    this.#scans.missed()
  }

  /** A job in this state; whatever was called off meanwhile is none. */
  #running(id: number, state: Job['state']): Job | undefined {
    return this.jobs.find(job => job.id === id && job.state === state)
  }
}
