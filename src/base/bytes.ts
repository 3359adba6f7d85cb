import { compare } from 'uint8arrays/compare'
import { concat } from 'uint8arrays/concat'
import { equals } from 'uint8arrays/equals'
import { fromString } from 'uint8arrays/from-string'
import { toString } from 'uint8arrays/to-string'

export { compare, concat, equals }

/** UTF-8 bytes of a string. */
export const fromUtf8 = (text: string): Uint8Array => fromString(text, 'utf8')

/** The string in UTF-8 bytes; ill-formed sequences become U+FFFD. */
export const toUtf8 = (bytes: Uint8Array): string => toString(bytes, 'utf8')

/** Bytes of a lower-case hexadecimal string of even length. */
export const fromHex = (text: string): Uint8Array => fromString(text, 'base16')

/** Lower-case hexadecimal. */
export const toHex = (bytes: Uint8Array): string => toString(bytes, 'base16')

/** True if every byte is zero; an empty array is. */
export function isZero(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) if (bytes[index] !== 0) return false
  return true
}
