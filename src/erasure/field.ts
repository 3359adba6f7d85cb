/**
 * GF(2^8), the field of 256 elements: bytes as polynomials over GF(2) modulo
 * x^8 + x^4 + x^3 + x^2 + 1. To add is to XOR, so minus is plus. Every element but 0 is a power of
 * the generator 2, so to multiply is to add logarithms.
 *
 * The polynomial is part of the format on disk: another one gives other parity.
 */
const POLYNOMIAL = 0x11d
/** The number of elements that have a logarithm; exponents count modulo this. */
export const ORDER = 255

const powers = new Uint8Array(2 * ORDER)
const logarithms = new Uint8Array(256)

for (let exponent = 0, element = 1; exponent < ORDER; exponent++) {
  powers[exponent] = element
  powers[exponent + ORDER] = element
  logarithms[element] = exponent
  element <<= 1
  if (element > 255) element ^= POLYNOMIAL
}

/** The product of two bytes. */
export const multiply = (a: number, b: number): number =>
  a === 0 || b === 0 ? 0 : powers[logarithms[a]! + logarithms[b]!]!

/** The exponent, 0 … 254, to which 2 gives this byte, which must not be 0. */
export const logarithm = (element: number): number => logarithms[element]!

/** 2 to this exponent, 0 … 509. */
export const power = (exponent: number): number => powers[exponent]!
