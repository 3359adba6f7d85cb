import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

import {
  ARENA_BYTES,
  ARENA_BYTES_MAX,
  compileKernel,
  createKernel,
} from '../../src/erasure/create-kernel.ts'
import { plainEngine } from './support.ts'

test('the committed kernels are what their source compiles to', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/build-kernel.mjs', '--check'], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
})

test('the relaxed kernel is taken where the engine has relaxed SIMD', () =>
  assert.equal(createKernel(compileKernel()).name, 'wasm-relaxed'))

test('the plain kernel is taken where it has not', () =>
  assert.equal(createKernel(compileKernel(plainEngine)).name, 'wasm-simd'))

test('without SIMD in the engine nothing is compiled, and TypeScript computes', () => {
  const compiled = compileKernel({ ...plainEngine, validate: () => false })
  assert.equal(compiled, undefined)
  assert.equal(createKernel(compiled).name, 'js')
})

test('without WebAssembly nothing is compiled', () => {
  const { WebAssembly: engine } = globalThis
  try {
    Reflect.deleteProperty(globalThis, 'WebAssembly')
    assert.equal(compileKernel(), undefined)
  } finally {
    Object.assign(globalThis, { WebAssembly: engine })
  }
})

test('kernels of one compilation have memories of their own', () => {
  const compiled = compileKernel()
  const [one, other] = [createKernel(compiled, 64), createKernel(compiled, 64)]
  one.arena.fill(1)
  assert.equal(other.arena[0], 0)
})

test('an arena is as large as asked for, within bounds', () => {
  for (const compiled of [compileKernel(), undefined]) {
    assert.equal(createKernel(compiled).arena.length, ARENA_BYTES)
    assert.equal(createKernel(compiled, ARENA_BYTES_MAX).arena.length, ARENA_BYTES_MAX)
    assert.throws(() => createKernel(compiled, ARENA_BYTES_MAX + 1), RangeError)
    assert.throws(() => createKernel(compiled, -1), RangeError)
  }
})
