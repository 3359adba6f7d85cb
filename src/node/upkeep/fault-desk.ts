/**
 * What to do about a fragment that is not what its peer should have: it rotted, was lost, or its
 * peer lies. Readers, audits and scrubbers report it here.
 *
 * The same fragment is built anew from others and put to the same peer, which the catalog need not
 * know about. If that peer then cannot prove it, or is reported again soon, the fragment is owed
 * instead: the catalog lists it under nobody, and the repair planner finds it a new holder. Nothing
 * is taken from a holder unless the fragment was built from others in this very moment: whoever
 * reports, and however often, cannot make the last piece go.
 */
import type { Clock, PeerId, Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import type { SegmentName } from '../../catalog/commands.ts'
import type { PlacedSegment } from '../../catalog/query-upkeep.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { Bell } from './bell.ts'
import type { BuiltFragment } from './fragment-builder.ts'
import type { Delivery, FragmentMover } from './fragment-mover.ts'
import { nameOf, spellSegment } from './listed-segment.ts'
import type { Books } from './repair-books.ts'

export interface FragmentFault {
  readonly name: SegmentName
  readonly index: number
  readonly seat: number
  /** Told by another peer: it is not told on. */
  readonly isHearsay: boolean
}

export interface FaultDeskOptions {
  readonly catalog: Catalog
  readonly mover: FragmentMover
  readonly books: Books
  readonly clock: Clock
  readonly timers: Timers
  readonly peerAt: (seat: number) => PeerId | undefined
  /** Whether a peer can be asked for what it has. */
  readonly answers: (seat: number) => boolean
  /** Has whoever leads the group look at it. */
  readonly tellLeader: (fault: FragmentFault) => void
}

/** Faults that wait; one more is found again by whoever found it. */
const FAULTS_MAX = 1_000
const WORKERS = 2
/** A fragment that is at fault again this soon was not mended. */
const MENDED_MS = 3_600_000
/** When one is tried again that could not be built. */
const AGAIN_MS = 60_000
const CALL_MS = 10_000

export class FaultDesk {
  readonly #options: FaultDeskOptions
  readonly #waiting = new Map<string, FragmentFault>()
  readonly #mendedMs = new Map<string, number>()
  readonly #underWay = new Set<string>()
  readonly #bell = new Bell()

  constructor(options: FaultDeskOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting.size
  }

  report(fault: FragmentFault): void {
    const key = keyOf(fault)
    if (this.#waiting.has(key) || this.#waiting.size >= FAULTS_MAX) return
    this.#waiting.set(key, fault)
    this.#bell.ring()
  }

  /** Deals with what is reported until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: WORKERS }, () => this.#work(signal)))
  }

  async #work(signal: AbortSignal): Promise<never> {
    const underWay = this.#underWay
    for (;;) {
      const next = [...this.#waiting].find(([key]) => !underWay.has(key))
      if (next === undefined) {
        await this.#bell.wait(signal)
        continue
      }
      const [key, fault] = next
      underWay.add(key)
      try {
        await this.#mend(fault, signal)
      } catch (error) {
        if (codeOf(error) === undefined || signal.aborted) throw error
        this.#later(fault)
      } finally {
        underWay.delete(key)
        this.#waiting.delete(key)
      }
    }
  }

  #later(fault: FragmentFault): void {
    this.#options.timers.after(AGAIN_MS, () => this.report(fault))
  }

  async #mend(fault: FragmentFault, signal: AbortSignal): Promise<void> {
    // Everybody is told, for nobody knows who leads.
    if (fault.isHearsay && !(await this.#leads(fault.name, signal))) return
    const placed = await this.#lookUp(fault, signal)
    const peer = this.#options.peerAt(fault.seat)
    // It has another holder by now, or there is no such segment any more.
    if (placed === undefined || peer === undefined) return
    const startedMs = this.#options.clock.monotonicMs()
    const { mover, books, clock } = this.#options
    const from = this.#others(placed, fault.index)
    await mover.withBuilt(placed, { wanted: [fault.index], from }, signal, async built => {
      const fragment = built.fragments[0] as BuiltFragment
      const delivery = { fragment, peer }
      const { proven, proofs } = this.#wasMended(fault)
        ? { proven: [], proofs: [] }
        : await this.#putBack(placed, delivery, signal)
      if (proven.length === 0) return this.#owe(fault, placed, signal)
      this.#noteMended(fault)
      const tookMs = clock.monotonicMs() - startedMs
      const { bytesRead } = built
      const work = { placed, proven, proofs, deliveries: proven, bytesRead, tookMs }
      books.note({ kind: 'repair', outcome: 'done', reason: 'in place', ...work })
    })
  }

  async #putBack(
    placed: PlacedSegment,
    delivery: Delivery,
    signal: AbortSignal,
  ): Promise<Awaited<ReturnType<FragmentMover['prove']>>> {
    const { mover } = this.#options
    const { k, generation, fragments } = placed.record
    const scheme = { k, m: fragments.length - k, generation }
    const delivered = await mover.deliver(placed, [delivery], scheme, signal)
    const proof = await mover.prove(delivered, signal)
    await mover.commit(placed, proof.proven, generation, signal)
    return proof
  }

  /** Lists the fragment under nobody, if it is still as it was; or has the leader do all this. */
  async #owe(fault: FragmentFault, placed: PlacedSegment, signal: AbortSignal): Promise<void> {
    const { catalog, tellLeader } = this.#options
    if (!(await this.#leads(placed, signal))) {
      if (!fault.isHearsay) tellLeader(fault)
      return
    }
    const call = { deadlineMs: CALL_MS, signal }
    const group = await catalog.groupOf(placed, call)
    const { record } = placed
    const { id } = record.fragments[fault.index] as { id: Uint8Array }
    const { index } = fault
    const fragment = { id, seat: 0 }
    const placement = { ...nameOf(placed), ifRevision: record.revision, index, fragment }
    await catalog.proposeTo(group, { type: 'place', placements: [placement] }, call)
  }

  async #leads(name: SegmentName, signal: AbortSignal): Promise<boolean> {
    const { catalog } = this.#options
    const group = await catalog.groupOf(name, { deadlineMs: CALL_MS, signal })
    return catalog.led().includes(group)
  }

  async #lookUp(
    { name, index, seat }: FragmentFault,
    signal: AbortSignal,
  ): Promise<PlacedSegment | undefined> {
    const asked = { ...name, first: name.segment, count: 1 }
    const call = { deadlineMs: CALL_MS, signal }
    const [record] = await this.#options.catalog.ask('segments', asked, call)
    return record?.fragments[index]?.seat === seat ? { ...name, record } : undefined
  }

  #others({ record }: PlacedSegment, index: number): number[] {
    return [...record.fragments.entries()]
      .filter(([at, { seat }]) => at !== index && seat !== 0 && this.#options.answers(seat))
      .map(([at]) => at)
  }

  #wasMended(fault: FragmentFault): boolean {
    const atMs = this.#mendedMs.get(keyOf(fault))
    return atMs !== undefined && this.#options.clock.monotonicMs() - atMs < MENDED_MS
  }

  #noteMended(fault: FragmentFault): void {
    const key = keyOf(fault)
    this.#mendedMs.delete(key)
    this.#mendedMs.set(key, this.#options.clock.monotonicMs())
    const [oldest] = this.#mendedMs.keys()
    if (this.#mendedMs.size > FAULTS_MAX && oldest !== undefined) this.#mendedMs.delete(oldest)
  }
}

const keyOf = ({ name, index, seat }: FragmentFault): string =>
  `${spellSegment(name)}/${index}@${seat}`
