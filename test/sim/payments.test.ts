import assert from 'node:assert/strict'
import { test } from 'node:test'

import { runSeed } from './run-seed.ts'
import { paymentsScenario } from './scenarios/payments.ts'

/** Of a run as `npm run sim` plays it. */
const SHARE = 0.15

test("scenario 'payments' passes 2 seeds", async () => {
  for (const seed of [9_000, 9_001]) {
    const { failure } = await runSeed(paymentsScenario, seed, SHARE)
    assert.equal(failure?.message, undefined, `seed ${seed}`)
  }
})
