import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

import { concat, fromHex } from '../../base/bytes.ts'

export const PUBLIC_KEY_BYTES = 32
export const SEED_BYTES = 32
export const SIGNATURE_BYTES = 64

/** What a key is wrapped in for `node:crypto` (RFC 8410). */
const PRIVATE_PREFIX = fromHex('302e020100300506032b657004220420')
const PUBLIC_PREFIX = fromHex('302a300506032b6570032100')

/** Signs with one Ed25519 key. The same bytes always get the same signature. */
export interface Signer {
  readonly publicKey: Uint8Array
  sign(bytes: Uint8Array): Uint8Array
}

/** The key that grows from 32 secret bytes. */
export function signerOf(seed: Uint8Array): Signer {
  const der = Buffer.from(concat([PRIVATE_PREFIX, seed]))
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return {
    publicKey: new Uint8Array(spki.subarray(PUBLIC_PREFIX.length)),
    sign: bytes => sign(null, bytes, key),
  }
}

/** Checks signatures of one key; what is no key at all verifies nothing. */
export function verifierOf(
  publicKey: Uint8Array,
): (bytes: Uint8Array, signature: Uint8Array) => boolean {
  let key: KeyObject
  try {
    const der = Buffer.from(concat([PUBLIC_PREFIX, publicKey]))
    key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch {
    return () => false
  }
  return (bytes, signature) => verify(null, bytes, key, signature)
}
