import { checkEncode, checkReconstruct, type Codec } from './codec.ts'
import type { LinearKernel } from './kernel.ts'
import { Lru } from './lru.ts'
import { decodingMatrix, encodingMatrix, type Matrix } from './matrix.ts'

/** Matrices kept, at most. One makes up to 16 KiB; a repair needs one for all its stripes. */
const MATRICES_MAX = 256

/** The codec on our own kernel: every operation is a matrix, applied to cells. */
export class LinearCodec implements Codec {
  readonly #kernel: LinearKernel
  readonly #matrices = new Lru<string, Matrix>(MATRICES_MAX)

  constructor(kernel: LinearKernel) {
    this.#kernel = kernel
  }

  get name(): LinearKernel['name'] {
    return this.#kernel.name
  }

  encode(
    data: readonly Uint8Array[],
    parity: readonly Uint8Array[],
    firstParity: number = 0,
  ): void {
    checkEncode(data, parity, firstParity)
    if (parity.length === 0) return
    const matrix = this.#matrices.get(`${data.length}+${firstParity}+${parity.length}`, () =>
      encodingMatrix(data.length, firstParity, parity.length),
    )
    this.#kernel.apply(matrix, data, parity)
  }

  reconstruct(
    k: number,
    have: ReadonlyMap<number, Uint8Array>,
    wanted: ReadonlyMap<number, Uint8Array>,
  ): void {
    const { survivors } = checkReconstruct(k, have, wanted)
    if (wanted.size === 0) return
    const indices = [...wanted.keys()]
    const matrix = this.#matrices.get(`${survivors.join()}>${indices.join()}`, () =>
      decodingMatrix(k, survivors, indices),
    )
    const inputs = survivors.map(index => have.get(index)!)
    this.#kernel.apply(matrix, inputs, [...wanted.values()])
  }
}
