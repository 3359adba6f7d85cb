import { multiply } from './field.ts'
import { checkOperands, type KernelName, type LinearKernel } from './kernel.ts'
import type { Matrix } from './matrix.ts'

/**
 * The kernel for engines without WebAssembly (`node --jitless`), and a second oracle in tests: one
 * table look-up and one XOR for each byte and coefficient, a hundredth of the speed of the others.
 */
export class TableKernel implements LinearKernel {
  readonly name: KernelName = 'js'
  readonly arena: Uint8Array<ArrayBuffer>
  readonly #products: Uint8Array = productTable()

  /** @param arenaBytes how much scratch memory to offer */
  constructor(arenaBytes: number) {
    this.arena = new Uint8Array(arenaBytes)
  }

  apply(matrix: Matrix, inputs: readonly Uint8Array[], outputs: readonly Uint8Array[]): void {
    checkOperands(matrix, inputs, outputs)
    for (const [row, output] of outputs.entries()) {
      output.fill(0)
      for (const [column, input] of inputs.entries())
        this.#addProduct(output, matrix.coefficients[row * matrix.columns + column]!, input)
    }
  }

  #addProduct(sum: Uint8Array, coefficient: number, bytes: Uint8Array): void {
    const products = this.#products.subarray(coefficient * 256, (coefficient + 1) * 256)
    for (let index = 0; index < bytes.length; index++) sum[index]! ^= products[bytes[index]!]!
  }
}

/** All 65,536 products; those of a coefficient lie side by side. */
function productTable(): Uint8Array {
  const products = new Uint8Array(256 * 256)
  for (let a = 0; a < 256; a++) for (let b = 0; b < 256; b++) products[a * 256 + b] = multiply(a, b)
  return products
}
