/**
 * Makes fragments of a segment from the others. What is wanted and can be had is fetched as it is;
 * for the rest k others are read, batch by batch, each cell verified against the leaves of its
 * fragment and these against the id in the catalog. What comes out has the root that the catalog
 * says, or is not given to anybody: so a repair never copies rot, whoever lies.
 *
 * One that cannot be had is done without; one with a wrong cell only where that cell is, for the
 * rest of it may be all there is. Holds the fragments it makes, and two batches, in memory.
 */
import { concat, equals } from '../../base/bytes.ts'
import type { PeerId, Timers } from '../../base/environment.ts'
import { codeOf, HoldfastError } from '../../base/errors.ts'
import { withDeadline } from '../../base/waiting.ts'
import {
  decodeFragmentId,
  encodeFragmentId,
  type FragmentId,
  formatFragmentId,
} from '../../erasure/fragment-id.ts'
import { CELL_BYTES, segmentLayout, type SegmentLayout } from '../../erasure/layout.ts'
import { rootOf, VerifiedLeaves } from '../../erasure/leaves.ts'
import { stripesPerBatch } from '../coder/batches.ts'
import type { Coder, ColumnCells } from '../coder/coder.ts'
import { mapInOrder } from '../coder/map-in-order.ts'
import type { FragmentPeers } from '../fragments/fragment-peers.ts'

/** A column that may be read, and from whom. */
export interface Helper {
  readonly index: number
  readonly peer: PeerId
  /** The 36 bytes of its name. */
  readonly id: Uint8Array
}

export interface BuildRequest {
  readonly k: number
  readonly sizeBytes: number
  /** The names of the fragments there are, by index. */
  readonly ids: readonly Uint8Array[]
  /** Indices, of the segment or right behind it. */
  readonly wanted: readonly number[]
  /** Best first. */
  readonly helpers: readonly Helper[]
  /** Told of each helper that could not be used, once per batch. */
  readonly onFault: (fault: HelperFault) => void
}

export interface HelperFault {
  readonly helper: Helper
  /** It answered with what is not the fragment, or said that it has not got it. */
  readonly isWrong: boolean
}

export interface BuiltFragment {
  readonly index: number
  readonly id: Uint8Array
  /** The same as text. */
  readonly name: string
  readonly bytes: Uint8Array
}

export interface Built {
  readonly fragments: readonly BuiltFragment[]
  readonly bytesRead: number
}

export interface FragmentBuilderOptions {
  readonly peers: FragmentPeers
  readonly coder: Coder
  readonly timers: Timers
}

/** A helper that takes longer for a batch is done without. */
const CELLS_MS = 5_000
/** Batches on the way: one to read while another is computed. */
const BATCHES_MAX = 2
/** What says that a fragment is not there, or not what it was. */
const wrongCodes: readonly string[] = ['CORRUPT', 'FRAGMENT_CORRUPT', 'FRAGMENT_MISSING']

export class FragmentBuilder {
  readonly #options: FragmentBuilderOptions

  constructor(options: FragmentBuilderOptions) {
    this.#options = options
  }

  /** @throws {HoldfastError} `TOO_FEW_FRAGMENTS`; what coders throw; the signal's reason */
  build(request: BuildRequest, signal: AbortSignal): Promise<Built> {
    return new Building(request, this.#options).run(signal)
  }
}

interface Batch {
  readonly firstStripe: number
  readonly stripes: number
  readonly sealedBytes: number
}

interface BatchResult {
  readonly cells: Uint8Array
  readonly leaves: Uint8Array
}

class Building {
  readonly #request: BuildRequest
  readonly #options: FragmentBuilderOptions
  readonly #layout: SegmentLayout
  readonly #leaves = new Map<number, Promise<VerifiedLeaves>>()
  readonly #unusable = new Set<number>()
  #bytesRead = 0

  constructor(request: BuildRequest, options: FragmentBuilderOptions) {
    this.#request = request
    this.#options = options
    this.#layout = segmentLayout(request.k, request.sizeBytes)
  }

  async run(signal: AbortSignal): Promise<Built> {
    const { wanted } = this.#request
    const { fragmentBytes } = this.#layout
    const fragments = wanted.map(() => new Uint8Array(fragmentBytes))
    const leaves: Uint8Array[][] = wanted.map(() => [])
    let at = 0
    const build = (batch: Batch, inner: AbortSignal) => this.#batch(batch, inner)
    for await (const built of mapInOrder(this.#batches(), build, {
      windowMax: BATCHES_MAX,
      signal,
    })) {
      const cellsBytes = built.cells.length / wanted.length
      const leavesBytes = built.leaves.length / wanted.length
      for (const [order, bytes] of fragments.entries()) {
        bytes.set(built.cells.subarray(order * cellsBytes, (order + 1) * cellsBytes), at)
        leaves[order]?.push(built.leaves.subarray(order * leavesBytes, (order + 1) * leavesBytes))
      }
      at += cellsBytes
    }
    const named = wanted.map((index, order) =>
      this.#name(index, fragments[order] as Uint8Array, concat(leaves[order] ?? [])),
    )
    return { fragments: named, bytesRead: this.#bytesRead }
  }

  /** What was made must be what the catalog lists; what it does not list yet gets its name here. */
  #name(index: number, bytes: Uint8Array, leaves: Uint8Array): BuiltFragment {
    const { ids } = this.#request
    const known = ids[index]
    const { algorithm } = decodeFragmentId(known ?? (ids[0] as Uint8Array))
    const digest = rootOf(this.#options.coder.hasher(algorithm), leaves)
    const made: FragmentId = { algorithm, digest }
    const id = encodeFragmentId(made)
    if (known !== undefined && !equals(id, known)) throw corrupt(`fragment ${index}`)
    return { index, id, name: formatFragmentId(made), bytes }
  }

  *#batches(): Generator<Batch> {
    const { k, sizeBytes } = this.#request
    const count = stripesPerBatch(k)
    for (let firstStripe = 0; firstStripe < this.#layout.stripes; firstStripe += count) {
      const stripes = Math.min(count, this.#layout.stripes - firstStripe)
      const start = firstStripe * k * CELL_BYTES
      const sealedBytes = Math.min(stripes * k * CELL_BYTES, sizeBytes - start)
      yield { firstStripe, stripes, sealedBytes }
    }
  }

  async #batch(batch: Batch, signal: AbortSignal): Promise<BatchResult> {
    try {
      return await this.#whole(batch, signal)
    } catch (error) {
      const { code } = error as HoldfastError
      if (code !== 'TOO_FEW_FRAGMENTS' || batch.stripes === 1) throw error
      return this.#byStripes(batch, signal)
    }
  }

  /** Each stripe may be damaged elsewhere, and still have k whole cells. */
  async #byStripes(batch: Batch, signal: AbortSignal): Promise<BatchResult> {
    const { k, wanted } = this.#request
    const parts: BatchResult[] = []
    for (let at = 0; at < batch.stripes; at++) {
      const start = at * k * CELL_BYTES
      const sealedBytes = Math.min(k * CELL_BYTES, batch.sealedBytes - start)
      const stripe = { firstStripe: batch.firstStripe + at, stripes: 1, sealedBytes }
      parts.push(await this.#whole(stripe, signal))
    }
    const columnsOf = (pick: (part: BatchResult) => Uint8Array): Uint8Array =>
      concat(
        wanted.flatMap((_, order) =>
          parts.map(part => {
            const bytes = pick(part).length / wanted.length
            return pick(part).subarray(order * bytes, (order + 1) * bytes)
          }),
        ),
      )
    return { cells: columnsOf(part => part.cells), leaves: columnsOf(part => part.leaves) }
  }

  /** Each round either succeeds, or leaves out at least one more helper, or fails. */
  async #whole(batch: Batch, signal: AbortSignal): Promise<BatchResult> {
    const wrong = new Set<number>()
    let have: readonly ColumnCells[] = []
    for (;;) {
      const helpers = this.#choose(wrong)
      const columns = await Promise.all(
        helpers.map(async helper => {
          const before = have.find(({ column }) => column === helper.index)
          return before ?? this.#fetch(helper, batch, signal)
        }),
      )
      signal.throwIfAborted()
      have = columns.filter(column => column !== undefined)
      if (have.length < helpers.length) continue
      const { k, wanted, ids } = this.#request
      const { algorithm: hash } = decodeFragmentId(ids[0] as Uint8Array)
      const { firstStripe, sealedBytes } = batch
      const about = { type: 'rebuild', k, hash, firstStripe, sealedBytes } as const
      const job = { ...about, columns: have, wanted }
      const rebuilt = await this.#options.coder.rebuild(job, signal)
      if (rebuilt.type === 'rebuilt') return rebuilt
      have = rebuilt.columns
      for (const { column } of rebuilt.wrong) {
        if (wrong.has(column)) continue
        wrong.add(column)
        const helper = helpers.find(({ index }) => index === column) as Helper
        this.#request.onFault({ helper, isWrong: true })
      }
    }
  }

  /** Those wanted themselves if they are all there is to make, else k of what can be had. */
  #choose(wrong: ReadonlySet<number>): Helper[] {
    const { k, helpers, wanted } = this.#request
    const usable = helpers.filter(({ index }) => !wrong.has(index) && !this.#unusable.has(index))
    const themselves = usable.filter(({ index }) => wanted.includes(index))
    if (themselves.length === wanted.length) return themselves
    if (usable.length < k) throw tooFew(usable.length, k)
    return usable.slice(0, k)
  }

  async #fetch(
    helper: Helper,
    batch: Batch,
    signal: AbortSignal,
  ): Promise<ColumnCells | undefined> {
    const { firstStripe, stripes } = batch
    const { timers, peers } = this.#options
    const id = decodeFragmentId(helper.id)
    const range = { from: firstStripe, to: firstStripe + stripes }
    const sizeBytes = Math.min(range.to * CELL_BYTES, this.#layout.fragmentBytes)
    try {
      const [leaves, bytes] = await withDeadline(
        timers,
        { ms: CELLS_MS, what: 'cells of a survivor', signal },
        within =>
          Promise.all([
            this.#leavesOf(helper, within),
            peers.cells(helper.peer, formatFragmentId(id), { ...range, signal: within }),
          ]),
      )
      if (bytes.length !== sizeBytes - range.from * CELL_BYTES) throw corrupt('fragment')
      this.#bytesRead += bytes.length
      const hash = id.algorithm
      const own = leaves.slice(range.from, range.to)
      return { column: helper.index, firstStripe: 0, bytes, hash, leaves: own }
    } catch (error) {
      if (signal.aborted || this.#unusable.has(helper.index)) return undefined
      if (codeOf(error) === undefined) throw error
      this.#unusable.add(helper.index)
      this.#request.onFault({ helper, isWrong: isWrong(error) })
      return undefined
    }
  }

  /** Fetched and verified once. */
  #leavesOf({ index, peer, id }: Helper, signal: AbortSignal): Promise<VerifiedLeaves> {
    const known = this.#leaves.get(index)
    if (known !== undefined) return known
    const decoded = decodeFragmentId(id)
    const { coder, peers } = this.#options
    const fresh = peers.leaves(peer, formatFragmentId(decoded), { signal }).then(bytes => {
      const leaves = VerifiedLeaves.check(coder.hasher(decoded.algorithm), decoded.digest, bytes)
      if (leaves.count !== this.#layout.stripes) throw corrupt('number of leaves')
      return leaves
    })
    this.#leaves.set(index, fresh)
    // Whoever waits for it hears of it; two may be reading at once.
    fresh.catch(() => this.#leaves.delete(index))
    return fresh
  }
}

/** Whether a failure says that a fragment is not there, or not what it should be. */
export const isWrong = (error: unknown): boolean => wrongCodes.includes(codeOf(error) ?? '')

/** How many cells a fragment of this size has. */
export const cellsIn = (bytes: Uint8Array): number => Math.ceil(bytes.length / CELL_BYTES)

/** A cell of a fragment that was built. */
export const cellAt = (bytes: Uint8Array, cell: number): Uint8Array =>
  bytes.subarray(cell * CELL_BYTES, (cell + 1) * CELL_BYTES)

const corrupt = (what: string): HoldfastError =>
  new HoldfastError(`Cannot verify a ${what}`, { code: 'CORRUPT', what })

const tooFew = (have: number, need: number): HoldfastError =>
  new HoldfastError(`Cannot build a fragment: ${have} others can be read, need ${need}`, {
    code: 'TOO_FEW_FRAGMENTS',
    have,
    need,
  })
