import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Prng } from '../../src/base/prng.ts'
import {
  INSTANCE_BYTES_MAX,
  type ReedSolomon,
  SubspaceCodec,
} from '../../src/erasure/subspace-codec.ts'
import { createOracle, emptyCells, randomCells, rebuild, stripeOf } from './support.ts'

/** The codec and all instances it ever asked for. */
function watched(): { codec: SubspaceCodec; instances: ReedSolomon[] } {
  const instances: ReedSolomon[] = []
  const codec = new SubspaceCodec(() => {
    const instance = createOracle()
    instances.push(instance)
    return instance
  })
  return { codec, instances }
}

const trap = (): never => {
  throw new Error('unreachable')
}

const memoryBytes = (instance: ReedSolomon): number =>
  (instance as unknown as { exports: { memory: { buffer: ArrayBuffer } } }).exports.memory.buffer
    .byteLength

test('the package itself does not restore parity, the codec does', () => {
  const { codec } = watched()
  const stripe = stripeOf(codec, randomCells(new Prng(1), 3, 64), 2)
  const shards = Buffer.concat(stripe)
  shards.fill(0, 4 * 64)
  const available = [true, true, false, true, false]
  assert.equal(createOracle().reconstruct(shards, 3, 2, available), 0)
  assert.notDeepEqual(new Uint8Array(shards.subarray(4 * 64)), stripe[4])
  assert.deepEqual(rebuild(codec, 3, stripe, [2, 4]), [stripe[2], stripe[4]])
})

test('the package itself does not survive a second reconstruction, the codec does', () => {
  const { codec, instances } = watched()
  const stripe = stripeOf(codec, randomCells(new Prng(5), 2, 64), 2)
  const oracle = createOracle()
  const again = (): number =>
    oracle.reconstruct(Buffer.concat(stripe), 2, 2, [false, true, true, true])
  assert.equal(again(), 0)
  assert.throws(again, /out of bounds/)
  for (let round = 0; round < 50; round++)
    assert.deepEqual(rebuild(codec, 2, stripe, [0]), [stripe[0]])
  assert.equal(instances.length, 51)
})

test('refused calls never reach the package', () => {
  const { codec, instances } = watched()
  const cell = new Uint8Array(64)
  assert.throws(() => codec.encode([], [cell]))
  assert.throws(() => codec.encode(emptyCells(255, 64), emptyCells(2, 64)))
  assert.throws(() => codec.encode(emptyCells(2, 40), emptyCells(2, 40)))
  assert.throws(() => codec.encode(emptyCells(2, 0), emptyCells(2, 0)))
  codec.encode(emptyCells(2, 64), [])
  assert.equal(instances.length, 0)
})

test('an instance that trapped is not used again', () => {
  let made = 0
  const codec = new SubspaceCodec(() => {
    if (made++ > 0) return createOracle()
    return { encode: trap, reconstruct: trap }
  })
  const data = randomCells(new Prng(2), 2, 64)
  assert.throws(() => stripeOf(codec, data, 1), /unreachable/)
  assert.deepEqual(stripeOf(codec, data, 1), stripeOf(watched().codec, data, 1))
  assert.equal(made, 2)
})

test('memory stays bounded over 3,600 cells of mixed sizes', () => {
  const { codec, instances } = watched()
  const random = new Prng(3)
  const pool = randomCells(random, 24, 65_536)
  let largest = 0
  for (let call = 0; call < 3600; call++) {
    const k = 1 + random.below(12)
    const m = 1 + random.below(4)
    const size = 64 * (1 + random.below(call % 50 === 0 ? 1024 : 32))
    const cells = pool.slice(0, k + m).map(cell => cell.subarray(0, size))
    codec.encode(cells.slice(0, k), cells.slice(k))
    largest = Math.max(largest, ...instances.slice(-1).map(memoryBytes))
  }
  assert.ok(largest <= 2 * INSTANCE_BYTES_MAX, `${largest} bytes`)
})

test('an instance that has grown too large is replaced', () => {
  let made = 0
  const codec = new SubspaceCodec(() => {
    made++
    const instance = createOracle()
    const encode = instance.encode.bind(instance)
    const memory = { buffer: { byteLength: INSTANCE_BYTES_MAX + 1 } }
    return Object.assign(Object.create(null) as ReedSolomon, {
      encode,
      exports: { memory },
    })
  })
  const data = randomCells(new Prng(4), 2, 64)
  stripeOf(codec, data, 1)
  stripeOf(codec, data, 1)
  assert.equal(made, 2)
})
