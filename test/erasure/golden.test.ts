import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { concat, toHex } from '../../src/base/bytes.ts'
import { formatFragmentId } from '../../src/erasure/fragment-id.ts'
import { leafOf, rootOf } from '../../src/erasure/leaves.ts'
import { blake3, codecs, sha256, stripeOf } from './support.ts'

/**
 * What is on disks out there. The parity was made with reed-solomon-erasure.wasm, the names with
 * the packages of the hashes; no change of ours may ever change a digit of it. Byte b of data cell
 * j is (b² + 31·j + 7) mod 256.
 */
interface Golden {
  readonly parity: readonly { k: number; m: number; cells: readonly string[] }[]
  readonly names: readonly { algorithm: string; leaves: readonly string[]; id: string }[]
}

const golden = JSON.parse(readFileSync(join(import.meta.dirname, 'golden.json'), 'utf8')) as Golden

const dataCells = (count: number): Uint8Array[] =>
  Array.from({ length: count }, (_, cell) =>
    Uint8Array.from({ length: 64 }, (_none, byte) => byte * byte + 31 * cell + 7),
  )

for (const { k, m, cells } of golden.parity)
  for (const codec of codecs)
    test(`${codec.name} computes the recorded parity of (${k},${m})`, () =>
      assert.deepEqual(stripeOf(codec, dataCells(k), m).slice(k).map(toHex), cells))

for (const { algorithm, leaves, id } of golden.names)
  test(`a fragment of three cells has its recorded ${algorithm} name`, () => {
    const hasher = algorithm === 'blake3' ? blake3 : sha256
    const found = dataCells(3).map((cell, index) => leafOf(hasher, index, cell))
    assert.deepEqual(found.map(toHex), leaves)
    const digest = rootOf(hasher, concat(found))
    assert.equal(formatFragmentId({ algorithm: hasher.algorithm, digest }), id)
  })
