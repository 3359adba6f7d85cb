import assert from 'node:assert/strict'
import { test } from 'node:test'

import { runSeed } from './run-seed.ts'
import { catalogGroupScenario } from './scenarios/catalog-group.ts'
import { electionScenario } from './scenarios/election.ts'
import { kvScenario } from './scenarios/kv.ts'

const FIRST_SEED = 5_000

for (const [scenario, seeds] of [
  [kvScenario, 30],
  [electionScenario, 8],
  [catalogGroupScenario, 20],
] as const) {
  test(`scenario '${scenario.name}' passes ${seeds} seeds`, async () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed++) {
      const { failure } = await runSeed(scenario, seed)
      assert.equal(failure?.message, undefined, `seed ${seed}`)
    }
  })
}
