import { checkCells, type KernelName } from './kernel.ts'
import { chooseSurvivors } from './matrix.ts'
import { checkScheme } from './scheme.ts'

/**
 * Encodes and rebuilds the cells of one stripe. All codecs give the same bytes, so that fragments
 * written with one are read with another. A codec is for one thread; it keeps no reference to what
 * it was given.
 *
 * Cells are equally long, a multiple of 64 bytes. A cell has no checksum in it: a codec computes
 * from a rotten cell without noticing, so **verify every input before** (`leaves.ts`).
 */
export interface Codec {
  readonly name: KernelName | 'subspace'

  /**
   * Computes the parity cells `firstParity`, `firstParity` + 1, … from all k data cells. To raise m
   * later, start at the old m; the cells there are stay as they are.
   * @param firstParity counts from the first parity cell; default 0
   * @throws {HoldfastError} `INVALID_SCHEME`, `CELL_SIZE`
   */
  encode(data: readonly Uint8Array[], parity: readonly Uint8Array[], firstParity?: number): void

  /**
   * Fills the cells of `wanted`, data or parity, from any k or more cells of `have`. Both are by
   * index in the stripe: data from 0, parity from k.
   * @throws {HoldfastError} `TOO_FEW_FRAGMENTS`, `INVALID_SCHEME`, `CELL_SIZE`
   */
  reconstruct(
    k: number,
    have: ReadonlyMap<number, Uint8Array>,
    wanted: ReadonlyMap<number, Uint8Array>,
  ): void
}

/** Checks the contract of `Codec.encode`; returns the size of the cells. */
export function checkEncode(
  data: readonly Uint8Array[],
  parity: readonly Uint8Array[],
  firstParity: number,
): number {
  if (!(Number.isInteger(firstParity) && firstParity >= 0))
    throw new RangeError(`Parity cells count from 0, not from ${firstParity}`)
  checkScheme({ k: data.length, m: firstParity + parity.length })
  return checkCells([...data, ...parity])
}

/**
 * Checks the contract of `Codec.reconstruct`; returns the survivors to compute from and the size of
 * the cells.
 */
export function checkReconstruct(
  k: number,
  have: ReadonlyMap<number, Uint8Array>,
  wanted: ReadonlyMap<number, Uint8Array>,
): { survivors: number[]; cellBytes: number } {
  checkScheme({ k, m: 0 })
  for (const index of [...have.keys(), ...wanted.keys()]) {
    if (!(Number.isInteger(index) && index >= 0))
      throw new RangeError(`Cells count from 0, ${index} is none`)
    checkScheme({ k, m: Math.max(0, index + 1 - k) })
  }
  for (const index of wanted.keys())
    if (have.has(index)) throw new RangeError(`Cell ${index} is there and wanted`)
  const survivors = chooseSurvivors(k, have.keys())
  return { survivors, cellBytes: checkCells([...have.values(), ...wanted.values()]) }
}
