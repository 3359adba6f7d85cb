import { type Failure, HoldfastError } from '../../base/errors.ts'
import type { FragmentId } from '../../erasure/fragment-id.ts'
import { CELL_BYTES, piecesOf, SEGMENT_BYTES, segmentLayout } from '../../erasure/layout.ts'
import type { SegmentLayout } from '../../erasure/layout.ts'
import { VerifiedLeaves } from '../../erasure/leaves.ts'
import { UNIT_BYTES } from '../../erasure/sealing.ts'
import type { Coder, ColumnCells } from './coder.ts'
import { Fetches, type Span } from './fetches.ts'
import type { CellRange, FragmentFault, FragmentPlace, FragmentSource } from './fragment-source.ts'
import type { UnitKey } from './unit-cipher.ts'

/** Consecutive stripes of a segment, and the bytes wanted of them, which are whole units. */
export interface SegmentPart {
  readonly firstStripe: number
  readonly sealedBytes: number
  /** Counted from the first stripe's first byte. */
  readonly from: number
  readonly to: number
}

export interface SegmentDescription {
  readonly segment: number
  readonly k: number
  readonly fragments: readonly FragmentId[]
  readonly lengthBytes: number
  readonly key: UnitKey | undefined
  /** Number of the object's last unit. */
  readonly lastUnit: number
}

/**
 * Reads parts of one segment. A fragment that cannot be had, or whose leaves are not those of its
 * name, is not asked for again; one with a wrong cell is avoided for the stripes around that cell,
 * for the rest of it may be all there is.
 */
export class SegmentReader {
  readonly #about: SegmentDescription
  readonly #layout: SegmentLayout
  readonly #coder: Coder
  readonly #source: FragmentSource
  readonly #onFault: (fault: FragmentFault) => void
  readonly #leaves = new Map<number, Promise<VerifiedLeaves>>()
  readonly #unusable = new Set<number>()

  constructor(
    about: SegmentDescription,
    drivers: {
      coder: Coder
      source: FragmentSource
      onFault: ((fault: FragmentFault) => void) | undefined
    },
  ) {
    this.#about = about
    this.#layout = segmentLayout(about.k, about.lengthBytes)
    this.#coder = drivers.coder
    this.#source = drivers.source
    this.#onFault = drivers.onFault ?? (() => {})
  }

  /**
   * The plaintext of a part.
   * @throws {HoldfastError} `TOO_FEW_FRAGMENTS`, and what the coder throws
   */
  async read(part: SegmentPart, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return await this.#readWhole(part, signal)
    } catch (error) {
      const { code } = error as HoldfastError
      const stripeBytes = this.#about.k * CELL_BYTES
      if (code !== 'TOO_FEW_FRAGMENTS' || part.sealedBytes <= stripeBytes) throw error
      return this.#readStripes(part, stripeBytes, signal)
    }
  }

  /** One by one: each stripe may be damaged elsewhere, and still have k whole cells. */
  async #readStripes(
    part: SegmentPart,
    stripeBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const plains: Uint8Array[] = []
    for (let start = 0; start < part.to; start += stripeBytes) {
      if (start + stripeBytes <= part.from) continue
      const stripe = {
        firstStripe: part.firstStripe + start / stripeBytes,
        sealedBytes: Math.min(stripeBytes, part.sealedBytes - start),
        from: Math.max(0, part.from - start),
        to: Math.min(stripeBytes, part.to - start),
      }
      plains.push(await this.#readWhole(stripe, signal))
    }
    const joined = new Uint8Array(plains.reduce((sum, { length }) => sum + length, 0))
    let end = 0
    for (const plain of plains) {
      joined.set(plain, end)
      end += plain.length
    }
    return joined
  }

  /**
   * Each round ends with what is needed, or with one fetch that has come, failed, or is late. What is
   * late is waited for all the same, beside what could take its place; whatever comes first counts.
   */
  async #readWhole(part: SegmentPart, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
    const wrong = new Set<number>()
    const fetches = new Fetches(signal, (column, span, inner) =>
      this.#fetch(column, span, part, inner),
    )
    const late = (column: number, inner: AbortSignal): Promise<void> | undefined =>
      this.#source.late?.(this.#placeOf(column), inner)
    try {
      for (;;) {
        const have = fetches.arrived(this.#planOf(part, column => fetches.has(column)))
        if (have === undefined) {
          this.#start(fetches, part, wrong)
          await fetches.next(late)
          signal.throwIfAborted()
          continue
        }
        const decoded = await this.#coder.decode(this.#jobOf(part, have), signal)
        if (decoded.type === 'plain') return decoded.plain
        fetches.giveBack(decoded.columns)
        for (const { column, cell } of decoded.wrong) {
          wrong.add(column)
          fetches.forget(column)
          this.#onFault({ ...this.#placeOf(column), error: corrupt(`cell ${cell}`) })
        }
      }
    } finally {
      fetches.abort()
    }
  }

  /** Asks for what is needed, and for what could stand in for those that are late. */
  #start(fetches: Fetches, part: SegmentPart, wrong: ReadonlySet<number>): void {
    const isLeft = (column: number): boolean => !wrong.has(column) && !this.#unusable.has(column)
    const wanted = this.#planOf(part, isLeft)
    if (wanted === undefined) throw this.#tooFew(this.#usable(isLeft).length)
    fetches.start(wanted)
    if (fetches.lateCount === 0) return
    const others = this.#planOf(part, column => isLeft(column) && !fetches.isLate(column))
    if (others !== undefined) fetches.start(others)
    // Whoever waits for a second round asks everybody.
    if (fetches.rounds < 2 || others === undefined) return
    const spans = [...others.values()]
    const [first, ...rest] = spans
    if (first === undefined) return
    const all = rest.reduce(hull, first)
    fetches.start(new Map(this.#usable(isLeft).map(column => [column, all])))
  }

  #usable(isLeft: (column: number) => boolean): number[] {
    const { segment, fragments } = this.#about
    return this.#source
      .columnsOf(segment)
      .filter(column => fragments[column] !== undefined && isLeft(column))
  }

  /**
   * Which cells of which columns to use: those that hold the bytes wanted; if some of them cannot be
   * had, of k columns all cells in their stripes. Undefined if there are not as many.
   */
  #planOf(part: SegmentPart, isLeft: (column: number) => boolean): Map<number, Span> | undefined {
    const { k } = this.#about
    const layout = segmentLayout(k, part.sealedBytes)
    const usable = this.#usable(isLeft)
    const wanted = new Map<number, Span>()
    for (const { stripe, column } of piecesOf(layout, part.from, part.to))
      wanted.set(column, hull(wanted.get(column), { from: stripe, to: stripe + 1 }))
    let lost: Span | undefined
    for (const [column, span] of wanted) {
      if (usable.includes(column)) continue
      lost = hull(lost, span)
      wanted.delete(column)
    }
    if (lost === undefined) return wanted
    const helpers = [...new Set([...wanted.keys(), ...usable])].slice(0, Math.max(k, wanted.size))
    if (helpers.length < k) return undefined
    for (const column of helpers.slice(0, k)) wanted.set(column, hull(wanted.get(column), lost))
    return wanted
  }

  async #fetch(
    column: number,
    span: Span,
    part: SegmentPart,
    signal: AbortSignal,
  ): Promise<ColumnCells | undefined> {
    const place = this.#placeOf(column)
    try {
      const range = this.#rangeOf(part.firstStripe + span.from, part.firstStripe + span.to)
      const [leaves, bytes] = await Promise.all([
        this.#leavesOf(column, signal),
        this.#source.cells(place, range, signal),
      ])
      if (bytes.length !== range.sizeBytes) throw corrupt('fragment')
      return {
        column,
        firstStripe: span.from,
        bytes,
        hash: place.id.algorithm,
        leaves: leaves.slice(range.from, range.to),
      }
    } catch (error) {
      // An abort is no fault of the fragment, and a column asked for twice at once has one fault.
      if (signal.aborted || this.#unusable.has(column)) return undefined
      this.#unusable.add(column)
      this.#onFault({ ...place, error })
      return undefined
    }
  }

  /** Fetched and verified once. */
  #leavesOf(column: number, signal: AbortSignal): Promise<VerifiedLeaves> {
    const known = this.#leaves.get(column)
    if (known !== undefined) return known
    const place = this.#placeOf(column)
    const { algorithm, digest } = place.id
    const fresh = this.#source.leaves(place, signal).then(bytes => {
      const leaves = VerifiedLeaves.check(this.#coder.hasher(algorithm), digest, bytes)
      if (leaves.count !== this.#layout.stripes) throw corrupt('number of leaves')
      return leaves
    })
    this.#leaves.set(column, fresh)
    return fresh
  }

  #jobOf(part: SegmentPart, columns: readonly ColumnCells[]): Parameters<Coder['decode']>[0] {
    const { segment, k, key, lastUnit } = this.#about
    const firstUnit =
      segment * (SEGMENT_BYTES / UNIT_BYTES) + part.firstStripe * k * (CELL_BYTES / UNIT_BYTES)
    return { type: 'decode', k, key, firstUnit, lastUnit, ...part, columns }
  }

  #placeOf(column: number): FragmentPlace {
    const { segment, fragments } = this.#about
    return { segment, column, id: fragments[column] as FragmentId }
  }

  #rangeOf(from: number, to: number): CellRange {
    const offsetBytes = from * CELL_BYTES
    const endBytes = Math.min(to * CELL_BYTES, this.#layout.fragmentBytes)
    return { from, to, offsetBytes, sizeBytes: endBytes - offsetBytes }
  }

  #tooFew(have: number): HoldfastError {
    const { segment, k, fragments } = this.#about
    const details: Failure = { code: 'TOO_FEW_FRAGMENTS', have, need: k }
    const found = `${have} of ${fragments.length} fragments whole, need ${k}`
    return new HoldfastError(`Cannot read segment ${segment}: ${found}`, details)
  }
}

const hull = (a: Span | undefined, b: Span): Span =>
  a === undefined ? b : { from: Math.min(a.from, b.from), to: Math.max(a.to, b.to) }

const corrupt = (what: string): HoldfastError =>
  new HoldfastError(`Cannot verify a ${what}`, { code: 'CORRUPT', what })
