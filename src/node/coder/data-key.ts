import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

import { HoldfastError } from '../../base/errors.ts'
import { TAG_BYTES } from '../../erasure/sealing.ts'
import { NONCE_PREFIX_BYTES, UNIT_KEY_BYTES, type UnitKey } from './unit-cipher.ts'

/**
 * An object's key is drawn for one write attempt and stored beside the object, encrypted ("wrapped")
 * under a key that its reader holds:
 *
 *     nonce (12, random) ‖ AES-256-GCM of the data key (32) ‖ tag (16)
 *
 * So the long-lived key is used for 32 bytes per object, the same object written twice looks
 * different, and a change of the long-lived key touches no data.
 */
export const WRAPPED_KEY_BYTES = 60

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const options = { authTagLength: TAG_BYTES }

/** Where bytes come from that nobody can foretell. */
type Secrets = (size: number) => Uint8Array

/** A key for one write attempt. @param associatedData what units are bound to */
export const createUnitKey = (
  associatedData: Uint8Array,
  secrets: Secrets = randomBytes,
): UnitKey => ({
  key: secrets(UNIT_KEY_BYTES),
  noncePrefix: secrets(NONCE_PREFIX_BYTES),
  associatedData,
})

/** Wraps a data key; whoever unwraps it must name the same `associatedData`. */
export function wrapKey(
  wrapping: Uint8Array,
  dataKey: Uint8Array,
  associatedData: Uint8Array,
  secrets: Secrets = randomBytes,
): Uint8Array {
  const nonce = secrets(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, wrapping, nonce, options)
  cipher.setAAD(associatedData)
  const ciphertext = cipher.update(dataKey)
  cipher.final()
  return Uint8Array.from([...nonce, ...ciphertext, ...cipher.getAuthTag()])
}

/**
 * The data key.
 * @throws {HoldfastError} `KEY_WRONG`
 */
export function unwrapKey(
  wrapping: Uint8Array,
  wrapped: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array {
  const end = WRAPPED_KEY_BYTES - TAG_BYTES
  try {
    const nonce = wrapped.subarray(0, NONCE_BYTES)
    const decipher = createDecipheriv(ALGORITHM, wrapping, nonce, options)
    decipher.setAAD(associatedData)
    decipher.setAuthTag(wrapped.subarray(end))
    const dataKey = decipher.update(wrapped.subarray(NONCE_BYTES, end))
    decipher.final()
    return dataKey
  } catch (cause) {
    throw new HoldfastError(
      'Cannot decrypt: it was encrypted under another key',
      {
        code: 'KEY_WRONG',
      },
      { cause },
    )
  }
}
