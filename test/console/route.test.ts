import assert from 'node:assert/strict'
import { test } from 'node:test'

import * as fc from 'fast-check'

import { addressOf, placeOf } from '../../console/logic/route.ts'

test('names of any kind come back from an address', () =>
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (bucket, key) => {
      fc.pre(bucket.isWellFormed() && key.isWellFormed())
      const { page, names } = placeOf(addressOf('object', bucket, key))
      assert.deepEqual([page, ...names], ['object', bucket, key])
    }),
  ))

for (const address of ['', '#', '#/', '#/nowhere', '#/__proto__', '#/peers/%zz'])
  test(`${address === '' ? 'no address' : address} leads to the overview`, () =>
    assert.deepEqual(placeOf(address), { page: 'overview', names: [] }))
