/**
 * Lets the schemes of what is stored follow the size of the network: goes through the segments of a
 * group and gives each what the target asks for. More parity is added beside what is there; another
 * k means to cut the segment anew, which stores all of it once more before the old fragments go. One
 * segment at a time, resting as the foreground demands, and not while anything is to be repaired.
 *
 * A segment with more fragments than there are peers is cut smaller: its holders are to leave.
 */
import type { Clock, PeerId, Random, Timers } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { sleep } from '../../base/waiting.ts'
import type { PlacedSegment } from '../../catalog/query-upkeep.ts'
import { CELL_BYTES, segmentLayout } from '../../erasure/layout.ts'
import { chooseHolders } from '../../placement/choose-holders.ts'
import { Pace } from '../../placement/pace.ts'
import { hasItsFragments, type PeerView } from '../../placement/peer-view.ts'
import { type Redundancy, type SchemeChange, schemeChange } from '../../placement/scheme-change.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Delivery, FragmentMover, Proof } from './fragment-mover.ts'
import { nameOf } from './listed-segment.ts'
import type { Books } from './repair-books.ts'
import type { SegmentCutter } from './segment-cutter.ts'

export interface SchemeKeeperOptions {
  readonly group: number
  readonly catalog: Catalog
  readonly mover: FragmentMover
  readonly cutter: SegmentCutter
  readonly books: Books
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly views: () => readonly PeerView[]
  readonly peerAt: (seat: number) => PeerId | undefined
  /** What the network should use, and on how many peers that counts. */
  readonly target: () => Redundancy & { readonly peers: number }
  readonly foreground: () => number
  /** Repairs of the group come first. */
  readonly isBusy: () => boolean
  /** How often it is looked whether the target is another one, and all is looked through anew. */
  readonly everyMs: number
  readonly againMs: number
}

const PAGE = 64
const CALL_MS = 10_000
/** While repairs go on. */
const BUSY_MS = 2_000
/** Between two passes because something was stored for fewer peers; a pass itself counts tenfold. */
const LEAN_EVERY_MS = 30_000

export class SchemeKeeper {
  readonly #options: SchemeKeeperOptions
  readonly #pace = new Pace()
  #isAsked = false

  constructor(options: SchemeKeeperOptions) {
    this.#options = options
  }

  /** Something was stored for fewer peers than there are, while others were away or full. */
  lookSoon(): void {
    this.#isAsked = true
  }

  async run(signal: AbortSignal): Promise<never> {
    const { timers, clock, everyMs, againMs } = this.#options
    let done = ''
    let doneMs = Number.NEGATIVE_INFINITY
    let restMs = againMs
    for (;;) {
      await sleep(timers, everyMs, signal)
      const wanted = this.#wanted()
      if (wanted === undefined) continue
      const sinceMs = clock.monotonicMs() - doneMs
      if (wanted === done && sinceMs < (this.#isAsked ? restMs : againMs)) continue
      this.#isAsked = false
      const startedMs = clock.monotonicMs()
      const isDone = await this.pass(signal)
      done = isDone ? wanted : ''
      doneMs = clock.monotonicMs()
      restMs = Math.min(againMs, LEAN_EVERY_MS + 10 * (doneMs - startedMs))
    }
  }

  /** Undefined while nobody has room for anything. */
  #wanted(): string | undefined {
    try {
      return spell(this.#options.target())
    } catch (error) {
      if (codeOf(error) === undefined) throw error
      return undefined
    }
  }

  /** Goes through all segments once; true if none is left that should be another way. */
  async pass(signal: AbortSignal): Promise<boolean> {
    const { catalog, group } = this.#options
    let isDone = true
    let after: Uint8Array | undefined
    do {
      try {
        const asked = { after, limit: PAGE }
        const page = await catalog.askOf(group, 'allSegments', asked, { signal })
        for (const placed of page.items) isDone = (await this.#look(placed, signal)) && isDone
        after = page.next
      } catch (error) {
        if (codeOf(error) === undefined || signal.aborted) throw error
        return false
      }
    } while (after !== undefined)
    return isDone
  }

  /** Whether the segment is as it should be, or is now. */
  async #look(placed: PlacedSegment, signal: AbortSignal): Promise<boolean> {
    const { clock, timers, foreground, isBusy } = this.#options
    const change = this.#changeOf(placed)
    if (change.type === 'keep') return true
    while (isBusy() && change.type === 'raise') await sleep(timers, BUSY_MS, signal)
    this.#pace.foreground(foreground())
    const restMs = this.#pace.restUntilMs - clock.monotonicMs()
    if (restMs > 0) await sleep(timers, restMs, signal)
    const startedMs = clock.monotonicMs()
    const isDone = await this.#change(placed, change, signal)
    this.#pace.stepTook(clock.monotonicMs() - startedMs, clock.monotonicMs())
    return isDone
  }

  #changeOf({ record }: PlacedSegment): SchemeChange {
    const { k, fragments, sizeBytes } = record
    const { peers, ...target } = this.#options.target()
    const current = { k, m: fragments.length - k }
    return schemeChange(current, target, { isReplicated: sizeBytes <= CELL_BYTES, peers })
  }

  async #change(
    placed: PlacedSegment,
    change: Exclude<SchemeChange, { type: 'keep' }>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const startedMs = this.#options.clock.monotonicMs()
    const work = new Change(placed)
    try {
      if (change.type === 'raise') await this.#raise(work, change, signal)
      else await this.#recut(work, change, signal)
      this.#note(work, startedMs, 'done', '')
      return true
    } catch (error) {
      if (codeOf(error) === undefined || signal.aborted) throw error
      // What could not even be begun is tried again without a word.
      if (work.deliveries.length > 0) {
        this.#note(work, startedMs, 'failed', (error as HoldfastError).message)
      }
      await this.#options.mover.giveUp(placed, work.deliveries, work.generation, signal)
      return false
    }
  }

  /** Makes the fragments behind the last one. */
  async #raise(
    work: Change,
    { from, to }: Extract<SchemeChange, { type: 'raise' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { placed } = work
    const { record } = placed
    const { mover, catalog, group } = this.#options
    const { fragmentBytes } = segmentLayout(record.k, record.sizeBytes)
    const taken = record.fragments.map(({ seat }) => seat).filter(seat => seat !== 0)
    const seats = this.#holders({ count: to - from, need: 1, fragmentBytes, taken })
    const wanted = seats.map((_, at) => from + at)
    await mover.withBuilt(placed, { wanted, from: this.#readable(placed) }, signal, async built => {
      work.bytesRead = built.bytesRead
      const scheme = { k: record.k, m: from + seats.length - record.k }
      await this.#handOver(work, { fragments: built.fragments, seats, scheme }, signal)
      // Only as far as they follow one another: m has no gaps.
      const gap = wanted.findIndex(
        index => !work.proven.some(({ fragment }) => fragment.index === index),
      )
      const placements = built.fragments
        .slice(0, gap < 0 ? undefined : gap)
        .map(({ index, id }, at) => ({
          ...nameOf(placed),
          ifRevision: record.revision + at,
          index,
          fragment: { id, seat: seats[at] as number },
        }))
      if (placements.length === 0) throw tooFewProven(0, 1)
      const call = { deadlineMs: CALL_MS, signal }
      await catalog.proposeTo(group, { type: 'place', placements }, call)
    })
    await mover.commit(placed, work.proven, work.generation, signal)
  }

  /** Stores the segment under another k, and lists that in place of what there is. */
  async #recut(
    work: Change,
    scheme: Extract<SchemeChange, { type: 'recut' }>,
    signal: AbortSignal,
  ): Promise<void> {
    const { placed } = work
    const { record } = placed
    const { cutter, catalog, mover } = this.#options
    const { k, m } = scheme
    const { fragmentBytes } = segmentLayout(k, record.sizeBytes)
    const seats = this.#holders({ count: k + m, need: k + m, fragmentBytes, taken: [] })
    work.generation = record.generation + 1
    const from = this.#readable(placed)
    await cutter.withCut(placed, { scheme: { k, m }, from }, signal, async built => {
      work.bytesRead = built.bytesRead
      await this.#handOver(work, { fragments: built.fragments, seats, scheme }, signal)
      if (work.proven.length < k + m) throw tooFewProven(work.proven.length, k + m)
      const fragments = built.fragments.map(({ id }, at) => ({ id, seat: seats[at] as number }))
      const command = { type: 'recut', ...nameOf(placed), ifRevision: record.revision } as const
      const call = { deadlineMs: CALL_MS, signal }
      await catalog.propose({ ...command, k, fragments }, call)
    })
    await mover.commit(placed, work.proven, work.generation, signal)
  }

  /** Delivers fragments to their seats, and takes the proofs. */
  async #handOver(
    work: Change,
    made: {
      readonly fragments: readonly Delivery['fragment'][]
      readonly seats: readonly number[]
      readonly scheme: Redundancy
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { mover, peerAt } = this.#options
    const deliveries = made.fragments.flatMap((fragment, at) => {
      const peer = peerAt(made.seats[at] ?? 0)
      return peer === undefined ? [] : [{ fragment, peer }]
    })
    const { generation } = work
    const { k, m } = made.scheme
    work.deliveries = await mover.deliver(work.placed, deliveries, { k, m, generation }, signal)
    Object.assign(work, await mover.prove(work.deliveries, signal))
  }

  #holders(wish: { count: number; need: number; fragmentBytes: number; taken: number[] }) {
    const { views, random } = this.#options
    return chooseHolders({ ...wish, peers: views(), random })
  }

  /** Fragments whose peers are there. */
  #readable({ record }: PlacedSegment): number[] {
    const there = new Set(
      this.#options
        .views()
        .filter(hasItsFragments)
        .map(({ seat }) => seat),
    )
    return [...record.fragments.keys()].filter(at => there.has(record.fragments[at]?.seat ?? 0))
  }

  #note(work: Change, startedMs: number, outcome: 'done' | 'failed', reason: string): void {
    const { books, clock } = this.#options
    const tookMs = clock.monotonicMs() - startedMs
    const { placed, deliveries, proven, proofs, bytesRead } = work
    const done = { placed, deliveries, proven, proofs, bytesRead, tookMs }
    books.note({ kind: 'raise', outcome, reason, ...done })
  }
}

/** What is done to one segment. */
class Change {
  readonly placed: PlacedSegment
  generation: number
  deliveries: Delivery[] = []
  proven: Delivery[] = []
  proofs: Proof[] = []
  bytesRead = 0

  constructor(placed: PlacedSegment) {
    this.placed = placed
    this.generation = placed.record.generation
  }
}

const tooFewProven = (have: number, need: number): HoldfastError =>
  new HoldfastError(`Cannot change a scheme: ${have} peers proved fragments, need ${need}`, {
    code: 'TOO_FEW_PEERS',
    have,
    need,
  })

const spell = ({ k, m, peers }: Redundancy & { peers: number }): string => `${k}+${m} of ${peers}`
