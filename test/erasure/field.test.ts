import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { logarithm, multiply, ORDER, power } from '../../src/erasure/field.ts'

const byte = fc.integer({ min: 0, max: 255 })

/** Multiplication as in a textbook: shift, add, reduce. */
function slowly(a: number, b: number): number {
  let product = 0
  for (let bit = 7; bit >= 0; bit--) {
    product <<= 1
    if (product & 0x100) product ^= 0x11d
    if ((b >> bit) & 1) product ^= a
  }
  return product
}

test('a product is the product of polynomials modulo 0x11d', () => {
  for (let a = 0; a < 256; a++)
    for (let b = 0; b < 256; b++) assert.equal(multiply(a, b), slowly(a, b))
})

test('multiplication distributes over XOR', () =>
  fc.assert(
    fc.property(byte, byte, byte, (a, b, c) => {
      assert.equal(multiply(a, b ^ c), multiply(a, b) ^ multiply(a, c))
    }),
  ))

test('each byte but 0 is a power of 2, and each exponent gives another', () => {
  for (let element = 1; element < 256; element++) assert.equal(power(logarithm(element)), element)
  assert.equal(new Set(Array.from({ length: ORDER }, (_, exponent) => power(exponent))).size, ORDER)
})
