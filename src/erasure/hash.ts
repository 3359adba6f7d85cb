/** The hashes a fragment may be named by; the tag in its id says which. */
export type HashAlgorithm = 'blake3' | 'sha2-256'

/** Both give digests of this size. */
export const DIGEST_BYTES = 32

/**
 * A hash function, passed in by the driver: the core knows what is hashed, not how. For one thread.
 */
export interface Hasher {
  readonly algorithm: HashAlgorithm
  /** A new array of 32 bytes. */
  hash(bytes: Uint8Array): Uint8Array
}
