import type { LinearKernel } from './kernel.ts'
import type { Matrix } from './matrix.ts'

/**
 * Repair without a funnel. A lost cell is Σ c_i · cell_i over k survivors, and a sum can be taken on
 * the way: a chain of helpers, each of which adds its own term to what it received and passes the
 * sum on. Every link carries one cell for each lost one, where the plain way brings k cells to one
 * peer.
 *
 *     helper 1 ── c_1·own ──▶ helper 2 ── + c_2·own ──▶ … ──▶ helper k ── Σ ──▶ new holder
 *
 * The coefficients are a column of `decodingMatrix(k, helpers, lost)`. Several lost fragments are
 * repaired at once, with a sum each.
 *
 * A helper verifies its own cell, but nobody can verify a partial sum: only the whole fragment has
 * a known root. If that differs, one of the helpers was wrong: fetch k verified fragments instead.
 */
export class PartialSum {
  readonly #kernel: LinearKernel
  readonly #first: Matrix
  readonly #next: Matrix

  /** @param coefficients this helper's, one for each lost fragment */
  constructor(kernel: LinearKernel, coefficients: Uint8Array) {
    const rows = coefficients.length
    this.#kernel = kernel
    this.#first = { rows, columns: 1, coefficients: coefficients.slice() }
    this.#next = besideIdentity(coefficients)
  }

  /**
   * `sums[i]` = coefficient i · `own` + `received[i]`. The first helper of the chain receives
   * nothing. The sums must not lie where the received ones do.
   * @throws {HoldfastError} `CELL_SIZE`
   */
  add(own: Uint8Array, sums: readonly Uint8Array[], received?: readonly Uint8Array[]): void {
    if (received === undefined) this.#kernel.apply(this.#first, [own], sums)
    else this.#kernel.apply(this.#next, [own, ...received], sums)
  }
}

/** What the helper in this column of a decoding matrix contributes to each row. */
export const helperCoefficients = (matrix: Matrix, column: number): Uint8Array =>
  Uint8Array.from(
    { length: matrix.rows },
    (_, row) => matrix.coefficients[row * matrix.columns + column]!,
  )

/** The matrix whose first column this is, and whose others pass each received sum through. */
function besideIdentity(column: Uint8Array): Matrix {
  const rows = column.length
  const columns = 1 + rows
  const coefficients = new Uint8Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    coefficients[row * columns] = column[row]!
    coefficients[row * columns + 1 + row] = 1
  }
  return { rows, columns, coefficients }
}
