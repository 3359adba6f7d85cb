import { createHash } from 'node:crypto'

import { formatFragmentId } from '../../src/erasure/fragment-id.ts'
import type { HashAlgorithm, Hasher } from '../../src/erasure/hash.ts'
import { leafOf, rootOf } from '../../src/erasure/leaves.ts'
import { fragmentNames } from '../../src/node/fragment-names.ts'
import type { FragmentNames } from '../../src/storage/fragment-names.ts'
import type { ReferenceName } from '../../src/storage/fragment-writer.ts'

export const sha256: Hasher = {
  algorithm: 'sha2-256',
  hash: bytes => createHash('sha256').update(bytes).digest(),
}

/** Tests name fragments by sha2-256: it is there everywhere, and synchronous. */
const hashers: Readonly<Record<HashAlgorithm, Hasher>> = { blake3: sha256, 'sha2-256': sha256 }

export const names: FragmentNames = fragmentNames(hashers)

export interface TestFragment {
  /** The text of its id. */
  readonly id: string
  readonly bytes: Uint8Array
  readonly cells: readonly Uint8Array[]
}

/** The fragment of these bytes. */
export function fragmentOf(bytes: Uint8Array, cellBytes: number = 65_536): TestFragment {
  const cells: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += cellBytes)
    cells.push(bytes.subarray(at, at + cellBytes))
  const leaves = new Uint8Array(cells.length * 32)
  for (const [index, cell] of cells.entries()) leaves.set(leafOf(sha256, index, cell), index * 32)
  const id = { algorithm: 'sha2-256', digest: rootOf(sha256, leaves) } as const
  return { id: formatFragmentId(id), bytes, cells }
}

/** One of the fragments of a segment. */
export const nameOf = (segment: number, index: number = 0): ReferenceName => ({
  segment: Uint8Array.of(segment >>> 24, segment >>> 16, segment >>> 8, segment),
  index: index,
})
