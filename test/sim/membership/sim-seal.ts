import type { PeerId } from '../../../src/base/environment.ts'
import { SIGNATURE_BYTES, type Seal } from '../../../src/membership/record.ts'

/**
 * Signatures of the simulated world: quick, and nobody can make one but through the seal of the
 * peer, for the hash is keyed with what only this module knows.
 */
export const sealOf = (self: PeerId): Seal => ({
  sign: bytes => signatureOf(self, bytes),
  verify: (peer, bytes, signature) => {
    const right = signatureOf(peer, bytes)
    return right.every((byte, index) => byte === signature[index])
  },
})

function signatureOf(peer: PeerId, bytes: Uint8Array): Uint8Array {
  let hash = 0x811c9dc5
  for (let index = 0; index < peer.length; index++) {
    hash = Math.imul(hash ^ peer.charCodeAt(index), 0x01000193)
  }
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  const signature = new Uint8Array(SIGNATURE_BYTES)
  new DataView(signature.buffer).setUint32(0, Math.imul(hash ^ (hash >>> 15), 0x85ebca6b))
  return signature
}
