import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'

import { concat } from '../../base/bytes.ts'
import { HoldfastError } from '../../base/errors.ts'
import { decodeOrigin, encodeOrigin, type FragmentOrigin } from '../../storage/fragment-origin.ts'

/**
 * The header that each fragment carries, encrypted so that peers without the network's key learn
 * nothing from it, and nobody without the key can make one:
 *
 *     nonce, 12 bytes ‖ AES-256-GCM of the origin ‖ tag, 16 bytes
 *
 * The nonce is a keyed hash of the origin: equal origins give equal bytes, so that a fragment that is
 * put again is the same file, and two different ones share a nonce as good as never.
 */
const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const options = { authTagLength: TAG_BYTES }

export class OriginSeal {
  readonly #key: Uint8Array
  readonly #nonceKey: Uint8Array

  /** @param networkKey 32 bytes, of which keys for this and nothing else are derived */
  constructor(networkKey: Uint8Array) {
    this.#key = derive(networkKey, 'seal')
    this.#nonceKey = derive(networkKey, 'nonce')
  }

  /** @throws {HoldfastError} `TOO_LARGE` */
  seal(origin: FragmentOrigin): Uint8Array {
    const plain = encodeOrigin(origin)
    const nonce = createHmac('sha256', this.#nonceKey)
      .update(plain)
      .digest()
      .subarray(0, NONCE_BYTES)
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce, options)
    const ciphertext = cipher.update(plain)
    cipher.final()
    return concat([nonce, ciphertext, cipher.getAuthTag()])
  }

  /** @throws {HoldfastError} `CORRUPT` if it was not sealed under this key, `MALFORMED` */
  open(sealed: Uint8Array): FragmentOrigin {
    const end = Math.max(NONCE_BYTES, sealed.length - TAG_BYTES)
    let plain: Uint8Array
    try {
      const nonce = sealed.subarray(0, NONCE_BYTES)
      const decipher = createDecipheriv(ALGORITHM, this.#key, nonce, options)
      decipher.setAuthTag(sealed.subarray(end))
      plain = new Uint8Array(decipher.update(sealed.subarray(NONCE_BYTES, end)))
      decipher.final()
    } catch (cause) {
      const what = 'origin of a fragment'
      throw new HoldfastError(`Cannot open the ${what}`, { code: 'CORRUPT', what }, { cause })
    }
    return decodeOrigin(plain)
  }
}

const derive = (key: Uint8Array, purpose: string): Uint8Array =>
  createHmac('sha256', key).update(`holdfast fragment origin ${purpose}`).digest()
