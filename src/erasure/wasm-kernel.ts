import { assert } from '../base/assert.ts'
import { multiply } from './field.ts'
import { checkOperands, type KernelName, LANE_BYTES, type LinearKernel } from './kernel.ts'
import type { Matrix } from './matrix.ts'

/**
 * The kernel of `kernel/linear.ts` with its memory, which is fixed in size, so that views of it
 * are never detached:
 *
 *     0         statics     nothing so far
 *     1 KiB     addresses   a u32 for each operand, inputs before outputs
 *     2 KiB     tables      32 bytes for each coefficient of the matrix in use, at most 512 KiB
 *     …         staging     512 KiB behind the tables, for copies of operands from outside
 *     1088 KiB  arena       the caller's
 *
 * Operands from outside are worked off in slices that fit into the staging area. That costs a
 * copy, but the area stays in the second-level cache, and the kernel reads it once for every four
 * outputs: for cells that are not in a cache yet, staging is faster than using them in place.
 *
 * The compiled code checks nothing. Here it is made sure that lengths are multiples of 64 and that
 * every address it gets lies, with its length, inside the memory.
 */
const PAGE_BYTES = 65_536
const ADDRESSES_AT = 1024
const TABLES_AT = 2048
/** Staging the size of a usual second-level cache is as fast as more, and faster than less. */
const STAGING_BYTES = 524_288
const ARENA_AT = 1_114_112
const TABLE_WORDS = 8
/** Outputs that the kernel computes in one pass; the order of the tables follows from it. */
const GROUP = 4
/** Staged copies lie this far apart, lest they compete for the same sets of the cache. */
const GAP_BYTES = 64

type Apply = (
  tables: number,
  inputs: number,
  inputCount: number,
  outputs: number,
  outputCount: number,
  length: number,
) => void

/** The compiled code, which threads may share; each makes a `WasmKernel` of its own with it. */
export interface CompiledKernel {
  readonly name: KernelName
  readonly module: WebAssembly.Module
}

export class WasmKernel implements LinearKernel {
  readonly name: KernelName
  readonly arena: Uint8Array<ArrayBuffer>
  readonly #memory: Uint8Array<ArrayBuffer>
  readonly #words: Uint32Array<ArrayBuffer>
  readonly #view: DataView
  readonly #apply: Apply
  /** The matrix whose tables are in memory. */
  #loaded: Matrix | undefined

  /** @param arenaBytes how much scratch memory to offer; rounded up to pages of 64 KiB */
  constructor({ name, module }: CompiledKernel, arenaBytes: number) {
    const pages = Math.ceil((ARENA_AT + arenaBytes) / PAGE_BYTES)
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
    const { exports } = new WebAssembly.Instance(module, { env: { memory } })
    this.name = name
    this.arena = new Uint8Array(memory.buffer, ARENA_AT)
    this.#memory = new Uint8Array(memory.buffer)
    this.#words = new Uint32Array(memory.buffer)
    this.#view = new DataView(memory.buffer)
    this.#apply = exports['apply'] as Apply
  }

  apply(matrix: Matrix, inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]): void {
    const length = checkOperands(matrix, inputs, outputs)
    if (matrix !== this.#loaded) this.#load(matrix)
    const operands = [...inputs, ...outputs]
    const { slots, slice } = this.#assignSlots(matrix, operands)
    for (let from = 0; from < length; from += slice) {
      const to = Math.min(from + slice, length)
      for (const [index, operand] of operands.entries()) {
        const slot = slots[index]
        this.#view.setUint32(ADDRESSES_AT + index * 4, slot ?? operand.byteOffset + from, true)
        if (slot !== undefined && index < inputs.length)
          this.#memory.set(operand.subarray(from, to), slot)
      }
      this.#run(matrix, to - from)
      for (const [index, output] of outputs.entries()) {
        const slot = slots[inputs.length + index]
        if (slot !== undefined) output.set(this.#memory.subarray(slot, slot + to - from), from)
      }
    }
  }

  /** Gives each operand from outside a place for a slice of it, the larger the fewer there are. */
  #assignSlots(
    matrix: Matrix,
    operands: readonly Uint8Array[],
  ): { slots: (number | undefined)[]; slice: number } {
    const isOutside = ({ buffer }: Uint8Array): boolean => buffer !== this.#memory.buffer
    const outside = operands.filter(isOutside).length
    const share = Math.floor(STAGING_BYTES / Math.max(1, outside)) - GAP_BYTES
    const slice = share - (share % LANE_BYTES)
    assert(slice > 0, 'every operand has a slot')
    let next = TABLES_AT + matrix.coefficients.length * TABLE_WORDS * 4
    const slots = operands.map(operand => {
      if (!isOutside(operand)) return undefined
      const slot = next
      next += slice + GAP_BYTES
      return slot
    })
    assert(next <= ARENA_AT, 'staging ends before the arena')
    return { slots, slice }
  }

  #run({ rows, columns }: Matrix, length: number): void {
    assert(length > 0 && length % LANE_BYTES === 0, 'the kernel computes whole lanes')
    this.#apply(TABLES_AT, ADDRESSES_AT, columns, ADDRESSES_AT + columns * 4, rows, length)
  }

  /** Writes the tables in the order in which the kernel reads them. */
  #load(matrix: Matrix): void {
    const { rows, columns, coefficients } = matrix
    let at = TABLES_AT / 4
    for (let first = 0; first < rows; first += GROUP)
      for (let column = 0; column < columns; column++)
        for (let row = first; row < Math.min(first + GROUP, rows); row++) {
          const from = coefficients[row * columns + column]! * TABLE_WORDS
          for (let word = 0; word < TABLE_WORDS; word++)
            this.#words[at++] = nibbleProducts[from + word]!
        }
    this.#loaded = matrix
  }
}

/** For each byte its 16 products with the low nibbles, then its 16 products with the high ones. */
const nibbleProducts: Uint32Array = (() => {
  const products = new Uint8Array(256 * TABLE_WORDS * 4)
  for (let coefficient = 0; coefficient < 256; coefficient++)
    for (let nibble = 0; nibble < 16; nibble++) {
      products[coefficient * 32 + nibble] = multiply(coefficient, nibble)
      products[coefficient * 32 + 16 + nibble] = multiply(coefficient, nibble << 4)
    }
  return new Uint32Array(products.buffer)
})()
