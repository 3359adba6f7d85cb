import assert from 'node:assert/strict'
import { test } from 'node:test'

import { runSeed } from './run-seed.ts'
import { upkeepScenario } from './scenarios/upkeep.ts'

test("scenario 'upkeep' passes 2 seeds", async () => {
  for (const seed of [5_000, 5_001]) {
    const { failure } = await runSeed(upkeepScenario, seed)
    assert.equal(failure?.message, undefined, `seed ${seed}`)
  }
})
