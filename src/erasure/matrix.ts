import { HoldfastError } from '../base/errors.ts'
import { logarithm, ORDER, power } from './field.ts'
import { checkScheme, FRAGMENTS_MAX } from './scheme.ts'

/**
 * The code is polynomial interpolation. Take one byte of each of the k data fragments; there is
 * exactly one polynomial of degree below k over GF(2^8) that has these bytes as its values at the
 * points 0 … k-1. Fragment r, data or parity, holds its value at point r. So
 *
 * - any k fragments determine the polynomial, hence every other fragment (the code is MDS);
 * - encoding, decoding and rebuilding parity are one operation: from values at k points to values
 *   at others, with Lagrange's coefficients  c(t, s) = Π (t - i) / (s - i)  over points i ≠ s;
 * - parity r depends on k and r alone: parity may be added or dropped at any time without touching
 *   the other fragments, while another k is another code.
 *
 * These are the coefficients of the systematic Vandermonde code V·V_top⁻¹ with V[r][c] = r^c, that
 * is the bytes of klauspost/reedsolomon and reed-solomon-erasure. They come without a matrix
 * inversion: with logarithms each takes one subtraction.
 */

/** Coefficients row by row. Never changed once made: kernels recognise a matrix by identity. */
export interface Matrix {
  readonly rows: number
  readonly columns: number
  readonly coefficients: Uint8Array
}

/** From the data fragments to the `count` parity fragments that begin at `firstParity`. */
export function encodingMatrix(k: number, firstParity: number, count: number): Matrix {
  checkScheme({ k, m: firstParity })
  checkScheme({ k, m: firstParity + count })
  return interpolate(range(0, k), range(k + firstParity, count))
}

/**
 * From the fragments `survivors`, one column each, to the fragments `wanted`, one row each, which
 * may be data or parity.
 * @throws {HoldfastError} `TOO_FEW_FRAGMENTS` with fewer than k survivors
 */
export function decodingMatrix(
  k: number,
  survivors: readonly number[],
  wanted: readonly number[],
): Matrix {
  checkScheme({ k, m: 0 })
  if (survivors.length < k) throw tooFew(survivors.length, k)
  if (survivors.length > k) throw new RangeError(`${survivors.length} survivors where k is ${k}`)
  for (const index of [...survivors, ...wanted]) checkIndex(index)
  if (new Set(survivors).size < k) throw new RangeError('a survivor is named twice')
  return interpolate(survivors, wanted)
}

/**
 * The k fragments to decode from: data before parity, since a data fragment that is there need not
 * be computed, then in order of index, so that equal losses give equal matrices.
 * @throws {HoldfastError} `TOO_FEW_FRAGMENTS`
 */
export function chooseSurvivors(k: number, indices: Iterable<number>): number[] {
  const sorted = [...indices].toSorted((a, b) => a - b)
  if (sorted.length < k) throw tooFew(sorted.length, k)
  return sorted.slice(0, k)
}

function interpolate(points: readonly number[], targets: readonly number[]): Matrix {
  const columns = points.length
  const coefficients = new Uint8Array(targets.length * columns)
  const weights = points.map(point => logarithmOfDistances(points, point))
  for (const [row, target] of targets.entries()) {
    const known = points.indexOf(target)
    if (known >= 0) coefficients[row * columns + known] = 1
    else writeRow(coefficients.subarray(row * columns), { points, weights, target })
  }
  return { rows: targets.length, columns, coefficients }
}

function writeRow(
  row: Uint8Array,
  basis: { points: readonly number[]; weights: readonly number[]; target: number },
): void {
  const { points, weights, target } = basis
  const numerator = logarithmOfDistances(points, target)
  for (let column = 0; column < points.length; column++) {
    const distance = logarithm(target ^ points[column]!)
    row[column] = power((numerator - distance - weights[column]! + 2 * ORDER) % ORDER)
  }
}

/** log Π (at - point) over all points but `at` itself, 0 … 254. */
function logarithmOfDistances(points: readonly number[], at: number): number {
  let sum = 0
  for (const point of points) if (point !== at) sum += logarithm(at ^ point)
  return sum % ORDER
}

const range = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, offset) => first + offset)

function checkIndex(index: number): void {
  if (Number.isInteger(index) && index >= 0 && index < FRAGMENTS_MAX) return
  throw new RangeError(`A fragment has an index from 0 to ${FRAGMENTS_MAX - 1}, not ${index}`)
}

const tooFew = (have: number, need: number): HoldfastError =>
  new HoldfastError(`Cannot rebuild fragments: ${have} at hand, need ${need}`, {
    code: 'TOO_FEW_FRAGMENTS',
    have,
    need,
  })
