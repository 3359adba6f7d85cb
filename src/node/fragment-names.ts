import {
  algorithmIn,
  decodeFragmentId,
  encodeFragmentId,
  formatFragmentId,
  parseFragmentId,
} from '../erasure/fragment-id.ts'
import type { HashAlgorithm, Hasher } from '../erasure/hash.ts'
import { leafInPlace, rootOf } from '../erasure/leaves.ts'
import type { FragmentNames } from '../storage/fragment-names.ts'

/** What the fragment store must know of names, from the core that makes them. */
export function fragmentNames(hashers: Readonly<Record<HashAlgorithm, Hasher>>): FragmentNames {
  const hasherOf = (id: Uint8Array): Hasher => hashers[algorithmIn(id)]
  return {
    decode: text => encodeFragmentId(parseFragmentId(text)),
    encode: id => formatFragmentId(decodeFragmentId(id)),
    leaf: (id, index, framed) => leafInPlace(hasherOf(id), index, framed),
    root: (id, leaves) => rootOf(hasherOf(id), leaves),
    hash: (id, bytes) => hasherOf(id).hash(bytes),
  }
}
