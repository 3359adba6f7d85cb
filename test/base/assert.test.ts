import nodeAssert from 'node:assert/strict'
import { test } from 'node:test'

import { assert, AssertionError } from '../../src/base/assert.ts'
import { codeOf } from '../../src/base/errors.ts'

for (const condition of [true, 1, 'text', {}]) {
  test(`assert passes what holds: ${JSON.stringify(condition)}`, () => assert(condition, 'holds'))
}

for (const condition of [false, 0, '', null, undefined, NaN]) {
  test(`assert stops at what does not hold: ${String(condition) || "''"}`, () =>
    nodeAssert.throws(
      () => assert(condition, 'term grows'),
      error => error instanceof AssertionError && error.message === 'term grows',
    ))
}

test('a broken invariant is not an expected failure', () =>
  nodeAssert.equal(codeOf(new AssertionError('bug')), undefined))
