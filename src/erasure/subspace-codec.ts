import type { ReedSolomonErasure } from 'reed-solomon-erasure.wasm'

import { assert } from '../base/assert.ts'
import { checkEncode, checkReconstruct, type Codec } from './codec.ts'

/** What is used of the package; each instance has a memory of its own. */
export type ReedSolomon = Pick<ReedSolomonErasure, 'encode' | 'reconstruct'>

/** Cells go through the package in slices, so that a call takes at most 16 MiB. */
const SLICE_BYTES = 65_536
/** An instance whose memory grew beyond this is dropped: its allocator never gives any back. */
export const INSTANCE_BYTES_MAX = 67_108_864
const RESULT_OK = 0

/**
 * The codec on the package `reed-solomon-erasure.wasm`: slower, without SIMD, written by others,
 * hence the yardstick for our own. Its hazards stay in here:
 *
 * - k = 0, m = 0 or k + m > 256 trap and leak the input: never passed on;
 * - an array that k + m does not divide is misread without a word: always cut to measure;
 * - lost parity is not restored, yet the answer is "ok": encoded again after the data is whole;
 * - `reconstruct` frees its flags twice, and the heap is no longer sound: no instance does it twice;
 * - memory grows with varied sizes and after traps: the instance is replaced.
 */
export class SubspaceCodec implements Codec {
  readonly name = 'subspace'
  readonly #create: () => ReedSolomon
  /** Missing while it works: one that traps does not come back. */
  #encoder: ReedSolomon | undefined

  /** @param create a new instance, as from `ReedSolomonErasure.fromBytes` */
  constructor(create: () => ReedSolomon) {
    this.#create = create
  }

  encode(
    data: readonly Uint8Array[],
    parity: readonly Uint8Array[],
    firstParity: number = 0,
  ): void {
    const cellBytes = checkEncode(data, parity, firstParity)
    if (parity.length === 0) return
    const first = data.length + firstParity
    this.#run({
      k: data.length,
      have: new Map(data.entries()),
      wanted: new Map(parity.map((cell, index) => [first + index, cell])),
      cellBytes,
    })
  }

  reconstruct(
    k: number,
    have: ReadonlyMap<number, Uint8Array>,
    wanted: ReadonlyMap<number, Uint8Array>,
  ): void {
    const { survivors, cellBytes } = checkReconstruct(k, have, wanted)
    if (wanted.size === 0) return
    const used = new Map(survivors.map(index => [index, have.get(index)!]))
    this.#run({ k, have: used, wanted, cellBytes })
  }

  #run(stripe: Stripe): void {
    const count = Math.max(...stripe.have.keys(), ...stripe.wanted.keys(), stripe.k) + 1
    for (let from = 0; from < stripe.cellBytes; from += SLICE_BYTES) {
      const size = Math.min(SLICE_BYTES, stripe.cellBytes - from)
      const shards = new Uint8Array(count * size)
      for (const [index, cell] of stripe.have)
        shards.set(cell.subarray(from, from + size), index * size)
      this.#complete(shards, stripe, count)
      for (const [index, cell] of stripe.wanted)
        cell.set(shards.subarray(index * size, (index + 1) * size), from)
    }
  }

  /** Fills every shard that is not in `have`. */
  #complete(shards: Uint8Array, { k, have, wanted }: Stripe, count: number): void {
    const available = Array.from({ length: count }, (_, index) => have.has(index))
    if (available.slice(0, k).includes(false))
      checkResult(this.#create().reconstruct(shards, k, count - k, available))
    if (Math.max(...wanted.keys()) >= k) this.#encode(shards, k, count - k)
  }

  #encode(shards: Uint8Array, k: number, m: number): void {
    const instance = (this.#encoder ??= this.#create())
    this.#encoder = undefined
    checkResult(instance.encode(shards, k, m))
    if (memoryBytes(instance) <= INSTANCE_BYTES_MAX) this.#encoder = instance
  }
}

interface Stripe {
  readonly k: number
  readonly have: ReadonlyMap<number, Uint8Array>
  readonly wanted: ReadonlyMap<number, Uint8Array>
  readonly cellBytes: number
}

function checkResult(result: number): void {
  assert(result === RESULT_OK, `reed-solomon-erasure.wasm answers ${result} to checked input`)
}

/** The package keeps its memory private; nothing else tells how much it has taken. */
function memoryBytes(instance: ReedSolomon): number {
  const { exports } = instance as unknown as { exports: { memory: { buffer: ArrayBuffer } } }
  return exports.memory.buffer.byteLength
}
