import assert from 'node:assert/strict'

import { codeOf, type Failure } from '../../src/base/errors.ts'

/** Asserts that a promise rejects with an expected failure of this code. */
export async function rejectsWith(code: Failure['code'], promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.equal(codeOf(error), code, error instanceof Error ? error.stack : String(error))
    return true
  })
}

/** Asserts that a call throws an expected failure of this code. */
export function failsWith(code: Failure['code'], call: () => unknown): void {
  assert.throws(call, (error: unknown) => {
    assert.equal(codeOf(error), code, error instanceof Error ? error.stack : String(error))
    return true
  })
}
