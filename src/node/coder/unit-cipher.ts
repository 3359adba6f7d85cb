import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'

import { assert } from '../../base/assert.ts'
import { HoldfastError } from '../../base/errors.ts'
import { TAG_BYTES } from '../../erasure/sealing.ts'

/**
 * Encryption of an object in units (`erasure/sealing.ts`), each AES-256-GCM under
 *
 *     nonce (12 bytes)   prefix (7, random per object) ‖ number of the unit (4, big-endian) ‖ last (1)
 *
 * so that units can be opened alone, yet neither reordered, repeated, nor cut off at the end. The
 * associated data says whose units they are. A key serves one write attempt and no other.
 */
export interface UnitKey {
  /** 32 bytes, drawn for this write attempt. */
  readonly key: Uint8Array
  /** 7 bytes. */
  readonly noncePrefix: Uint8Array
  /** What every unit is bound to: algorithm and object. */
  readonly associatedData: Uint8Array
}

export const UNIT_KEY_BYTES = 32
export const NONCE_PREFIX_BYTES = 7
const UNITS_MAX = 2 ** 32

/** Which unit it is: part of its nonce. */
export interface UnitPosition {
  readonly index: number
  readonly isLast: boolean
}

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
/** Without it, `createDecipheriv` would take tags of 4 bytes. */
const options = { authTagLength: TAG_BYTES }

/** Seals and opens the units of one object. */
export class UnitCipher {
  /** A key as an object: given as bytes, it would be imported for every unit, at twice the time. */
  readonly #key: KeyObject
  readonly #noncePrefix: Uint8Array
  readonly #associatedData: Uint8Array

  constructor({ key, noncePrefix, associatedData }: UnitKey) {
    assert(key.length === UNIT_KEY_BYTES, 'a unit key has 32 bytes')
    assert(noncePrefix.length === NONCE_PREFIX_BYTES, 'a nonce prefix has 7 bytes')
    this.#key = createSecretKey(key)
    this.#noncePrefix = noncePrefix
    this.#associatedData = associatedData
  }

  /** Ciphertext and tag of a unit. */
  seal(position: UnitPosition, plain: Uint8Array): { ciphertext: Uint8Array; tag: Uint8Array } {
    const cipher = createCipheriv(ALGORITHM, this.#key, this.#nonceOf(position), options)
    cipher.setAAD(this.#associatedData)
    const ciphertext = cipher.update(plain)
    cipher.final()
    return { ciphertext, tag: cipher.getAuthTag() }
  }

  /**
   * Plaintext of a unit, a new array that nobody saw before its tag was verified.
   * @throws {HoldfastError} `CORRUPT` if the unit is not this one, whole, under this key
   */
  open(position: UnitPosition, sealed: Uint8Array): Uint8Array {
    const end = sealed.length - TAG_BYTES
    try {
      const decipher = createDecipheriv(ALGORITHM, this.#key, this.#nonceOf(position), options)
      decipher.setAAD(this.#associatedData)
      decipher.setAuthTag(sealed.subarray(end))
      const plain = decipher.update(sealed.subarray(0, end))
      decipher.final()
      return plain
    } catch (cause) {
      const what = `unit ${position.index}`
      throw new HoldfastError(`Cannot decrypt ${what}`, { code: 'CORRUPT', what }, { cause })
    }
  }

  #nonceOf({ index, isLast }: UnitPosition): Uint8Array {
    assert(index >= 0 && index < UNITS_MAX, 'an object has at most 2^32 units')
    const nonce = new Uint8Array(NONCE_BYTES)
    nonce.set(this.#noncePrefix)
    new DataView(nonce.buffer).setUint32(NONCE_PREFIX_BYTES, index)
    nonce[NONCE_BYTES - 1] = isLast ? 1 : 0
    return nonce
  }
}
