import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'

import { createBLAKE3 } from 'hash-wasm'

import { concat } from '../../src/base/bytes.ts'
import { Prng } from '../../src/base/prng.ts'
import { DIGEST_BYTES } from '../../src/erasure/hash.ts'
import {
  CELL_STRIDE_BYTES,
  LEAF_HEADER_BYTES,
  leafInPlace,
  leafOf,
  LEAVES_MAX,
  rootOf,
  VerifiedLeaves,
} from '../../src/erasure/leaves.ts'
import { blake3, randomCells, sha256 } from './support.ts'

const cells = randomCells(new Prng(1), 3, 128)
const leaves = concat(cells.map((cell, index) => leafOf(sha256, index, cell)))
const root = rootOf(sha256, leaves)
const [first, second] = cells as [Uint8Array, Uint8Array]

const sha = (...parts: (Uint8Array | number[])[]): Uint8Array =>
  createHash('sha256')
    .update(concat(parts.map(part => Uint8Array.from(part))))
    .digest()

test('a leaf is the hash of 0, the index in eight bytes, and the cell', () => {
  assert.deepEqual(leafOf(sha256, 0, first), sha([0, 0, 0, 0, 0, 0, 0, 0, 0], first))
  assert.deepEqual(leafOf(sha256, 255, first), sha([0, 0, 0, 0, 0, 0, 0, 0, 255], first))
})

test('a root is the hash of 1 and the leaves', () => assert.deepEqual(root, sha([1], leaves)))

test('a leaf in place is the same, and touches only the nine bytes before the cell', () => {
  const scratch = new Uint8Array(2 * CELL_STRIDE_BYTES).fill(7)
  const at = CELL_STRIDE_BYTES
  scratch.set(second, at)
  const framed = scratch.subarray(at - LEAF_HEADER_BYTES, at + second.length)
  assert.deepEqual(leafInPlace(sha256, 1, framed), leafOf(sha256, 1, second))
  assert.ok(scratch.subarray(0, at - LEAF_HEADER_BYTES).every(byte => byte === 7))
  assert.deepEqual(scratch.slice(at, at + second.length), second)
  assert.ok(VerifiedLeaves.check(sha256, root, leaves).matchesInPlace(1, framed))
})

test('a cell in its place is admitted', () => {
  const verified = VerifiedLeaves.check(sha256, root, leaves)
  assert.equal(verified.count, 3)
  for (const [index, cell] of cells.entries()) assert.ok(verified.matches(index, cell))
})

test('a cell that is changed, elsewhere, cut or longer is not admitted', () => {
  const verified = VerifiedLeaves.check(sha256, root, leaves)
  const flipped = first.slice()
  flipped[100] = (flipped[100] ?? 0) ^ 4
  assert.equal(verified.matches(0, flipped), false)
  assert.equal(verified.matches(1, first), false)
  assert.equal(verified.matches(0, first.subarray(1)), false)
  assert.equal(verified.matches(0, concat([first, Uint8Array.of(0)])), false)
  assert.equal(verified.matches(3, first), false)
  assert.equal(verified.matches(-1, first), false)
  assert.equal(verified.matches(0.5, first), false)
})

const others: [string, Uint8Array][] = [
  ['empty', new Uint8Array()],
  ['cut', leaves.subarray(DIGEST_BYTES)],
  ['cut within a leaf', leaves.subarray(0, 40)],
  ['longer', concat([leaves, leaves.subarray(0, DIGEST_BYTES)])],
  ['in another order', concat([leaves.subarray(DIGEST_BYTES), leaves.subarray(0, DIGEST_BYTES)])],
  ['longer than any fragment', new Uint8Array((LEAVES_MAX + 1) * DIGEST_BYTES)],
]
for (const [what, list] of others)
  test(`a list of leaves that is ${what} is corrupt`, () =>
    assert.throws(() => VerifiedLeaves.check(sha256, root, list), { code: 'CORRUPT' }))

test('a list under the root of another algorithm is corrupt', () =>
  assert.throws(() => VerifiedLeaves.check(blake3, root, leaves), { code: 'CORRUPT' }))

test('a fragment has at most 256 cells, none of them empty', () => {
  assert.throws(() => leafOf(sha256, LEAVES_MAX, first), RangeError)
  assert.throws(() => leafOf(sha256, 0, new Uint8Array()), RangeError)
})

test('verified leaves do not change with the bytes they came from', () => {
  const received = leaves.slice()
  const verified = VerifiedLeaves.check(sha256, root, received)
  received.fill(0)
  assert.ok(verified.matches(0, first))
})

test('native and portable BLAKE3 name fragments alike', async () => {
  const portable = await createBLAKE3()
  const fallback = {
    algorithm: 'blake3' as const,
    hash: (bytes: Uint8Array) => portable.init().update(bytes).digest('binary'),
  }
  for (const cell of cells)
    assert.deepEqual(
      new Uint8Array(leafOf(blake3, 2, cell)),
      new Uint8Array(leafOf(fallback, 2, cell)),
    )
})
