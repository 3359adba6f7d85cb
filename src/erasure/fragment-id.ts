import { fromBase32, toBase32 } from '../base/bytes.ts'
import { HoldfastError } from '../base/errors.ts'
import { DIGEST_BYTES, type HashAlgorithm } from './hash.ts'

/**
 * A fragment's name: a CIDv1 of raw bytes, 36 bytes or 59 characters.
 *
 *     0x01      0x55    0x1e or 0x12           0x20     digest
 *     version   raw     blake3 or sha2-256     length   32 bytes, the root of leaves.ts
 *
 * As text: `b` and the 36 bytes in base32. Each name has exactly one form. The digest covers the
 * list of leaves, not the fragment, so that generic CID verifiers reject it.
 *
 * Equal fragments have equal names: at k = 1 all m + 1 fragments of a segment share one.
 */
export interface FragmentId {
  readonly algorithm: HashAlgorithm
  /** 32 bytes; not to be changed. */
  readonly digest: Uint8Array
}

export const ID_BYTES = 36

const VERSION = 0x01
const RAW = 0x55
/** From the multicodec table. */
const tags: Readonly<Record<HashAlgorithm, number>> = { blake3: 0x1e, 'sha2-256': 0x12 }

/** 58 characters hold 290 bits, two more than needed; these are 0 in the last one. */
const textual = /^b[a-z2-7]{57}[aeimquy4]$/

/** The 36 bytes. */
export function encodeFragmentId({ algorithm, digest }: FragmentId): Uint8Array<ArrayBuffer> {
  if (digest.length !== DIGEST_BYTES)
    throw new RangeError(`A digest has ${DIGEST_BYTES} bytes, not ${digest.length}`)
  const bytes = new Uint8Array(ID_BYTES)
  bytes.set([VERSION, RAW, tags[algorithm], DIGEST_BYTES])
  bytes.set(digest, ID_BYTES - DIGEST_BYTES)
  return bytes
}

/**
 * Reads the 36 bytes; copies the digest.
 * @throws {HoldfastError} `MALFORMED`, or `HASH_UNKNOWN` for a tag we have no hash for
 */
export function decodeFragmentId(bytes: Uint8Array): FragmentId {
  if (bytes.length !== ID_BYTES) throw malformed(Math.min(bytes.length, ID_BYTES))
  const [version, content, tag, length] = bytes
  if (version !== VERSION) throw malformed(0)
  if (content !== RAW) throw malformed(1)
  if (length !== DIGEST_BYTES) throw malformed(3)
  return { algorithm: algorithmOf(tag!), digest: bytes.slice(ID_BYTES - DIGEST_BYTES) }
}

/** Which hash names the fragment with this id, of which nothing else is looked at. */
export const algorithmIn = (bytes: Uint8Array): HashAlgorithm => algorithmOf(bytes[2] ?? 0)

/** The 59 characters. */
export const formatFragmentId = (id: FragmentId): string => `b${toBase32(encodeFragmentId(id))}`

/** Reads what `formatFragmentId` wrote; throws like `decodeFragmentId`. */
export function parseFragmentId(text: string): FragmentId {
  if (!textual.test(text)) throw malformed(0)
  return decodeFragmentId(fromBase32(text.slice(1)))
}

function algorithmOf(tag: number): HashAlgorithm {
  if (tag === tags.blake3) return 'blake3'
  if (tag === tags['sha2-256']) return 'sha2-256'
  throw new HoldfastError(`Cannot verify a fragment: unknown hash 0x${tag.toString(16)}`, {
    code: 'HASH_UNKNOWN',
    tag,
  })
}

const malformed = (offset: number): HoldfastError =>
  new HoldfastError(`Cannot decode a fragment id: at offset ${offset}`, {
    code: 'MALFORMED',
    what: 'fragment id',
    offset,
  })
