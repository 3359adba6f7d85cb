import assert from 'node:assert/strict'
import { test } from 'node:test'

import { codeOf, HoldfastError } from '../../src/base/errors.ts'

test('an expected failure carries its code, its numbers and its cause', () => {
  const cause = new Error('EMFILE')
  const details = { code: 'BUSY', what: 'queue', limit: 8 } as const
  const error = new HoldfastError('Cannot enqueue: 8 wait already', details, { cause })
  assert.equal(error.name, 'HoldfastError')
  assert.equal(error.message, 'Cannot enqueue: 8 wait already')
  assert.equal(error.code, 'BUSY')
  assert.equal(error.details, details)
  assert.equal(error.cause, cause)
})

test('codeOf knows the failures of another copy of the package', () => {
  class Copy extends Error {
    override readonly name = 'HoldfastError'
    readonly code = 'CLOSED'
  }
  assert.equal(codeOf(new Copy()), 'CLOSED')
})

const foreign = [
  ['a bug', new TypeError('x is undefined')],
  ['a failure of the system', Object.assign(new Error('no such file'), { code: 'ENOENT' })],
  ['an object that is no error', { name: 'HoldfastError', code: 'BUSY' }],
  ['a string', 'BUSY'],
  ['undefined', undefined],
] as const
for (const [what, error] of foreign) {
  test(`codeOf leaves ${what} alone`, () => assert.equal(codeOf(error), undefined))
}
