import { equals } from '../base/bytes.ts'
import { HoldfastError } from '../base/errors.ts'
import { DIGEST_BYTES, type Hasher } from './hash.ts'

/**
 * A fragment is named by the root of its cells, so that any reader can verify any cell alone, and a
 * lying or rotten peer is found out by the first one:
 *
 *     leaf i = H(0x00 ‖ i as 8 bytes, big-endian ‖ cell i)
 *     root   = H(0x01 ‖ leaf 0 ‖ leaf 1 ‖ …)
 *
 * The index in the leaf fixes a cell's place, the length of the list the number of cells; the first
 * byte keeps leaves and roots apart. The tree has one level, for the list is short (0.05 % of the
 * fragment): it is kept beside the fragment and checked against the root once per read.
 *
 * A hash in several updates runs at half the speed of one, so headers are written in front of the
 * bytes: leave `LEAF_HEADER_BYTES` free before each cell in scratch memory, at strides of
 * `CELL_STRIDE_BYTES`.
 */
export const LEAF_HEADER_BYTES = 9
/** At strides of 64 KiB sharp, cells would compete for the same sets of the cache. */
export const CELL_STRIDE_BYTES: number = 65_536 + 64
/** Cells of a fragment, at most: a segment of 16 MiB with k = 1. */
export const LEAVES_MAX = 256

const LEAF = 0
const ROOT = 1

/**
 * The leaf of the cell at `framed[9…]`, in one hash call and without a copy. Overwrites the nine
 * bytes before the cell.
 */
export function leafInPlace(hasher: Hasher, index: number, framed: Uint8Array): Uint8Array {
  if (!(Number.isInteger(index) && index >= 0 && index < LEAVES_MAX))
    throw new RangeError(`Cells count from 0 to ${LEAVES_MAX - 1}, not ${index}`)
  if (framed.length <= LEAF_HEADER_BYTES)
    throw new RangeError(`A cell follows ${LEAF_HEADER_BYTES} bytes, not ${framed.length} in all`)
  framed.fill(LEAF, 0, LEAF_HEADER_BYTES)
  framed[LEAF_HEADER_BYTES - 1] = index
  return hasher.hash(framed)
}

/** The leaf of a cell that has no room before it; copies the cell. */
export function leafOf(hasher: Hasher, index: number, cell: Uint8Array): Uint8Array {
  const framed = new Uint8Array(LEAF_HEADER_BYTES + cell.length)
  framed.set(cell, LEAF_HEADER_BYTES)
  return leafInPlace(hasher, index, framed)
}

/** The digest that names the fragment with these leaves, which lie one after another. */
export function rootOf(hasher: Hasher, leaves: Uint8Array): Uint8Array {
  const framed = new Uint8Array(1 + leaves.length)
  framed[0] = ROOT
  framed.set(leaves, 1)
  return hasher.hash(framed)
}

/** The leaves of one fragment, known to be those its name was made of. Cells can be told by it. */
export class VerifiedLeaves {
  readonly #hasher: Hasher
  readonly #leaves: Uint8Array

  private constructor(hasher: Hasher, leaves: Uint8Array) {
    this.#hasher = hasher
    this.#leaves = leaves
  }

  /**
   * Copies a list of leaves that came from a peer or a disk, whom nobody need trust.
   * @param hasher of the algorithm that the fragment's id names
   * @throws {HoldfastError} `CORRUPT` if the list is not the one with this root
   */
  static check(hasher: Hasher, root: Uint8Array, leaves: Uint8Array): VerifiedLeaves {
    const isList = leaves.length % DIGEST_BYTES === 0 && leaves.length > 0
    if (!isList || leaves.length > LEAVES_MAX * DIGEST_BYTES) throw corrupt()
    const copy = leaves.slice()
    if (!equals(rootOf(hasher, copy), root)) throw corrupt()
    return new VerifiedLeaves(hasher, copy)
  }

  /** Number of cells in the fragment. */
  get count(): number {
    return this.#leaves.length / DIGEST_BYTES
  }

  /** The leaves of cells `from` … `to` - 1, one after another, as a copy. */
  slice(from: number, to: number): Uint8Array {
    return this.#leaves.slice(from * DIGEST_BYTES, to * DIGEST_BYTES)
  }

  /** True if this is cell `index` of the fragment. Copies the cell to hash it. */
  matches(index: number, cell: Uint8Array): boolean {
    return this.#has(index) && this.#equals(index, leafOf(this.#hasher, index, cell))
  }

  /** Like `matches`, for a cell behind nine bytes that may be overwritten; copies nothing. */
  matchesInPlace(index: number, framed: Uint8Array): boolean {
    return this.#has(index) && this.#equals(index, leafInPlace(this.#hasher, index, framed))
  }

  #has(index: number): boolean {
    return Number.isInteger(index) && index >= 0 && index < this.count
  }

  #equals(index: number, leaf: Uint8Array): boolean {
    const at = index * DIGEST_BYTES
    return equals(this.#leaves.subarray(at, at + DIGEST_BYTES), leaf)
  }
}

const corrupt = (): HoldfastError =>
  new HoldfastError('Cannot verify a list of leaves: its root is another', {
    code: 'CORRUPT',
    what: 'list of leaves',
  })
