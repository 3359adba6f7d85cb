import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { codeOf } from '../../src/base/errors.ts'
import { readLocator, signLocator } from '../../src/net/group-locator.ts'
import { identityFromSeed } from '../../src/net/identity.ts'

const signer = await identityFromSeed(new Uint8Array(32).fill(1))
const other = await identityFromSeed(new Uint8Array(32).fill(2))
const locator = { group: '7', epoch: 3, voters: [signer.peer, other.peer], expiresAtMs: 1_000 }
const signed = signLocator(signer, locator)

const codeOfReading = (bytes: Uint8Array): string | undefined => {
  try {
    readLocator(bytes)
    return undefined
  } catch (error) {
    return codeOf(error) ?? String(error)
  }
}

test('a locator is read as it was signed', () =>
  assert.deepEqual(readLocator(signed), { ...locator, signer: signer.peer }))

test('a locator of which any byte was changed is refused', () => {
  for (const at of signed.keys()) {
    const forged = signed.slice()
    forged[at] = (forged[at] as number) ^ 1
    assert.equal(codeOfReading(forged)?.match(/MALFORMED|TOO_LARGE/)?.length, 1, `byte ${at}`)
  }
})

test('a locator that is cut off is refused', () => {
  for (const at of signed.keys()) assert.equal(codeOfReading(signed.subarray(0, at)), 'MALFORMED')
})

test('a locator signed by somebody who is no voter is refused', () => {
  const alien = signLocator(signer, { ...locator, voters: [other.peer] })
  assert.equal(codeOfReading(alien), 'MALFORMED')
})

test('a locator has bounds', () => {
  const voters = Array.from({ length: 17 }, () => signer.peer)
  assert.throws(() => signLocator(signer, { ...locator, voters }), RangeError)
  assert.equal(codeOfReading(new Uint8Array(4_097)), 'TOO_LARGE')
})

test('whatever bytes come as a locator, they are refused by an expected failure', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), bytes => {
      assert.match(String(codeOfReading(bytes)), /^(MALFORMED|TOO_LARGE)$/)
    }),
    { numRuns: 2_000 },
  )
})
