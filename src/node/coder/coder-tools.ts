import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

import type { ReedSolomonErasure } from 'reed-solomon-erasure.wasm'

import type { Codec } from '../../erasure/codec.ts'
import { createKernel } from '../../erasure/create-kernel.ts'
import { LinearCodec } from '../../erasure/linear-codec.ts'
import { SubspaceCodec } from '../../erasure/subspace-codec.ts'
import type { CompiledKernel } from '../../erasure/wasm-kernel.ts'

/** Our own kernel, or the package it is measured against; the same bytes. */
export type CodecName = 'kernel' | 'subspace'

/**
 * A codec for one thread.
 * @param compiled what `compileKernel` gave; used by `kernel` only
 */
export function createCodec(name: CodecName, compiled: CompiledKernel | undefined): Codec {
  // Cells come from and go to other threads, so none of them lies in the kernel's arena.
  if (name === 'kernel') return new LinearCodec(createKernel(compiled, 0))
  const require = createRequire(import.meta.url)
  const packageName = 'reed-solomon-erasure.wasm'
  const library = require(packageName) as { ReedSolomonErasure: typeof ReedSolomonErasure }
  const folder = dirname(require.resolve(packageName))
  const bytes = readFileSync(join(folder, 'reed_solomon_erasure_bg.wasm'))
  return new SubspaceCodec(() => library.ReedSolomonErasure.fromBytes(bytes))
}
