import { compare } from 'uint8arrays/compare'
import { concat } from 'uint8arrays/concat'
import { equals } from 'uint8arrays/equals'
import { fromString } from 'uint8arrays/from-string'
import { toString } from 'uint8arrays/to-string'

import { HoldfastError } from './errors.ts'

/**
 * `compare` orders byte by byte, a prefix first. What `concat` and `fromUtf8` return may share its
 * `buffer` with other arrays: never transfer it.
 */
export { compare, concat, equals }

/** UTF-8 bytes of a string; a lone surrogate becomes U+FFFD. */
export const fromUtf8 = (text: string): Uint8Array => fromString(text, 'utf8')

/** The string in UTF-8 bytes; ill-formed sequences become U+FFFD. */
export const toUtf8 = (bytes: Uint8Array): string => toString(bytes, 'utf8')

/**
 * Bytes of a lower-case hexadecimal string.
 * @throws {HoldfastError} `MALFORMED` for anything else: each array has one spelling.
 */
export function fromHex(text: string): Uint8Array {
  const foreign = text.search(/[^0-9a-f]/)
  if (foreign < 0 && text.length % 2 === 0) return fromString(text, 'base16')
  const offset = foreign < 0 ? text.length : foreign
  throw new HoldfastError(`Cannot decode hex: at offset ${offset}`, {
    code: 'MALFORMED',
    what: 'hex',
    offset,
  })
}

/** Lower-case hexadecimal. */
export const toHex = (bytes: Uint8Array): string => toString(bytes, 'base16')

/** Bytes of base64 with padding. */
export const fromBase64 = (text: string): Uint8Array => fromString(text, 'base64pad')

/** Bytes of lower-case base32 without padding. */
export const fromBase32 = (text: string): Uint8Array => fromString(text, 'base32')

/** Lower-case base32 without padding. */
export const toBase32 = (bytes: Uint8Array): string => toString(bytes, 'base32')

/**
 * Bytes of base58, the alphabet without look-alikes.
 * @throws {HoldfastError} `MALFORMED`
 */
export function fromBase58(text: string): Uint8Array {
  const foreign = text.search(/[^1-9A-HJ-NP-Za-km-z]/)
  if (foreign < 0) return fromString(text, 'base58btc')
  throw new HoldfastError(`Cannot decode base58: at offset ${foreign}`, {
    code: 'MALFORMED',
    what: 'base58',
    offset: foreign,
  })
}

/** Base58: no punctuation, so that a double click selects all of it. Takes the square of the size. */
export const toBase58 = (bytes: Uint8Array): string => toString(bytes, 'base58btc')

/** True if every byte is zero; an empty array is. */
export function isZero(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) if (bytes[index] !== 0) return false
  return true
}

/**
 * Frees what nobody needs any more, at once: of an array that is alone in its memory, but for as
 * much as `besideBytes`, the collector sees a hundred bytes, and takes its time.
 */
export function free({ buffer, length }: Uint8Array<ArrayBuffer>, besideBytes = 0): void {
  if (buffer.byteLength <= length + besideBytes) buffer.transfer(0)
}
