/**
 * The three steps of every repair, as functions of a segment: build fragments in memory, deliver
 * each to its new holder, and have the holder prove that it has the very bytes. What the catalog is
 * told after that is the caller's business.
 */
import { concat, equals, toHex } from '../../base/bytes.ts'
import type { PeerId, Random, Timers } from '../../base/environment.ts'
import { codeOf } from '../../base/errors.ts'
import { withDeadline } from '../../base/waiting.ts'
import type { PlacedSegment } from '../../catalog/query-upkeep.ts'
import { decodeFragmentId } from '../../erasure/fragment-id.ts'
import { CELL_BYTES, segmentLayout } from '../../erasure/layout.ts'
import { NONCE_BYTES } from '../../storage/fragment-store.ts'
import type { Coder } from '../coder/coder.ts'
import type { FragmentPeers } from '../fragments/fragment-peers.ts'
import type { OriginSeal } from '../fragments/origin-seal.ts'
import type { RepairRecord } from '../store/upkeep.ts'
import type { ByteBudget } from './byte-budget.ts'
import {
  type BuildRequest,
  type Built,
  type BuiltFragment,
  cellAt,
  cellsIn,
  FragmentBuilder,
  type Helper,
  type HelperFault,
} from './fragment-builder.ts'
import { referenceOf } from './listed-segment.ts'
import { originOf } from './segment-origin.ts'

export type Proof = RepairRecord['proofs'][number]

/** A fragment and who is to have it. */
export interface Delivery {
  readonly fragment: BuiltFragment
  readonly peer: PeerId
}

export interface FragmentMoverOptions {
  readonly peers: FragmentPeers
  readonly coder: Coder
  readonly seal: OriginSeal
  readonly networkId: Uint8Array
  readonly timers: Timers
  readonly random: Random
  /** What nobody can foretell. */
  readonly secrets: (sizeBytes: number) => Uint8Array
  readonly peerAt: (seat: number) => PeerId | undefined
  readonly budget: ByteBudget
  /** Told of fragments that were found to be wrong. */
  readonly onFault: (placed: PlacedSegment, fault: HelperFault) => void
}

/** How long a new holder keeps a fragment that the catalog never lists. */
const LEASE_MS = 3_600_000
/** A holder must take at least so many bytes per second, and answer after the last one. */
const BYTES_PER_MS_MIN = 512
const ANSWER_MS = 10_000
const CALL_MS = 5_000
/** Cells that a new holder is asked to prove. */
const PROVEN_CELLS = 3

export class FragmentMover {
  readonly #options: FragmentMoverOptions
  readonly #builder: FragmentBuilder

  constructor(options: FragmentMoverOptions) {
    this.#options = options
    this.#builder = new FragmentBuilder(options)
  }

  /**
   * Calls `use` with what was built; its memory counts until that is done.
   * @param from indices of the fragments to read, best first
   */
  async withBuilt<Result>(
    placed: PlacedSegment,
    { wanted, from }: { readonly wanted: readonly number[]; readonly from: readonly number[] },
    signal: AbortSignal,
    use: (built: Built) => Promise<Result>,
  ): Promise<Result> {
    const { record } = placed
    const { fragmentBytes } = segmentLayout(record.k, record.sizeBytes)
    const giveBack = await this.#options.budget.take(wanted.length * fragmentBytes, signal)
    try {
      const request = this.requestFor(placed, { wanted, from })
      return await use(await this.#builder.build(request, signal))
    } finally {
      giveBack()
    }
  }

  /** What a builder must know to make fragments of a segment. */
  requestFor(
    placed: PlacedSegment,
    { wanted, from }: { readonly wanted: readonly number[]; readonly from: readonly number[] },
  ): BuildRequest {
    const { k, sizeBytes, fragments } = placed.record
    const ids = fragments.map(({ id }) => id)
    const helpers = this.#helpers(placed, from)
    const onFault = (fault: HelperFault): void => this.#options.onFault(placed, fault)
    return { k, sizeBytes, ids, wanted, helpers, onFault }
  }

  /**
   * Stores fragments with their holders, all at once; returns those that have theirs durably.
   * @param scheme of the segment, with what is being added
   */
  async deliver(
    placed: PlacedSegment,
    deliveries: readonly Delivery[],
    { k, m, generation }: { readonly k: number; readonly m: number; readonly generation: number },
    signal: AbortSignal,
  ): Promise<Delivery[]> {
    const origin = await originOf(placed, this.#options, signal)
    const outcomes = await Promise.all(
      deliveries.map(async delivery => {
        const { index } = delivery.fragment
        const sealed = this.#options.seal.seal({ ...origin, k, m, index })
        const segment = referenceOf(placed, generation)
        return (await this.#put(delivery, { segment, sealed }, signal)) ? [delivery] : []
      }),
    )
    signal.throwIfAborted()
    return outcomes.flat()
  }

  /** The proofs of those who answered rightly; all of a holder's cells must be right. */
  async prove(
    deliveries: readonly Delivery[],
    signal: AbortSignal,
  ): Promise<{ readonly proven: Delivery[]; readonly proofs: Proof[] }> {
    const outcomes = await Promise.all(
      deliveries.map(async delivery => {
        const proofs = await this.#challenge(delivery, signal)
        return proofs === undefined ? [] : [{ delivery, proofs }]
      }),
    )
    signal.throwIfAborted()
    const good = outcomes.flat()
    return {
      proven: good.map(({ delivery }) => delivery),
      proofs: good.flatMap(({ proofs }) => proofs),
    }
  }

  /** Tells holders that their fragments are listed. One that does not hear it asks the catalog. */
  async commit(
    placed: PlacedSegment,
    deliveries: readonly Delivery[],
    generation: number,
    signal: AbortSignal,
  ): Promise<void> {
    const segment = referenceOf(placed, generation)
    await this.#forEach(deliveries, ({ peer, fragment: { name, index } }) =>
      this.#options.peers.commit(peer, name, { segment, index }, { deadlineMs: CALL_MS, signal }),
    )
  }

  /** Tells holders that nobody is going to need their fragments. They ask the catalog first. */
  async giveUp(
    placed: PlacedSegment,
    deliveries: readonly Delivery[],
    generation: number,
    signal: AbortSignal,
  ): Promise<void> {
    const segment = referenceOf(placed, generation)
    await this.#forEach(deliveries, ({ peer, fragment: { name, index } }) => {
      const release = { segment, index, graceMs: 0 }
      return this.#options.peers.release(peer, name, release, { deadlineMs: CALL_MS, signal })
    })
  }

  #helpers({ record }: PlacedSegment, from: readonly number[]): Helper[] {
    return from.flatMap(index => {
      const fragment = record.fragments[index]
      const peer = fragment && this.#options.peerAt(fragment.seat)
      return fragment === undefined || peer === undefined ? [] : [{ index, peer, id: fragment.id }]
    })
  }

  async #put(
    { peer, fragment: { name, index, bytes } }: Delivery,
    { segment, sealed }: { readonly segment: Uint8Array; readonly sealed: Uint8Array },
    signal: AbortSignal,
  ): Promise<boolean> {
    const { timers, peers } = this.#options
    const sizeBytes = bytes.length
    const ms = ANSWER_MS + Math.ceil(sizeBytes / BYTES_PER_MS_MIN)
    const about = { segment, index, sizeBytes, sealed, leaseMs: LEASE_MS }
    return isDone(
      withDeadline(timers, { ms, what: 'a fragment to be stored', signal }, within =>
        peers.put(peer, name, { ...about, signal: within }, cellsOf(bytes)),
      ),
    )
  }

  /** Undefined if an answer is not what these bytes give, or none came. */
  async #challenge(
    { peer, fragment: { id, name, index, bytes } }: Delivery,
    signal: AbortSignal,
  ): Promise<Proof[] | undefined> {
    const { peers, random, secrets, coder } = this.#options
    const hasher = coder.hasher(decodeFragmentId(id).algorithm)
    const count = cellsIn(bytes)
    const cells = random.shuffle(Array.from({ length: count }, (_, cell) => cell))
    const proofs: Proof[] = []
    for (const cell of cells.slice(0, PROVEN_CELLS)) {
      const nonce = secrets(NONCE_BYTES)
      try {
        const call = { deadlineMs: CALL_MS, signal }
        const answer = await peers.prove(peer, name, { cell, nonce }, call)
        if (!equals(answer, hasher.hash(concat([nonce, cellAt(bytes, cell)])))) return undefined
        proofs.push({ index, cell, nonce: toHex(nonce), answer: toHex(answer) })
      } catch (error) {
        if (codeOf(error) === undefined) throw error
        return undefined
      }
    }
    return proofs
  }

  async #forEach(
    deliveries: readonly Delivery[],
    call: (delivery: Delivery) => Promise<void>,
  ): Promise<void> {
    await Promise.all(deliveries.map(delivery => isDone(call(delivery))))
  }
}

/** Whether it succeeded; what fails as expected failed. */
async function isDone(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (error) {
    if (codeOf(error) === undefined) throw error
    return false
  }
}

async function* cellsOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CELL_BYTES) yield bytes.subarray(at, at + CELL_BYTES)
}
