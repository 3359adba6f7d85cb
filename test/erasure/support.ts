import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

import blake from '@napi-rs/blake-hash'
import { ReedSolomonErasure } from 'reed-solomon-erasure.wasm'

import { fromBase64 } from '../../src/base/bytes.ts'
import type { Prng } from '../../src/base/prng.ts'
import type { Codec } from '../../src/erasure/codec.ts'
import { compileKernel, createKernel } from '../../src/erasure/create-kernel.ts'
import { multiply } from '../../src/erasure/field.ts'
import type { Hasher } from '../../src/erasure/hash.ts'
import { plainKernel } from '../../src/erasure/kernel-bytes.ts'
import type { LinearKernel } from '../../src/erasure/kernel.ts'
import { LinearCodec } from '../../src/erasure/linear-codec.ts'
import type { Matrix } from '../../src/erasure/matrix.ts'
import { SubspaceCodec } from '../../src/erasure/subspace-codec.ts'

const oracleFile = join(
  dirname(createRequire(import.meta.url).resolve('reed-solomon-erasure.wasm')),
  'reed_solomon_erasure_bg.wasm',
)
const oracleBytes = readFileSync(oracleFile)

export const createOracle = (): ReedSolomonErasure => ReedSolomonErasure.fromBytes(oracleBytes)

const plainBytes = fromBase64(plainKernel).length

/** An engine that knows plain SIMD only. */
export const plainEngine: typeof WebAssembly = {
  Module: WebAssembly.Module,
  Memory: WebAssembly.Memory,
  Instance: WebAssembly.Instance,
  validate: bytes => bytes.length === plainBytes && WebAssembly.validate(bytes),
}

/** One of each kind, the two compiled ones included. */
export const kernels: readonly LinearKernel[] = [
  createKernel(compileKernel()),
  createKernel(compileKernel(plainEngine)),
  createKernel(undefined),
]

export const codecs: readonly Codec[] = [
  ...kernels.map(kernel => new LinearCodec(kernel)),
  new SubspaceCodec(createOracle),
]

export const sha256: Hasher = {
  algorithm: 'sha2-256',
  hash: bytes => createHash('sha256').update(bytes).digest(),
}

export const blake3: Hasher = { algorithm: 'blake3', hash: bytes => blake.blake3(bytes) }

/** `count` cells of random bytes. */
export const randomCells = (random: Prng, count: number, size: number): Uint8Array[] =>
  Array.from({ length: count }, () => random.bytes(size))

/** `count` cells of bytes that are not zero, so that what was not written shows. */
export const emptyCells = (count: number, size: number): Uint8Array[] =>
  Array.from({ length: count }, () => new Uint8Array(size).fill(0xaa))

/** What every kernel must compute, in the plainest way. */
export const combine = (matrix: Matrix, inputs: readonly Uint8Array[]): Uint8Array[] =>
  Array.from({ length: matrix.rows }, (_, row) =>
    Uint8Array.from(inputs[0] ?? [], (_byte, at) =>
      inputs.reduce(
        (sum, input, column) =>
          sum ^ multiply(matrix.coefficients[row * matrix.columns + column] ?? 0, input[at] ?? 0),
        0,
      ),
    ),
  )

/** All cells of a stripe, parity by `codec`. */
export function stripeOf(codec: Codec, data: readonly Uint8Array[], m: number): Uint8Array[] {
  const parity = emptyCells(m, data[0]?.length ?? 0)
  codec.encode(data, parity)
  return [...data, ...parity]
}

/** What `codec` makes of the lost cells, given all others. */
export function rebuild(
  codec: Codec,
  k: number,
  stripe: readonly Uint8Array[],
  lost: readonly number[],
): Uint8Array[] {
  const have = new Map([...stripe.entries()].filter(([index]) => !lost.includes(index)))
  const rebuilt = emptyCells(lost.length, stripe[0]?.length ?? 0)
  codec.reconstruct(k, have, new Map(rebuilt.map((cell, at) => [lost[at] ?? -1, cell])))
  return rebuilt
}

/** All subsets of 0 … count - 1 with 1 … sizeMax members. */
export const subsets = (count: number, sizeMax: number): number[][] =>
  Array.from({ length: 2 ** count }, (_, mask) =>
    Array.from({ length: count }, (_none, bit) => bit).filter(bit => (mask >> bit) & 1),
  ).filter(({ length }) => length >= 1 && length <= sizeMax)
