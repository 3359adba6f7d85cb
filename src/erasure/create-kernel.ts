import { fromBase64 } from '../base/bytes.ts'
import { plainKernel, relaxedKernel } from './kernel-bytes.ts'
import type { LinearKernel } from './kernel.ts'
import { TableKernel } from './table-kernel.ts'
import { type CompiledKernel, WasmKernel } from './wasm-kernel.ts'

/** Scratch memory of a kernel: with its own memory 4 MiB, which is 46 cells of 64 KiB. */
export const ARENA_BYTES = 3_080_192
export const ARENA_BYTES_MAX = 16_777_216

/**
 * Compiles the fastest kernel that the engine takes, in less than a millisecond. Once a process is
 * enough: hand the result to other threads. Undefined if the engine has no WebAssembly SIMD.
 */
export function compileKernel(
  engine: typeof WebAssembly | undefined = globalThis.WebAssembly,
): CompiledKernel | undefined {
  if (engine === undefined) return undefined
  const relaxed = fromBase64(relaxedKernel)
  if (engine.validate(relaxed)) return { name: 'wasm-relaxed', module: new engine.Module(relaxed) }
  const plain = fromBase64(plainKernel)
  if (engine.validate(plain)) return { name: 'wasm-simd', module: new engine.Module(plain) }
  return undefined
}

/**
 * A kernel, for one thread: what `compileKernel` gave, or plain TypeScript for `undefined`.
 * @throws {RangeError} above `ARENA_BYTES_MAX`
 */
export function createKernel(
  compiled: CompiledKernel | undefined,
  arenaBytes: number = ARENA_BYTES,
): LinearKernel {
  if (!(arenaBytes >= 0 && arenaBytes <= ARENA_BYTES_MAX))
    throw new RangeError(`An arena has at most ${ARENA_BYTES_MAX} bytes, not ${arenaBytes}`)
  return compiled === undefined ? new TableKernel(arenaBytes) : new WasmKernel(compiled, arenaBytes)
}
