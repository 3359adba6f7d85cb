import { HoldfastError } from '../base/errors.ts'
import type { Matrix } from './matrix.ts'
import { FRAGMENTS_MAX } from './scheme.ts'

export type KernelName = 'wasm-relaxed' | 'wasm-simd' | 'js'

/**
 * The arithmetic under every codec: output i = Σ_j matrix[i][j] · input j over GF(2^8), byte by
 * byte. All kernels give the same bytes.
 */
export interface LinearKernel {
  readonly name: KernelName

  /**
   * Scratch memory for the caller, who alone decides what lies where in it. Operands that lie here
   * are used in place; others are copied in and out. Never detached.
   */
  readonly arena: Uint8Array<ArrayBuffer>

  /**
   * All operands are equally long, a multiple of 64 bytes; `matrix` has a row for each output and
   * a column for each input, 256 in all at most. Inputs are left as they are and nothing is kept.
   * @throws {HoldfastError} `CELL_SIZE`, before anything was written
   * @throws {RangeError} if the counts do not fit, or an output overlaps another operand
   */
  apply(matrix: Matrix, inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]): void
}

/** Operands are a multiple of this long: kernels compute 64 bytes at a time. */
export const LANE_BYTES = 64

/** The least multiple of 64 that is not below `size`. */
export const toWholeLanes = (size: number): number => Math.ceil(size / LANE_BYTES) * LANE_BYTES

/** Checks the contract of `LinearKernel.apply`; returns the length that all operands share. */
export function checkOperands(
  matrix: Matrix,
  inputs: readonly Uint8Array[],
  outputs: readonly Uint8Array[],
): number {
  const { rows, columns, coefficients } = matrix
  if (inputs.length !== columns || outputs.length !== rows || columns === 0)
    throw new RangeError(
      `A ${rows} by ${columns} matrix takes ${columns} inputs to ${rows} outputs, ` +
        `not ${inputs.length} to ${outputs.length}`,
    )
  if (coefficients.length !== rows * columns)
    throw new RangeError(`A ${rows} by ${columns} matrix has not ${coefficients.length} elements`)
  if (rows + columns > FRAGMENTS_MAX)
    throw new RangeError(`A kernel takes ${FRAGMENTS_MAX} operands, not ${rows + columns}`)
  const length = checkCells([...inputs, ...outputs])
  for (const [index, output] of outputs.entries()) {
    if (inputs.some(other => overlap(output, other))) throw overlapping(index)
    for (let next = index + 1; next < rows; next++)
      if (overlap(output, outputs[next]!)) throw overlapping(index)
  }
  return length
}

/**
 * The length that all these cells share.
 * @throws {HoldfastError} `CELL_SIZE` if they differ, are empty, or are no multiple of 64 bytes
 */
export function checkCells(cells: readonly Uint8Array[]): number {
  const length = cells[0]?.length ?? LANE_BYTES
  const wanted = Math.max(LANE_BYTES, toWholeLanes(length))
  for (const cell of cells) {
    if (cell.length === wanted) continue
    throw new HoldfastError(`Cannot code a cell of ${cell.length} bytes: need ${wanted}`, {
      code: 'CELL_SIZE',
      sizeBytes: cell.length,
      neededBytes: wanted,
    })
  }
  return length
}

const overlap = (a: Uint8Array, b: Uint8Array): boolean =>
  a.buffer === b.buffer &&
  a.byteOffset < b.byteOffset + b.length &&
  b.byteOffset < a.byteOffset + a.length

const overlapping = (index: number): RangeError =>
  new RangeError(`Output ${index} overlaps another operand`)
