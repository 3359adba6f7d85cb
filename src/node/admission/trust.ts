import { createHash } from 'node:crypto'

import { concat, fromUtf8 } from '../../base/bytes.ts'
import { verifierOf } from './ed25519.ts'

export const NETWORK_ID_BYTES = 32

/**
 * Whom a peer believes: a network, and the keys that may say who belongs to it. There may be two of
 * them while one takes over from the other.
 */
export interface Trust {
  readonly networkId: Uint8Array
  readonly authorities: readonly Uint8Array[]
  /** Whether one of the authorities has signed this, for this network. */
  verify(bytes: Uint8Array, signature: Uint8Array): boolean
}

/** A network is named after the key that founded it, so that an invite need only carry the key. */
const networkIdOf = (authority: Uint8Array): Uint8Array =>
  new Uint8Array(
    createHash('sha256').update(fromUtf8('holdfast network 1\0')).update(authority).digest(),
  )

/** The trust of a network in the key that founded it. */
export const trustIn = (authority: Uint8Array): Trust =>
  trustOf(networkIdOf(authority), [authority])

export function trustOf(networkId: Uint8Array, authorities: readonly Uint8Array[]): Trust {
  const verifiers = authorities.map(verifierOf)
  return {
    networkId,
    authorities,
    verify(bytes, signature) {
      const signed = inNetwork(networkId, bytes)
      return verifiers.some(verifies => verifies(signed, signature))
    },
  }
}

/** What is signed in a network means nothing in another, nor anywhere else the key may be used. */
export const inNetwork = (networkId: Uint8Array, bytes: Uint8Array): Uint8Array =>
  concat([fromUtf8('holdfast record 1\0'), networkId, bytes])
