import assert from 'node:assert/strict'
import { test } from 'node:test'

import { runSeed } from './run-seed.ts'
import type { Scenario } from './scenario.ts'
import { consensusScenario } from './scenarios/consensus.ts'
import { raftScenario } from './scenarios/raft.ts'

const SEEDS = 200

async function passes(scenario: Scenario): Promise<void> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { failure } = await runSeed(scenario, seed)
    const replay = `npm run sim -- --scenario ${scenario.name} --seed ${seed}`
    assert.equal(failure, undefined, `${failure?.message}\nreplay: ${replay}`)
  }
}

test(`${SEEDS} groups of cores keep what they promise, whatever befalls them`, () =>
  passes(raftScenario))

test(`${SEEDS} groups of whole peers keep what they promise, whatever befalls them`, () =>
  passes(consensusScenario))

test('the same seed plays the same run of a group', async () => {
  const [first, second] = [await runSeed(consensusScenario, 7), await runSeed(consensusScenario, 7)]
  assert.equal(first.hash, second.hash)
  assert.notEqual(first.hash, (await runSeed(consensusScenario, 8)).hash)
})
