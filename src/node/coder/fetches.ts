import { DIGEST_BYTES } from '../../erasure/hash.ts'
import type { ColumnCells } from './coder.ts'

/** Stripes `from` … `to` - 1, counted from the part's first. */
export interface Span {
  readonly from: number
  readonly to: number
}

interface Fetch {
  readonly column: number
  readonly span: Span
  /** Resolves when it is over, whatever came of it. */
  readonly over: Promise<void>
  /** Resolves when it is late; not asked for before somebody waits. */
  late: Promise<void> | undefined
  isLate: boolean
}

/** One for all: an abort without a reason makes a new error each time, with its stack. */
const OVER = new Error('the part is over')

type Get = (column: number, span: Span, signal: AbortSignal) => Promise<ColumnCells | undefined>

/** The cells of one part that have come, and those that are on their way: each column once. */
export class Fetches {
  readonly #get: Get
  readonly #controller = new AbortController()
  readonly #signal: AbortSignal
  readonly #arrived = new Map<number, ColumnCells>()
  readonly #open = new Map<number, Fetch>()
  /** How often something turned out to be late. */
  rounds = 0

  constructor(signal: AbortSignal, get: Get) {
    this.#get = get
    this.#signal = AbortSignal.any([signal, this.#controller.signal])
  }

  /** Cells of this column are here. */
  has(column: number): boolean {
    return this.#arrived.has(column)
  }

  get lateCount(): number {
    return [...this.#open.values()].filter(({ isLate }) => isLate).length
  }

  isLate(column: number): boolean {
    return this.#open.get(column)?.isLate ?? false
  }

  /** Everything in a plan, if all of it has come. */
  arrived(plan: ReadonlyMap<number, Span> | undefined): ColumnCells[] | undefined {
    if (plan === undefined) return undefined
    const cells = [...plan].flatMap(([column, span]) => {
      const found = this.#arrived.get(column)
      return found !== undefined && covers(found, span) ? [found] : []
    })
    return cells.length === plan.size ? cells : undefined
  }

  /** Asks for what has neither come nor is on its way. */
  start(plan: ReadonlyMap<number, Span>): void {
    for (const [column, span] of plan) {
      const found = this.#arrived.get(column)
      if ((found !== undefined && covers(found, span)) || this.#open.has(column)) continue
      const over = this.#get(column, span, this.#signal).then(cells => {
        this.#open.delete(column)
        if (cells !== undefined) this.#arrived.set(column, cells)
      })
      this.#open.set(column, { column, span, over, late: undefined, isLate: false })
    }
  }

  /** Waits until something has come or failed, or turns out to be late. */
  async next(
    late: (column: number, signal: AbortSignal) => Promise<void> | undefined,
  ): Promise<void> {
    const waits = [...this.#open.values()].flatMap(fetch => {
      if (fetch.isLate) return [fetch.over]
      fetch.late ??= late(fetch.column, this.#signal)?.then(() => {
        if (this.#open.get(fetch.column) !== fetch) return
        fetch.isLate = true
        this.rounds++
      })
      return fetch.late === undefined ? [fetch.over] : [fetch.over, fetch.late]
    })
    await Promise.race(waits)
  }

  /** Cells that a coder had and gives back. */
  giveBack(columns: readonly ColumnCells[]): void {
    this.#arrived.clear()
    for (const cells of columns) this.#arrived.set(cells.column, cells)
  }

  forget(column: number): void {
    this.#arrived.delete(column)
  }

  abort(): void {
    this.#controller.abort(OVER)
  }
}

const covers = ({ firstStripe, leaves }: ColumnCells, { from, to }: Span): boolean =>
  firstStripe <= from && firstStripe + leaves.length / DIGEST_BYTES >= to
